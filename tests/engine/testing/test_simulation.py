"""Whole controllers in a simulated world: the same seed is the same run, and any fault can be had."""

import gc
import hashlib
from pathlib import Path
from random import Random

import pytest

import eventlog
import replay
from engine import ResourceAction, ResourceFactory, ResourceManager, ResourceState
from engine.core.errors import ExperimentError, ResourceFailed, WaitTimeout
from engine.runtime.coordinator import Coordinator
from engine.testing.simulation import Crashed, Faults, Simulation, Stuck, current
from engine.testing.simulation.disk import LogWriter
from engine.testing.simulation.hosts import Host
from engine.testing.simulation.launching import Attempt
from tests.engine.testing.experiments import check, describe, entries, go_on, script, see_through, world

pytestmark = pytest.mark.slow

START, STOP = ResourceAction.START, ResourceAction.STOP


def task(ec, **plan):
    """A task with such a plan."""
    return ec.register_resource("sim::Task", plan={step: {"how": how} for step, how in plan.items()})


# --- time and order


def test_an_hour_takes_no_time():
    def long(sim):
        ec, _, (app,) = describe(sim, apps=1, seconds=3600.0)
        with ec:
            ec.deploy()
            assert ec.wait_finished(app)
            return (ec.get_stop_time(app) - ec.get_start_time(app)).total_seconds()

    sim = Simulation(7)
    assert sim.run(long) == pytest.approx(3600.0, abs=0.2)
    assert sim.ratio > 10_000
    check(sim)


def digest(sim):
    """Every byte that was written, and everything that happened."""
    written = b"".join(batch.payload for batch in sim.disk.log(sim.run_dir).store._contents.batches)
    return hashlib.sha256(written).hexdigest(), hashlib.sha256(repr(list(sim.record)).encode()).hexdigest()


@pytest.mark.parametrize("faults", [Faults(), Faults(crash=0.01, hook_late=2.0, hook_fails=0.05, twice=0.2)])
def test_the_same_seed_gives_the_same_log_byte_for_byte(faults):
    def run(seed):
        sim = Simulation(seed, faults=faults)
        see_through(sim)
        return digest(sim)

    assert run(11) == run(11)
    assert run(11) != run(12)


def test_different_seeds_give_different_orders():
    def order(seed):
        sim = Simulation(seed)
        sim.run(script)
        return tuple(each.token.split("-")[1] for each in sim.record.of("process.began"))

    assert len({order(seed) for seed in range(10)}) > 2


def test_delays_are_kept_to_the_nanosecond():
    def delayed(sim):
        ec, _, (first, second) = describe(sim)
        ec.register_condition(second, START, first, ResourceState.STARTED, "2.5s")
        ec.deploy()
        ec.wait_finished([first, second])
        ec.shutdown()

    sim = Simulation(3)
    sim.run(delayed)
    begun = {entry.event.guid: entry.time for entry in entries(sim) if getattr(entry.event, "step", "") == "start"}
    started = world(sim).resources[2].times[ResourceState.STARTED]
    assert begun[3] >= started + 2_500_000_000
    check(sim)


def test_what_the_user_schedules_is_called_in_time():
    called = []

    def plan(sim):
        ec = sim.controller()
        ec.schedule("90s", lambda: called.append(sim.seconds))
        sim.sleep(100)
        ec.shutdown()

    Simulation().run(plan)
    assert called == [90.0]


@pytest.mark.parametrize("seed", range(30))
def test_what_was_given_up_is_not_called(seed):
    """It is due at the moment of the shutdown."""
    over = []

    def script(sim):
        ec = sim.controller()
        ec.schedule("5s", lambda: over.append("task.done" in [event.kind for event in sim.events()]))
        sim.sleep(5)
        ec.shutdown()

    sim = Simulation(seed)
    sim.run(script)
    check(sim)
    assert True not in over


def test_a_wait_that_lasts_too_long_is_given_up():
    def impatient(sim):
        with sim.controller() as ec:
            app = task(ec, deploy="hangs")
            ec.deploy()
            with pytest.raises(WaitTimeout):
                ec.wait_started(app, "5s")
            sim.crash()

    sim = Simulation()
    with pytest.raises(Crashed):
        sim.run(impatient)
    assert sim.seconds == pytest.approx(5.0)


def test_no_more_hooks_run_at_once_than_there_are_workers():
    def busy(sim):
        with sim.controller(workers=3) as ec:
            for _ in range(10):
                ec.register_resource("sim::Task", plan={"deploy": {"takes": 1.0}})
            ec.deploy()
            ec.wait_started(ec.resources)

    sim = Simulation(5)
    sim.run(busy)
    now = most = 0
    for each in sim.record.of("hook.called", "hook.returned"):
        now += 1 if each.kind == "hook.called" else -1
        most = max(most, now)
    assert most == 3
    assert sim.seconds >= 4.0


def test_its_clock_can_be_read_and_rings():
    sim, rung = Simulation(), []
    before = sim.clock.now()
    sim.clock.alarm(lambda: rung.append(sim.seconds)).set(before + 2_000_000_000)
    sim.run(lambda sim: sim.sleep(5))
    assert rung == [2.0]
    assert sim.clock.now() == before + 5_000_000_000


# --- when it cannot end


def test_a_deadlock_says_who_waits_for_what():
    def hopeless(sim):
        ec, host, _ = describe(sim)
        ec.deploy()
        ec.wait_finished(host)

    with pytest.raises(Stuck) as stuck:
        Simulation().run(hopeless)
    message = str(stuck.value)
    assert "nothing can happen any more, 3." in message
    assert "program-1, script: waits for an answer, in test_a_deadlock_says_who_waits_for_what.<locals>" in message
    assert "#1 sim::Host is STARTED: it runs until it ends or is stopped" in message


def test_a_simulation_that_takes_too_long_is_given_up():
    with pytest.raises(Stuck, match="longer than the simulation was allowed to"):
        Simulation(limit=60.0).run(lambda sim: sim.sleep(61.0))


def test_one_who_never_lets_time_go_by_is_found_out(monkeypatch):
    monkeypatch.setattr("engine.testing.simulation.hub._MOST_STEPS", 1000)

    def restless(sim):
        while True:
            sim.sleep(0)

    with pytest.raises(Stuck, match="without any time going by"):
        Simulation().run(restless)


def test_what_a_script_raises_is_raised():
    def fail(sim):
        describe(sim)
        raise LookupError("x")

    sim = Simulation()
    with pytest.raises(LookupError, match="x"):
        sim.run(fail)
    assert not sim.disk.log(sim.run_dir).store._contents.holder


def test_outside_of_a_simulation_there_is_none():
    with pytest.raises(RuntimeError, match="only within a simulation"):
        current()


# --- a controller that dies


def points(**kwargs):
    """What was about to happen at each point of an undisturbed run."""
    sim = Simulation(1, **kwargs)
    sim.run(script)
    return sim.points


@pytest.mark.parametrize("label", sorted(set(points())))
def test_it_may_die_at_every_kind_of_point(label):
    """At the first, the last and one in the middle of each kind; all of them are in the next test."""
    numbers = [number for number, each in enumerate(points()) if each == label]
    for number in {numbers[0], numbers[len(numbers) // 2], numbers[-1]}:
        sim = Simulation(1, faults=Faults(crash_at={number}))
        assert see_through(sim) == 1
        assert sim.points[number] == label
        check(sim)


@pytest.mark.parametrize(
    ("disk", "each"),
    [
        pytest.param("memory", 4, marks=pytest.mark.slow),
        pytest.param("disk", 9, marks=pytest.mark.slow),
        pytest.param("memory", 1, marks=pytest.mark.torture),
        pytest.param("disk", 1, marks=pytest.mark.torture),
    ],
)
def test_it_may_die_at_any_point_and_once_more_while_it_is_taken_over(disk, each):
    for number in range(0, len(points(disk=disk)), each):
        sim = Simulation(1, disk=disk, faults=Faults(crash_at={number, number + 25}, power=0.5))
        assert see_through(sim) >= 1
        check(sim)


@pytest.mark.parametrize("disk", ["memory", "disk"])
@pytest.mark.parametrize("seed", range(15))
def test_it_may_die_now_and_then(seed, disk):
    sim = Simulation(seed, disk=disk, faults=Faults(crash=0.004, power=0.5, hook_late=1.0, twice=0.1, late=0.5))
    see_through(sim)
    check(sim)


def test_what_it_had_in_memory_is_gone_and_what_runs_goes_on():
    called, kept = [], []

    def first(sim):
        ec, _, apps = describe(sim, seconds=20.0)
        kept.append(ec)
        ec.schedule("5s", lambda: called.append("task"))
        ec.deploy()
        ec.wait_started(apps)
        try:
            sim.crash()
        finally:
            called.append("unwound")

    def then(sim):
        sim.sleep(10)
        ec = sim.reconnect()
        assert ec.wait_finished([2, 3])
        ec.shutdown()

    sim = Simulation(2)
    with pytest.raises(Crashed, match="program-1 died: it was crashed"):
        sim.run(first)
    sim.run(then)
    check(sim)
    assert called == ["unwound"]
    assert [each.facts["code"] for each in sim.record.of("process.ended", where="host")] == [0, 0]
    with pytest.raises(ExperimentError):
        kept[0].state(1)


def test_without_power_what_was_not_synced_may_be_gone():
    lengths = set()
    before = points(disk="disk").index("disk sync", 60)
    for seed in range(12):
        sim = Simulation(1, disk="disk", faults=Faults(crash_at={before}, power=1.0))
        sim.chance._random.seed(seed)
        with pytest.raises(Crashed):
            sim.run(script)
        lengths.add(len(sim.events()))
        sim.run(go_on)
        check(sim)
    assert len(lengths) == 2


def test_a_simulation_that_is_dropped_in_the_middle_does_nothing_more():
    def endless(sim):
        with sim.controller() as ec:
            task(ec, deploy="hangs")
            ec.deploy()
            sim.sleep(None)

    sim = Simulation()
    with pytest.raises(Stuck):
        sim.run(endless)
    del sim
    gc.collect()


# --- two controllers


def test_a_second_controller_is_refused_while_the_first_one_lives():
    def second(sim):
        with pytest.raises(eventlog.Locked, match="program-1 in a simulation"):
            sim.reconnect()

    def first(sim):
        ec, _, apps = describe(sim)
        ec.deploy()
        other = sim.start(second)
        ec.wait_finished(apps)
        assert not other.alive
        other.result()
        ec.shutdown()

    sim = Simulation()
    sim.run(first)
    check(sim)


@pytest.mark.parametrize("seed", range(30))
def test_one_that_was_declared_dead_can_neither_write_nor_start_anything(seed):
    """It stands still at any moment, is replaced, and goes on as if nothing had been."""
    sim = Simulation(seed)
    first = sim.start(script)

    def successor(sim):
        sim.sleep(sim.random.uniform(0.001, 0.3))
        first.pause()
        sim.sleep(1)
        sim.declare_dead(first)
        ec = sim.reconnect()
        first.resume()
        sim.sleep(30)
        ec.shutdown()

    sim.run(successor)
    with pytest.raises(eventlog.Locked, match="its lock was taken away"):
        first.result()
    check(sim)
    first_of_second = next(entry.seq for entry in entries(sim) if entry.epoch == 2)
    assert {entry.epoch for entry in entries(sim)[first_of_second:]} == {2}


def test_a_batch_of_one_that_stands_still_is_nobody_elses():
    """All programs of a simulation share a thread."""

    def first(sim):
        ec = sim.controller()
        with ec.batch():
            ec.register_resource("sim::Host")
            sim.sleep(5)
        ec.register_resource("sim::Host")

    def second(sim):
        sim.sleep(1)
        standing.pause()
        sim.sleep(1)
        sim.declare_dead(standing)
        ec = sim.reconnect()
        ec.register_resource("sim::Host")
        ec.shutdown()
        standing.resume()

    sim = Simulation()
    standing = sim.start(first)
    sim.run(second)
    check(sim)


# --- hooks that go wrong


def test_a_hook_that_fails():
    def failing(sim):
        ec = sim.controller()
        bad = task(ec, deploy="fails")
        ec.deploy()
        assert not ec.wait_started(bad)
        failure = ec.failure(bad)
        ec.shutdown()
        return failure

    sim = Simulation()
    failure = sim.run(failing)
    assert isinstance(failure, ResourceFailed)
    assert "deploy of #1 fails: its plan says so" in str(failure)
    check(sim)


def test_a_hook_that_hangs_for_ever_is_given_up():
    def hanging(sim):
        ec = sim.controller()
        task(ec, deploy="hangs")
        ec.deploy()
        sim.sleep(10)
        with pytest.raises(ExperimentError, match="its deploy was given up"):
            ec.shutdown()

    sim = Simulation()
    sim.run(hanging)
    assert sim.seconds == pytest.approx(20.0, abs=0.3)
    check(sim)


@pytest.mark.parametrize(("how", "most"), [("heeds", 5.5), ("ok", 9.5)])
def test_a_hook_that_is_cancelled_heeds_that_or_finishes_late(how, most):
    def cancelled(sim):
        ec = sim.controller()
        ec.register_resource("sim::Task", plan={"deploy": {"how": how, "takes": 9.0}})
        ec.deploy()
        sim.sleep(5)
        ec.shutdown()

    sim = Simulation()
    sim.run(cancelled)
    assert most - 0.5 <= sim.seconds < most
    check(sim)


def test_hooks_go_wrong_by_chance():
    kinds = set()
    for seed in range(10):
        sim = Simulation(seed, faults=Faults(hook_fails=0.2, hook_late=3.0))
        see_through(sim)
        kinds |= {each.kind for each in sim.record.of("hook.raised", "hook.returned")}
        check(sim)
    assert kinds == {"hook.raised", "hook.returned"}


# --- hosts that go wrong


@pytest.mark.parametrize("seed", range(10))
def test_a_host_that_is_away_while_its_controller_is_replaced(seed):
    def first(sim):
        ec, _, apps = describe(sim, seconds=5.0)
        ec.deploy()
        ec.wait_started(apps)
        sim.host().vanish()
        sim.crash()

    def then(sim):
        ec = sim.reconnect()
        sim.sleep(40)
        assert {ec.state(guid, hr=True) for guid in (2, 3)} == {"STARTED"}
        sim.host().come_back()
        assert ec.wait_finished([2, 3])
        ec.shutdown()

    sim = Simulation(seed)
    with pytest.raises(Crashed):
        sim.run(first)
    sim.run(then)
    assert any(entry.event.kind == "resource.unknown" for entry in entries(sim))
    check(sim)


def test_a_reboot_ends_what_ran_as_gone():
    def rebooted(sim):
        ec, _, apps = describe(sim, seconds=None)
        ec.deploy()
        ec.wait_started(apps)
        sim.host().reboot()
        sim.sleep(10)
        states = {ec.state(guid, hr=True) for guid in apps}
        ec.shutdown()
        return states

    sim = Simulation()
    assert sim.run(rebooted) == {"FAILED"}
    check(sim)


@pytest.mark.parametrize("seed", range(30))
def test_everything_may_go_wrong_at_once(seed):
    hosts = {"lost": 0.05, "late": 3.0, "twice": 0.1, "vanishes": 0.05, "reboots": 0.03, "away": 20.0}
    hooks = {"hook_fails": 0.02, "hook_hangs": 0.01, "hook_late": 1.0}
    faults = Faults(**hosts, **hooks, slow_disk=0.2, crash=0.003, power=0.5)
    sim = Simulation(seed, disk="disk", faults=faults)
    see_through(sim)
    check(sim)


# --- bugs that were planted must be found


NEAR = {"request", "answer", "launch: claim", "launch: started", "launch: look for void"}


def let_out_before_it_is_written(monkeypatch):
    commit = Coordinator._commit

    def hasty(self):
        self._kernel.settle()
        for effect in self._kernel.effects:
            self._carry_out(effect)
        self._crew.go_on()
        self._kernel.effects.clear()
        return commit(self)

    monkeypatch.setattr(Coordinator, "_commit", hasty)


def believe_in_absence_and_fence_nobody(monkeypatch):
    """Either alone would be made up for by the other."""
    monkeypatch.setattr(Attempt, "probe", lambda self, epoch: self.outcome())
    monkeypatch.setattr(Host, "later_than", lambda self, epoch: 0)


def forget_to_sync(monkeypatch):
    def append(self, events):
        self._log.simulation.point("before append")
        self._late, late = list(events), getattr(self, "_late", [])
        if late:
            self._writer.append(late)

    monkeypatch.setattr(LogWriter, "append", append)


def goes_wrong(seed):
    """Whether it shows in an experiment whose controller dies where that matters: near what is asked of hosts."""
    chance = Random(seed)
    faults = Faults(crash_at=lambda _, label: label in NEAR and chance.random() < 0.1, slow_disk=0.3)
    sim = Simulation(seed, latency=(0.0, 0.3), faults=faults)
    try:
        see_through(sim)
        check(sim)
    except Exception:  # noqa: BLE001 - however it shows
        return True
    return False


@pytest.mark.parametrize("seed", range(30))
def test_nothing_goes_wrong_without_a_planted_bug(seed):
    assert not goes_wrong(seed)


@pytest.mark.slow
@pytest.mark.parametrize("plant", [let_out_before_it_is_written, believe_in_absence_and_fence_nobody, forget_to_sync])
def test_a_planted_bug_is_found(plant, monkeypatch):
    plant(monkeypatch)
    assert any(goes_wrong(seed) for seed in range(100))


# --- types of other people, and tools


def test_every_kind_of_happening_is_described():
    kinds = set()
    for seed in range(12):
        sim = Simulation(seed, faults=Faults(vanishes=0.05, hook_fails=0.1, crash=0.003))
        sim.at(2.0, sim.host().reboot)
        see_through(sim)
        kinds |= {each.kind for each in sim.record}
    page = (Path(__file__).parents[3] / "docs" / "simulation.md").read_text(encoding="utf-8")
    assert {kind for kind in kinds if f"`{kind}`" not in page} == set()
    assert len(kinds) == 14


class Slow(ResourceManager, rtype="somebody::Slow"):
    """Takes its time."""

    def deploy(self, intent):
        with current().acting(self, intent):
            current().sleep(30.0)


ResourceFactory.register_type(Slow)


def test_other_peoples_types_can_be_simulated():
    def theirs(sim):
        with sim.controller() as ec:
            guid = ec.register_resource("somebody::Slow")
            ec.deploy()
            assert ec.wait_started(guid)
            return sim.seconds

    assert Simulation().run(theirs) == pytest.approx(30.0, abs=0.01)


@pytest.mark.parametrize("disk", ["memory", "disk"])
def test_a_log_can_be_looked_at_with_the_tools_for_files(tmp_path, disk):
    sim = Simulation(4, disk=disk, faults=Faults(crash=0.004))
    see_through(sim)
    path = sim.export(tmp_path / "exp" / "run")
    assert replay.check(path) == []
    with eventlog.open(path) as log:
        assert list(log) == sim.events()

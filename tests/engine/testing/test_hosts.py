"""The model of the launch protocol: at most one start, no verdict by absence, no controller that was replaced."""

import pytest

from engine import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed, TransportLost
from engine.testing.simulation import Command, Faults, Fenced, Simulation

pytestmark = pytest.mark.slow

SEEDS = range(40)


def ignore(outcome):
    """Nobody wants to know."""


def began(sim, token="t"):
    return [each.facts["pid"] for each in sim.record.of("process.began", token=token)]


def test_a_command_runs_for_its_time_and_its_end_is_told():
    def script(sim):
        ends = []
        sim.host().start("t", Command(seconds=5.0, code=3), 1, ends.append)
        assert sim.host().probe("t", 1) == Alive()
        sim.sleep(6)
        return ends

    sim = Simulation()
    assert sim.run(script) == [Ended(3)]
    (begin,), (end,) = sim.record.of("process.began"), sim.record.of("process.ended")
    assert end.time - begin.time == 5_000_000_000
    assert (begin.token, begin.facts["epoch"], end.facts["code"]) == ("t", 1, 3)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_token_is_started_once_however_often_it_is_asked_for(seed):
    def script(sim):
        for _ in range(3):
            sim.start(lambda sim: sim.host().start("t", Command(seconds=9.0), 1, ignore))
        return sim.host().start("t", Command(seconds=9.0), 1, ignore)

    sim = Simulation(seed, faults=Faults(twice=0.5))
    pid = sim.run(script)
    sim.run(lambda sim: sim.sleep(1))
    assert began(sim) == [pid]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_that_is_asked_after_on_its_way_begins_or_never_will(seed):
    """A start and a probe of a later controller meet at any step."""
    answers = []

    def old(sim):
        sim.sleep(sim.random.uniform(0, 0.02))
        sim.host().start("t", Command(seconds=None), 1, ignore)

    def new(sim):
        sim.start(old)
        sim.sleep(sim.random.uniform(0, 0.02))
        answers.append(sim.host().probe("t", 2))
        sim.sleep(5)
        answers.append(sim.host().probe("t", 2))

    sim = Simulation(seed, latency=(0.0, 0.01))
    sim.run(new)
    first, last = answers
    assert (first, last) in [(NeverBegan(), NeverBegan()), (Alive(), Alive()), (Alive(), NeverBegan())]
    assert len(began(sim)) == (last == Alive())


def test_one_who_was_replaced_is_refused():
    def script(sim):
        host = sim.host()
        host.start("t", Command(seconds=None), 1, ignore)
        host.open(2)
        for act in (
            lambda: host.start("u", Command(), 1, ignore),
            lambda: host.stop("t", 1),
            lambda: host.probe("t", 1),
        ):
            with pytest.raises(Fenced, match="epoch 1 was refused, since one of epoch 2 took over"):
                act()

    sim = Simulation()
    sim.run(script)
    assert began(sim, "u") == []
    assert sim.record.of("process.ended") == []


def test_one_that_was_claimed_by_who_asked_never_begins():
    def script(sim):
        assert sim.host().probe("t", 1) == NeverBegan()
        with pytest.raises(CommandFailed, match="never began"):
            sim.host().start("t", Command(), 1, ignore)

    sim = Simulation()
    sim.run(script)
    assert began(sim) == []


@pytest.mark.parametrize(
    ("on_term", "code", "least", "most"), [(0.0, 143, 0, 1), (2.0, 143, 2, 3), (None, 137, 4, 5), (9.0, 137, 4, 5)]
)
def test_what_is_stopped_ends_by_term_or_after_the_grace_by_kill(on_term, code, least, most):
    def script(sim):
        host = sim.host()
        host.start("t", Command(seconds=None, on_term=on_term), 1, ignore)
        before = sim.seconds
        return host.stop("t", 1, grace=4.0), sim.seconds - before

    outcome, took = Simulation().run(script)
    assert outcome == Ended(code)
    assert least <= took < most


def test_what_has_not_begun_is_stopped_for_good():
    def script(sim):
        assert sim.host().stop("t", 1) == Gone("it never began")
        with pytest.raises(CommandFailed):
            sim.host().start("t", Command(), 1, ignore)

    Simulation().run(script)


def test_what_was_there_when_the_host_rebooted_is_gone():
    def script(sim):
        ends, host = [], sim.host()
        host.start("t", Command(seconds=None), 1, ends.append)
        host.reboot(seconds=3.0)
        with pytest.raises(TransportLost):
            host.probe("t", 1)
        sim.sleep(10)
        return ends, host.probe("t", 1)

    sim = Simulation()
    gone = Gone("the host rebooted while it was there")
    assert sim.run(script) == ([gone], gone)
    assert len(sim.record.of("process.killed", token="t")) == 1


def test_without_its_supervisor_a_command_goes_on_and_its_status_is_lost():
    def script(sim):
        ends, host = [], sim.host()
        host.start("t", Command(seconds=5.0), 1, ends.append)
        host.kill("t", command=False)
        assert host.probe("t", 1) == Alive()
        sim.sleep(6)
        return ends

    (end,) = Simulation().run(script)
    assert end == Gone("its supervisor was killed before it ended, so the exit status is lost")


def test_a_command_that_is_killed_alone_is_recorded_as_such():
    def script(sim):
        ends, host = [], sim.host()
        host.start("t", Command(seconds=5.0), 1, ends.append)
        host.kill("t", supervisor=False)
        sim.sleep(1)
        return ends

    assert Simulation().run(script) == [Ended(137)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_supervisor_that_is_killed_while_its_child_is_on_the_way_makes_no_second_start(seed):
    """Whoever asks then makes it void, or finds it begun: the answer is final."""

    def script(sim):
        host = sim.host()
        sim.at(sim.random.uniform(0, 0.02), lambda: "t" in host.attempts and host.kill("t", command=False))
        sim.start(lambda sim: host.start("t", Command(seconds=None), 1, ignore))
        sim.sleep(sim.random.uniform(0, 0.03))
        answer = host.probe("t", 2)
        sim.sleep(60)
        return answer, host.probe("t", 2)

    sim = Simulation(seed, latency=(0.0, 0.02))
    first, last = sim.run(script)
    assert first == last or (first, last) == (Alive(), NeverBegan())
    assert len(began(sim)) == (last == Alive())


def test_a_host_that_vanished_tells_once_it_is_back():
    def script(sim):
        ends, host = [], sim.host()
        host.start("t", Command(seconds=5.0), 1, ends.append)
        host.vanish()
        with pytest.raises(TransportLost, match="it has not answered for 10 s; the state there is unknown"):
            host.probe("t", 1)
        assert ends == []
        host.come_back()
        sim.sleep(1)
        return ends

    assert Simulation().run(script) == [Ended(0)]


def test_an_answer_may_be_lost_after_all_was_done():
    lost = 0
    for seed in range(20):
        sim = Simulation(seed, faults=Faults(lost=0.5))
        try:
            sim.run(lambda sim: sim.host().start("t", Command(seconds=None), 1, ignore))
        except TransportLost:
            lost += len(began(sim))
    assert lost > 0


def test_an_end_may_be_told_more_than_once_and_late():
    def script(sim):
        ends = []
        sim.host().start("t", Command(seconds=1.0), 1, ends.append)
        sim.sleep(60)
        return ends

    ends = Simulation(faults=Faults(twice=1.0, late=5.0)).run(script)
    assert len(ends) > 1
    assert set(ends) == {Ended(0)}

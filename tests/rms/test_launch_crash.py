"""Killed or held at each step of the launch protocol: nothing runs twice, and nothing is told wrongly."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from unittest.mock import Mock

import pytest

from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed, TransportLost
from rms.launch import Fenced
from rms.local import LocalTransport
from tests.contracts.transport import PATIENCE
from tests.rms.launching import SHELLS, STEPS, TRANSPORTS, Gate, Lab, insert, kill_once, use_shell

pytestmark = pytest.mark.slow

NEVER = Gone("it never began, and never will")


@pytest.fixture(params=[SHELLS[0], *(pytest.param(shell, marks=pytest.mark.torture) for shell in SHELLS[1:])])
def shell(request, tmp_path, monkeypatch):
    use_shell(request.param, tmp_path / "shell", monkeypatch)


@pytest.fixture(params=TRANSPORTS)
def lab(request, tmp_path, shell):
    lab = Lab(tmp_path, request.param)
    yield lab
    lab.close()


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Makes gates at steps."""
    gates = []

    def make(step):
        gates.append(Gate(tmp_path, step))
        insert(monkeypatch, step, gates[-1].script)
        return gates[-1]

    yield make
    for each in gates:
        each.close()


@pytest.fixture
def background():
    with ThreadPoolExecutor() as pool:
        yield pool.submit


def told(call):
    """What a call gave, or the error that it raised."""
    try:
        return call()
    except (CommandFailed, Fenced, TransportLost) as error:
        return type(error)


def settled(lab, launcher):
    """How the attempt ended, as watching and probing tell alike; checked against what has run."""
    end, outcome = lab.end(launcher, "a"), launcher.probe("a")
    assert end == (NEVER if outcome == NeverBegan() else outcome)
    if outcome == NeverBegan():
        assert lab.runs() == 0
    if outcome == Ended(0):
        assert lab.runs() == 1
    assert lab.runs() <= 1
    if not isinstance(outcome, Gone):
        lab.await_line("end a")
    assert sum(line.startswith("end ") for line in lab.journal()) == (0 if isinstance(outcome, Gone) else 1)
    return outcome


# What becomes of an attempt one of whose processes kills itself at a step: what its start tells, what a second one
# by the next controller tells, and how it ended.
STARTS = "Started"
KILLED = {
    "made": (TransportLost, STARTS, Ended(0)),
    "published": (TransportLost, STARTS, Ended(0)),
    "stored": (TransportLost, STARTS, Ended(0)),
    "supervising": (CommandFailed, STARTS, Ended(0)),
    "claimed": (CommandFailed, CommandFailed, NeverBegan()),
    "entitled": (CommandFailed, CommandFailed, NeverBegan()),
    "beginning": (CommandFailed, CommandFailed, NeverBegan()),
    "started": (STARTS, STARTS, Ended(137)),
    "permitted": (STARTS, STARTS, Ended(137)),
    "returned": (STARTS, STARTS, Gone),
    "recorded": (STARTS, STARTS, Ended(0)),
}
SUPERVISING = ("supervising", "claimed", "entitled")


def test_every_step_is_a_crash_point():
    assert set(STEPS) == {*KILLED, "asked", "pausing", "seen", "voided"}


@pytest.mark.parametrize("step", KILLED)
def test_killed_at_a_step_and_started_again(lab, tmp_path, monkeypatch, step):
    insert(monkeypatch, step, kill_once(tmp_path, step))
    first, second, ended = KILLED[step]
    if step in SUPERVISING:
        first = lab.without_supervisor
    for epoch, expected in ((1, first), (2, second)):
        answer = told(lambda: lab.launcher(epoch).start("a", lab.counted()))  # noqa: B023 - called at once
        assert (STARTS if expected == STARTS else expected) == (answer if isinstance(answer, type) else STARTS)
    outcome = settled(lab, lab.launcher(3))
    assert outcome == ended or type(outcome) is ended


@pytest.mark.parametrize("step", KILLED)
@pytest.mark.parametrize("second", [pytest.param(step, marks=pytest.mark.torture) for step in STEPS])
def test_two_crashes_and_a_third_controller(lab, tmp_path, monkeypatch, step, second):
    """Whatever two processes die, the third controller learns the truth and nothing has run twice."""
    insert(monkeypatch, step, kill_once(tmp_path, step) + f"\n# step: {step}")
    insert(monkeypatch, second, kill_once(tmp_path, second if second != step else f"{step}-again"))
    for epoch in (1, 2):
        with suppress(CommandFailed, TransportLost):
            lab.launcher(epoch).start("a", lab.counted())
    with suppress(CommandFailed, TransportLost):
        lab.launcher(3).probe("a")
    lab.disarm()
    settled(lab, lab.launcher(4))


# A command is held on its way, and its supervisor killed. What the next controller is told then, and how it ends.
@pytest.mark.parametrize(
    ("step", "takeover", "ended"),
    [("beginning", NeverBegan(), NeverBegan()), ("started", Alive(), Gone), ("permitted", Alive(), Gone)],
)
def test_a_command_on_its_way_without_its_supervisor(lab, gate, background, step, takeover, ended):
    held = gate(step)
    start = background(told, lambda: lab.launcher(1).start("a", lab.counted()))
    held.pid()
    lab.kill_supervisor("a")
    launcher = lab.launcher(2)
    assert launcher.probe("a") == takeover
    again = told(lambda: launcher.start("a", lab.counted()))
    assert (again is CommandFailed) == (takeover == NeverBegan())
    held.open()
    start.result(PATIENCE)
    outcome = settled(lab, launcher)
    assert outcome == ended or type(outcome) is ended
    assert lab.runs() == (0 if ended == NeverBegan() else 1)


@pytest.mark.parametrize("repetition", [pytest.param(n, marks=pytest.mark.torture) for n in range(20)])
def test_a_command_let_go_while_it_is_being_voided(lab, gate, background, repetition):
    command, prober = gate("beginning"), gate("voided")
    start = background(told, lambda: lab.launcher(1).start("a", lab.counted()))
    command.pid()
    lab.kill_supervisor("a")
    probe = background(lab.launcher(2).probe, "a")
    prober.pid()
    command.open()
    prober.open()
    probe.result(PATIENCE)
    start.result(PATIENCE)
    settled(lab, lab.launcher(3))
    assert lab.runs() == 0


def test_a_prober_killed_while_it_voids(lab, gate, background, tmp_path, monkeypatch):
    command = gate("beginning")
    insert(monkeypatch, "voided", kill_once(tmp_path, "voided"))
    start = background(told, lambda: lab.launcher(1).start("a", lab.counted()))
    command.pid()
    lab.kill_supervisor("a")
    assert told(lambda: lab.launcher(2).probe("a")) is TransportLost
    assert lab.launcher(3).probe("a") == NeverBegan()
    command.open()
    assert start.result(PATIENCE) is lab.without_supervisor
    assert settled(lab, lab.launcher(3)) == NeverBegan()


# A supervisor is held, and another controller takes over: what its call gives, what the first start gives, how it ends.
HELD = {
    ("supervising", "probe"): (NeverBegan(), CommandFailed, NeverBegan()),
    ("supervising", "start"): (STARTS, STARTS, Ended(0)),
    ("supervising", "stop"): (NEVER, CommandFailed, NeverBegan()),
    ("claimed", "probe"): (Alive(), Fenced, NeverBegan()),
    ("claimed", "start"): (CommandFailed, Fenced, NeverBegan()),
    ("claimed", "stop"): (NEVER, CommandFailed, NeverBegan()),
    ("entitled", "probe"): (Alive(), STARTS, Ended(0)),
    ("entitled", "start"): (STARTS, STARTS, Ended(0)),
    ("entitled", "stop"): (NEVER, CommandFailed, NeverBegan()),
    ("returned", "probe"): (Alive(), STARTS, Ended(0)),
    ("returned", "start"): (STARTS, STARTS, Ended(0)),
    ("returned", "stop"): (Ended(0), STARTS, Ended(0)),
}


@pytest.mark.parametrize(("step", "call"), HELD)
def test_a_takeover_while_a_supervisor_is_held(lab, gate, background, step, call):
    held = gate(step)
    start = background(told, lambda: lab.launcher(1).start("a", lab.counted()))
    held.pid()
    launcher = lab.launcher(2)
    calls = {
        "probe": lambda: launcher.probe("a"),
        "start": lambda: launcher.start("a", lab.counted()),
        "stop": lambda: launcher.stop("a"),
    }
    taken_over = background(told, calls[call])
    expected, first, ended = HELD[step, call]
    if call == "probe" or step == "supervising" or (call == "stop" and step != "returned"):
        taken_over.result(PATIENCE)  # it needs nothing of the one that is held
    else:
        launcher.signal("a", "URG")  # a call that publishes the epoch, and changes nothing
    held.open()
    answers = [future.result(PATIENCE) for future in (taken_over, start)]
    answers = [STARTS if type(answer).__name__ == STARTS else answer for answer in answers]
    assert answers == [expected, first]
    assert settled(lab, launcher) == ended


def test_who_has_made_the_directory_and_comes_late_leaves_the_script_alone(lab, gate, background):
    held = gate("made")
    late = background(lab.launcher().open)
    held.pid()
    launcher = lab.launcher()
    launcher.open()
    (script,) = Path(lab.base).glob(".launch-*.sh")
    before = script.stat()
    held.open()
    late.result(PATIENCE)
    after = script.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    launcher.start("a", lab.counted())
    assert settled(lab, launcher) == Ended(0)


def test_a_start_that_waits_for_another_one_is_told(lab, gate, background):
    """The second one finds the attempt claimed, and sleeps until the journal says that it has begun."""
    held = gate("entitled")
    first = background(lab.launcher().start, "a", lab.counted())
    held.pid()
    second = background(lab.launcher().start, "a", lab.counted())
    held.open()
    assert first.result(PATIENCE) == second.result(PATIENCE)
    assert settled(lab, lab.launcher()) == Ended(0)


def test_a_start_that_waits_for_another_one_does_not_deny_it_when_the_host_lets_nobody_in(
    lab, gate, background, monkeypatch
):
    held = gate("entitled")
    first = background(lab.launcher().start, "a", lab.counted())
    held.pid()
    second = lab.launcher()
    refusal = CommandFailed("localhost", "log in", 13, "no")
    monkeypatch.setattr(second._transport, "follow", Mock(side_effect=refusal))
    with pytest.raises(TransportLost, match="log in: no; the state there is unknown"):
        second.start("a", lab.counted())
    held.open()
    assert first.result(PATIENCE)
    assert settled(lab, lab.launcher()) == Ended(0)


def test_a_command_that_begins_and_ends_while_somebody_asks_has_begun(lab, gate, background):
    supervisor, asking = gate("entitled"), gate("asked")
    first = background(lab.launcher().start, "a", lab.counted())
    supervisor.pid()
    second = background(lab.launcher().start, "a", lab.counted())
    asking.pid()
    supervisor.open()
    assert settled(lab, lab.launcher()) == Ended(0)
    asking.open()
    assert first.result(PATIENCE) == second.result(PATIENCE)


def test_a_command_that_ends_while_many_are_asked_after_has_ended(lab, gate, background):
    asking = gate("seen")
    lab.launcher().start("a", "exec sleep 1000")
    answer = background(lab.launcher().probe, "a")
    asking.pid()
    lab.launcher().signal("a", "TERM")
    assert lab.end(lab.launcher(), "a") == Ended(143)
    asking.open()
    assert answer.result(PATIENCE) == Ended(143)


def test_a_start_that_waits_for_one_whose_supervisor_is_killed_is_told(lab, gate, background):
    held = gate("entitled")
    first = background(told, lambda: lab.launcher().start("a", lab.counted()))
    held.pid()
    second = background(told, lambda: lab.launcher().start("a", lab.counted()))
    lab.kill_supervisor("a")
    assert (first.result(PATIENCE), second.result(PATIENCE)) == (lab.without_supervisor, CommandFailed)
    assert settled(lab, lab.launcher()) == NeverBegan()


@pytest.mark.parametrize("lab", [LocalTransport], indirect=True)
def test_a_start_whose_script_is_killed_does_not_keep_the_command_from_running(lab, gate, background):
    """Nobody reads any more what the command says when it begins."""
    held = gate("permitted")
    start = background(told, lambda: lab.launcher().start("a", lab.counted()))
    held.pid()
    for pid in starters(lab):
        os.kill(pid, signal.SIGKILL)
    assert start.result(PATIENCE) is TransportLost
    held.open()
    assert settled(lab, lab.launcher()) == Ended(0)


def starters(lab) -> list[int]:
    """The processes of this lab that are starting something for a controller."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if f"\0start\0{lab.base}\0".encode() in path.read_bytes():
                found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("repetition", [0, *(pytest.param(n, marks=pytest.mark.torture) for n in range(1, 20))])
def test_six_launchers_of_three_epochs_race(lab, background, repetition):
    starts = [
        background(told, lambda epoch=epoch: lab.launcher(epoch).start("a", lab.counted())) for epoch in [1, 2, 3] * 2
    ]
    answers = {start.result(PATIENCE) for start in starts}
    assert len(answers - {Fenced, CommandFailed}) <= 1
    settled(lab, lab.launcher(3))

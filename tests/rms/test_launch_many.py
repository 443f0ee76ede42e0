"""Many attempts that are asked after at once: one call answers all, and each as if it had been asked after alone."""

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed, TransportLost
from rms import _probing
from rms.launch import Launcher
from rms.local import LocalTransport
from tests.contracts.transport import PATIENCE, Inbox
from tests.rms.launching import SHELLS, Lab, use_shell

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path / "it's -> there")
    lab.place.mkdir()
    yield lab
    lab.close()


@pytest.fixture(params=[SHELLS[0], *(pytest.param(shell, marks=pytest.mark.torture) for shell in SHELLS[1:])])
def any_shell(request, tmp_path, monkeypatch):
    use_shell(request.param, tmp_path / "shell", monkeypatch)
    if request.param == "busybox":  # a host that has it has its tools, too
        (tmp_path / "shell" / "ls").symlink_to(shutil.which("busybox"))


class Held(LocalTransport):
    """Holds the first question until it is let on, and notes of how many attempts each one asks."""

    def __init__(self):
        super().__init__()
        self.lost = 0  # how many of them do not arrive
        self.asked = []
        self.reached, self.go = threading.Event(), threading.Event()

    def run(self, script, *args, **how):
        if args[1] in ("look", "probe"):
            self.asked.append((args[1], len(args) - 5))  # after its file, the verb, the base, the epoch and a dash
            if len(self.asked) == 1:
                self.reached.set()
                assert self.go.wait(PATIENCE)
            if len(self.asked) <= self.lost:
                raise TransportLost(self.host, "nobody answers")
        return super().run(script, *args, **how)


@pytest.fixture
def at_once(lab):
    """Asks a second controller after attempts: after the first one, and meanwhile after all others."""
    transport = Held()
    launcher = Launcher(transport, lab.base, 2)

    def told(probe):
        try:
            return probe.result(PATIENCE)
        except CommandFailed as error:
            return error

    def ask(tokens):
        with ThreadPoolExecutor(len(tokens)) as pool:
            first, *others = tokens
            probes = {first: pool.submit(launcher.probe, first)}
            assert transport.reached.wait(PATIENCE)
            probes |= {token: pool.submit(launcher.probe, token) for token in others}
            while len(launcher._prober._together._queued) < len(others):
                threading.Event().wait(0.001)
            transport.go.set()
            return {token: told(probe) for token, probe in probes.items()}

    ask.launcher, ask.transport = launcher, transport
    yield ask
    transport.close()


def prepare(lab, launcher):
    """Attempts in every state in which a takeover may find one; what is to be told of each."""
    for token in ("runs", "runs-too", "run", "orphaned", "lost", "rebooted"):
        launcher.start(token, "exec sleep 1000")
    for token, code in (("ended", 0), ("ended.badly", 3), ("ended-late", 5)):
        launcher.start(token, f"exit {code}")
        lab.end(launcher, token)
    os.kill(lab.supervisor("orphaned"), signal.SIGKILL)
    os.kill(lab.supervisor("lost"), signal.SIGKILL)
    launcher.signal("lost", "KILL")
    for token in ("rebooted", "ended-late"):
        lab.reboot(token)
    launcher.probe("void")
    Path(lab.base, "half").mkdir()
    Path(lab.base, "half", "claim").symlink_to(lab.marks("lost")["claim"])
    return {
        "first": NeverBegan,
        "runs": Alive,
        "runs-too": Alive,
        "run": Alive,
        "orphaned": Alive,
        "lost": Gone,
        "rebooted": Gone,
        "ended": Ended(0),
        "ended.badly": Ended(3),
        "ended-late": Ended(5),
        "void": NeverBegan,
        "half": NeverBegan,
        "unheard-of": NeverBegan,
    }


def test_each_of_many_is_told_as_if_it_were_alone(any_shell, lab, at_once):
    launcher = lab.launcher()
    expected = prepare(lab, launcher)
    got = at_once(list(expected))
    assert at_once.transport.asked == [("look", 6), ("probe", 1), ("probe", 4)]  # the others had ended by the journal
    assert {token: it if isinstance(it, Ended) else type(it) for token, it in got.items()} == expected
    assert {token: at_once.launcher.probe(token) for token in expected} == got, "now that each is asked after alone"
    assert lab.marks("unheard-of")["exit"] == lab.marks("half")["exit"] == "end void"
    lab.reboot("rebooted")
    at_once.launcher.signal("orphaned", "KILL")


def test_what_was_seen_at_first_is_no_answer_later(lab, at_once):
    begun = {token: lab.launcher().start(token, "exec sleep 1000") for token in ("asked", "started", "stopped")}
    at_once(["first", "asked"])
    assert at_once.launcher.start("started", lab.counted()) == begun["started"]
    assert at_once.launcher.stop("stopped") == Ended(143)
    for token in ("asked", "started"):
        lab.launcher(2).stop(token)
    assert [at_once.launcher.probe(token) for token in begun] == [Ended(143)] * 3
    assert lab.runs() == 0


def test_a_host_that_did_not_answer_at_first_is_asked_after_all_again(lab, at_once):
    for token in ("a", "b"):
        lab.launcher().start(token, "exec sleep 1000")
    at_once.transport.lost = 1
    with pytest.raises(TransportLost):
        at_once(["a"])
    assert at_once(["b"]) == {"b": Alive()}
    assert at_once.transport.asked == [("look", 2), ("look", 2)]


def test_what_was_forgotten_is_not_made_again(lab, at_once):
    launcher = lab.launcher()
    launcher.start("gone", "exec sleep 1000")
    lab.kill_supervisor("gone")
    launcher.signal("gone", "KILL")
    assert isinstance(lab.end(launcher, "gone"), Gone)
    launcher.discard("gone")
    at_once(["first"])
    assert lab.tokens() == ["first"]


def test_more_than_one_call_can_look_at_are_seen_in_several(lab, at_once, monkeypatch):
    monkeypatch.setattr(_probing, "_AT_ONCE", 2)
    tokens = ["a", "b", "c"]
    for token in tokens:
        lab.launcher().start(token, "exec sleep 1000")
    assert at_once(tokens) == dict.fromkeys(tokens, Alive())
    assert at_once.transport.asked == [("look", 2), ("look", 1)]


def test_what_is_wrong_with_one_is_told_of_that_one_alone(any_shell, lab, at_once):
    lab.launcher().start("runs", "exec sleep 1000")
    Path(lab.base, "broken").touch()
    got = at_once(["first", "broken", "runs", "unheard-of"])
    assert (got["first"], got["runs"], got["unheard-of"]) == (NeverBegan(), Alive(), NeverBegan())
    assert isinstance(got["broken"], CommandFailed)


def test_whom_a_probe_has_found_alive_is_timed_and_watched_without_another_question(lab, at_once):
    lab.launcher().start("runs", "exec sleep 1000")
    at_once(["runs"])
    inbox = Inbox()
    assert at_once.launcher.age("runs") > 0
    at_once.launcher.watch("runs", inbox.put)
    assert inbox.empty()
    lab.launcher(2).signal("runs", "KILL")
    assert inbox.take() == Ended(137)
    assert at_once.transport.asked == [("look", 1)]


def test_what_is_stopped_while_it_is_asked_after_is_answered_and_so_are_the_others(lab, at_once, monkeypatch):
    lab.launcher().start("stopped", "exec sleep 1000")
    at_once(["first"])  # now all that there is, is on the roll
    prober = at_once.launcher._prober
    call = prober._call

    def stop_and_call(*how):
        prober.forget("stopped")  # as whoever stops it does
        return call(*how)

    monkeypatch.setattr(prober, "_call", stop_and_call)
    got = prober._ask_all(["stopped", "unheard-of"])  # as two who ask at once have it done
    assert [report.outcome() for report in got] == [Alive(), NeverBegan()]

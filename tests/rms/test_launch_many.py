"""Many attempts that are asked after at once: one call answers all, and each as if it had been asked after alone."""

import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed
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
    """Holds the first call of a probe until it is let on, and notes of how many attempts each call asks."""

    def __init__(self):
        super().__init__()
        self.asked = []
        self.reached, self.go = threading.Event(), threading.Event()

    def run(self, script, *args, **how):
        if "probe" in args:
            self.asked.append(len(args) - args.index("probe") - 4)  # after the base, the epoch and the dash
            if len(self.asked) == 1:
                self.reached.set()
                assert self.go.wait(PATIENCE)
        return super().run(script, *args, **how)


@pytest.fixture
def at_once(lab):
    """Asks a second controller after attempts, in two calls: the first one's, and the others', which came meanwhile."""
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
            while len(launcher._probing._queued) < len(others):
                threading.Event().wait(0.001)
            transport.go.set()
            return {token: told(probe) for token, probe in probes.items()}

    ask.launcher, ask.transport = launcher, transport
    yield ask
    transport.close()


def prepare(lab, launcher):
    """Attempts in every state in which a takeover may find one; what is to be told of each."""
    for token in ("runs", "runs-too", "run", "orphaned", "lost", "rebooted", "rebooted-late"):
        launcher.start(token, "exec sleep 1000")
    for token, code in (("ended", 0), ("ended.badly", 3), ("ended-late", 5)):
        launcher.start(token, f"exit {code}")
        lab.end(launcher, token)
    os.kill(lab.supervisor("orphaned"), signal.SIGKILL)
    os.kill(lab.supervisor("lost"), signal.SIGKILL)
    launcher.signal("lost", "KILL")
    launcher.stop("rebooted")
    Path(lab.base, "rebooted", "exit").unlink()
    launcher.stop("rebooted-late")
    for token in ("rebooted", "rebooted-late"):
        lab.remark(token, "claim", lab.marks(token)["claim"][:-1] + "x")
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
        "rebooted-late": Ended(143),
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
    assert at_once.transport.asked == [1, len(expected) - 1]
    assert {token: it if isinstance(it, Ended) else type(it) for token, it in got.items()} == expected
    assert {token: lab.launcher(3).probe(token) for token in expected} == got
    assert lab.marks("unheard-of")["exit"] == lab.marks("half")["exit"] == "end void"
    for token in ("runs", "runs-too", "run", "orphaned"):
        lab.launcher(3).signal(token, "KILL")


def test_what_is_wrong_with_one_is_told_of_that_one_alone(any_shell, lab, at_once):
    lab.launcher().start("runs", "exec sleep 1000")
    Path(lab.base, "broken").touch()
    got = at_once(["first", "broken", "runs"])
    assert (got["first"], got["runs"]) == (NeverBegan(), Alive())
    assert isinstance(got["broken"], CommandFailed)


def test_whom_a_probe_has_found_alive_is_watched_without_another_question(lab, at_once):
    lab.launcher().start("runs", "exec sleep 1000")
    at_once(["first", "runs"])
    inbox = Inbox()
    at_once.launcher.watch("runs", inbox.put)
    assert inbox.empty()
    lab.launcher(2).signal("runs", "KILL")
    assert inbox.take() == Ended(137)
    assert at_once.transport.asked == [1, 1]

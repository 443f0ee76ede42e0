"""A host that lets nobody in has said nothing of what runs there: nobody is told that it has ended."""

import shutil
import threading

import pytest

from engine.rm.outcomes import Alive, Ended, Gone
from engine.rm.transport import CommandFailed, TransportLost
from rms import launch
from rms.launch import Launcher
from rms.local import LocalTransport
from tests.contracts.transport import PATIENCE, Inbox
from tests.rms.launching import Lab

pytestmark = pytest.mark.slow


class Door(LocalTransport):
    """What it raises if there is something to raise, as a login would; counts how often it did."""

    def __init__(self):
        super().__init__()
        self.error = None
        self.refused = 0

    def shut(self):
        self.error = CommandFailed(self.host, "log in as me", 13, "the host does not let me in")

    def open(self):
        self.error = None

    def _check(self):
        if self.error is not None:
            self.refused += 1
            raise self.error

    def run(self, *args, **how):
        self._check()
        return super().run(*args, **how)

    def read(self, *args, **how):
        self._check()
        return super().read(*args, **how)

    def follow(self, *args):
        self._check()
        return super().follow(*args)


@pytest.fixture
def lab(tmp_path):
    lab = Lab(tmp_path)
    yield lab
    lab.close()


@pytest.fixture
def door():
    door = Door()
    yield door
    door.close()


@pytest.fixture
def launcher(lab, door):
    launcher = Launcher(door, lab.base, 1)
    launcher.open()
    return launcher


@pytest.fixture
def inbox(monkeypatch):
    """What is told; also that the host has refused, and is asked again."""
    inbox = Inbox()

    def pauses():
        while True:
            yield 0.02
            inbox.put("refused")

    monkeypatch.setattr(launch, "pauses", pauses)
    return inbox


@pytest.fixture
def orphan(lab, door, launcher, inbox):
    """A command that is watched, and after which must be asked: its supervisor is killed while the door is shut."""
    launcher.start("a", "exec sleep 1000")
    launcher.watch("a", inbox.put)
    door.shut()
    lab.kill_supervisor("a")
    assert [inbox.take(), inbox.take()] == ["refused", "refused"]


def askers():
    return [thread for thread in threading.enumerate() if thread.name == "launch-ask"]


def told(inbox):
    while (news := inbox.take()) == "refused":
        pass
    return news


def test_who_is_let_in_again_learns_that_it_runs(lab, door, launcher, inbox, orphan):
    door.open()
    for thread in askers():
        thread.join(PATIENCE)
    assert launcher.probe("a") == Alive()
    launcher.signal("a", "KILL")
    assert told(inbox) == Gone("it has ended, but its supervisor was killed before it, so the exit status is lost")


def test_a_launcher_that_is_closed_asks_no_more(door, launcher, inbox, orphan):
    launcher.close()
    for thread in askers():
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_what_the_launch_script_refuses_is_told(lab, door, launcher, inbox, orphan):
    shutil.rmtree(lab.base)
    door.open()
    assert "launch probe: failed" in told(inbox).why


def test_who_was_replaced_meanwhile_is_told(lab, door, launcher, inbox, orphan):
    lab.launcher(2).probe("a")
    door.open()
    assert "one of epoch 2 has taken over" in told(inbox).why


def test_what_nobody_expects_is_told_and_logged(door, launcher, inbox, orphan, caplog):
    door.error = KeyError("a")
    assert told(inbox) == Gone("its end cannot be read: KeyError('a')")
    assert "KeyError" in caplog.text


@pytest.mark.parametrize(
    "ask",
    [
        lambda launcher: launcher.probe("a"),
        lambda launcher: launcher.watch("a", print),
        lambda launcher: launcher.age("a"),
        lambda launcher: launcher.signal("a"),
        lambda launcher: launcher.stop("a"),
    ],
)
def test_what_becomes_of_a_command_is_unknown_to_who_is_not_let_in(lab, door, launcher, ask):
    lab.launcher().start("a", "exec sleep 1000")
    door.shut()
    with pytest.raises(TransportLost, match="log in as me: the host does not let me in; the state there is unknown"):
        ask(launcher)
    door.open()
    assert launcher.probe("a") == Alive()


def test_who_is_not_let_in_has_started_nothing(door, launcher):
    door.shut()
    with pytest.raises(CommandFailed, match="does not let me in"):
        launcher.start("a", "true")


def test_what_may_have_been_started_is_not_denied_by_who_is_not_let_in(lab, door, launcher):
    door.error = TransportLost(door.host, "nobody answers")
    with pytest.raises(TransportLost, match="nobody answers"):
        launcher.start("a", lab.counted())
    begun = lab.launcher().start("a", lab.counted())
    door.shut()
    with pytest.raises(TransportLost, match="does not let me in"):
        launcher.start("a", lab.counted())
    door.open()
    assert launcher.start("a", lab.counted()) == begun
    assert lab.end(launcher, "a") == Ended(0)
    assert lab.runs() == 1


def test_who_is_not_let_in_does_not_knock_for_each(door, launcher):
    door.shut()
    got = launcher._prober._ask_all(["a", "b", "c"])
    assert [type(answer) for answer in got] == [CommandFailed] * 3
    assert door.refused == 1

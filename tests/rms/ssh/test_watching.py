"""What a host tells by itself, through one boot and the next."""

import threading
from types import SimpleNamespace

import pytest

from engine.rm.transport import TransportLost
from rms.ssh.messenger import messenger
from rms.ssh.watching import Exits
from tests.contracts.transport import PATIENCE


class Session:
    """One in which the script has begun."""

    def __init__(self, boot):
        self.boot = boot
        self.breaks = False  # when something is sent
        self.sent = []
        self.closed = False
        self.connection = SimpleNamespace(why="")

    def begin(self, frame):
        frame.group = 1

    def hear(self, frame):
        if self.boot:
            frame.feed(f"ready 7 70 {self.boot}\n".encode(), b"")
            self.boot = ""

    def ring(self, bell):
        pass

    def send(self, data):
        if self.breaks:
            self.closed = True
            raise TransportLost("h1", "it is gone")
        self.sent += data.decode().splitlines()

    def close(self):
        self.closed = True


class Interrupted:
    """A lock; what is to happen right before somebody gets it, does."""

    def __init__(self, lock):
        self._lock = lock
        self.before = None

    def __enter__(self):
        before, self.before = self.before, None
        if before:
            before()
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


@pytest.fixture
def link():
    """What opens one session after the other, each in another boot of the host."""
    sessions = [Session("first"), Session("second")]
    opened = []
    return SimpleNamespace(
        target=SimpleNamespace(name="h1"),
        sessions=sessions,
        opened=opened,
        open_session=lambda stays: opened.append(sessions[len(opened)]) or opened[-1],
        restore=lambda: None,
    )


@pytest.fixture
def exits(link, inbox):
    """Heard in the first boot, in which a process is awaited."""
    exits = Exits(link)
    exits.await_exit(10, "1", lambda: inbox.put("of the first boot"))
    exits.attach()
    assert link.opened[0].sent == ["10 1"]
    await_messenger()
    return exits


def await_messenger():
    """Returns when it has done what it was to do by now."""
    done = threading.Event()
    messenger.post(done.set)
    assert done.wait(PATIENCE)


def await_another(exits, inbox):
    exits.await_exit(20, "2", lambda: inbox.put("of the second boot"))


def go_on_in_the_second_boot(exits, link, inbox):
    link.opened[0].closed = True
    exits._hear()
    exits.attach()
    assert inbox.take() == "of the first boot"
    assert link.opened[1].sent == ["20 2"]
    exits._take(b"gone 20 2\n")
    assert inbox.take() == "of the second boot"


def test_who_asks_while_the_host_is_found_after_a_reboot_asks_for_a_process_of_this_boot(exits, link, inbox):
    exits._lock = Interrupted(exits._lock)
    exits._lock.before = lambda: await_another(exits, inbox)
    go_on_in_the_second_boot(exits, link, inbox)


def test_who_asks_before_it_is_heard_that_the_host_is_gone_may_ask_for_a_process_of_the_next_boot(exits, link, inbox):
    link.opened[0].closed = True
    await_another(exits, inbox)
    go_on_in_the_second_boot(exits, link, inbox)


def test_a_host_that_is_gone_as_soon_as_it_is_found_is_looked_for_again(exits, link, inbox):
    link.opened[0].closed = True
    exits._hear()
    await_another(exits, inbox)
    link.sessions[1].breaks = True
    exits.attach()
    await_messenger()
    assert not exits.attached

"""The journal is followed once, and nobody who tells an end waits for the host meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.rm.outcomes import Ended
from engine.rm.transport import TransportLost
from rms._journal import Journal
from tests.contracts.transport import PATIENCE, Inbox


class SlowTransport:
    """Begins to follow when it is let on; the file may have lines that are told before that."""

    def __init__(self):
        self.lines = b""
        self.lost = False
        self.followed = 0
        self.closed = threading.Event()
        self.reached, self.go = threading.Event(), threading.Event()

    def follow(self, path, offset, on_data):
        self.followed += 1
        self.reached.set()
        assert self.go.wait(PATIENCE)
        if self.lost:
            raise TransportLost("h", "nobody answers")
        teller = threading.Thread(target=on_data, args=(self.lines,), daemon=True)
        teller.start()
        teller.join(PATIENCE)
        assert not teller.is_alive()
        return self

    def close(self):
        self.closed.set()


@pytest.fixture
def transport():
    return SlowTransport()


@pytest.fixture
def journal(transport):
    return Journal(transport, "/run/journal")


@pytest.fixture
def background(transport):
    with ThreadPoolExecutor(2) as pool:
        yield pool.submit
        transport.go.set()


def test_an_end_is_told_while_another_one_begins_to_follow(transport, journal, background):
    inbox = Inbox()
    journal.promise("a")
    journal.subscribe("a", inbox.put)
    other = background(journal.subscribe, "b", print)
    assert transport.reached.wait(PATIENCE)
    background(journal.settle, "a", Ended(3))
    assert inbox.take() == Ended(3)
    assert not other.done()
    transport.go.set()
    assert other.result(PATIENCE)


def test_what_is_told_while_it_begins_to_be_followed_counts(transport, journal):
    inbox = Inbox()
    transport.lines = b"end a 3\n"
    transport.go.set()
    assert not journal.subscribe("a", inbox.put)
    assert inbox.take() == Ended(3)


def test_it_is_followed_once(transport, journal, background):
    asked = [background(journal.subscribe, token, print) for token in "ab"]
    transport.go.set()
    assert [each.result(PATIENCE) for each in asked] == [True, True]
    assert transport.followed == 1


def test_one_that_is_closed_while_it_begins_to_be_followed_is_not_followed(transport, journal, background):
    other = background(journal.subscribe, "a", print)
    assert transport.reached.wait(PATIENCE)
    background(journal.close).result(PATIENCE)
    transport.go.set()
    other.result(PATIENCE)
    assert transport.closed.wait(PATIENCE)


def test_one_that_could_not_be_followed_is_followed_by_who_asks_next(transport, journal):
    transport.go.set()
    transport.lost = True
    with pytest.raises(TransportLost):
        journal.subscribe("a", print)
    transport.lost = False
    assert journal.subscribe("a", print)
    assert transport.followed == 2

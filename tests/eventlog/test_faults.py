"""The n-th call to the disk fails, for every n: what was acknowledged is kept, and nothing is accepted afterwards."""

import errno
import os
from collections.abc import Callable

import pytest

from eventlog import Corrupt, Event, WriteFailed, Writer, _segments
from eventlog._verify import examine
from eventlog.testing import SimDirectory, SimStore, event

pytestmark = pytest.mark.slow

ERRORS = (errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EINTR, errno.EFBIG)


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_segments, "FULL", 250)


class Fault:
    """Lets the calls before the n-th pass, and has that one fail, or that one and all later ones."""

    def __init__(self, n: int, code: int, *, for_ever: bool):
        self.calls = 0
        self.n = n
        self.code = code
        self.for_ever = for_ever

    def __call__(self, call: str, name: str) -> None:
        self.calls += 1
        if self.calls == self.n or (self.for_ever and self.calls > self.n):
            raise OSError(self.code, os.strerror(self.code))


class ShortWrite(Fault):
    """The n-th call, if it is a write, writes seven bytes; the call after it fails."""

    def __call__(self, call: str, name: str) -> int | None:
        self.calls += 1
        if self.calls == self.n and call == "write":
            return 7
        if self.calls == self.n + 1:
            raise OSError(self.code, os.strerror(self.code))
        return None


def events(writer: Writer, number: int) -> list[Event]:
    first = writer.last_seq + 1
    return [event(seq, writer.epoch) for seq in range(first, first + number)]


def write(directory: SimDirectory) -> int:
    """Append batches, over several segments, until something fails; return what was acknowledged."""
    acknowledged = 0
    try:
        with SimStore(directory).open_writer("test") as writer:
            for size in (1, 3, 2, 4, 1):
                batch = events(writer, size)
                try:
                    writer.append(batch)
                except WriteFailed as error:
                    expect_refusals(writer, batch, error)
                    raise
                acknowledged = writer.last_seq
    except (WriteFailed, Corrupt):  # what cannot be read at the moment is Corrupt
        return acknowledged
    return acknowledged


def expect_refusals(writer: Writer, batch: list[Event], error: WriteFailed) -> None:
    for _ in range(3):
        with pytest.raises(WriteFailed) as again:
            writer.append(batch)
        assert again.value.__cause__ is error.__cause__


def survivors(directory: SimDirectory) -> int:
    """How many events a new writer finds, once the cause of the failure is gone; it goes on."""
    directory.on_call = lambda _call, _name: None
    directory.lock_holder = None
    with SimStore(directory).open_writer("test") as writer:
        found = writer.last_seq
        writer.append(events(writer, 2))
    assert [seen.seq for seen in SimStore(directory).read()] == list(range(1, found + 3))
    for image in directory.images():
        assert [seen.seq for seen in SimStore(SimDirectory(image)).read()] == list(range(1, found + 3))
    return found


def number_of_calls() -> int:
    directory = SimDirectory()
    directory.on_call = fault = Fault(0, 0, for_ever=False)
    assert write(directory) == 11
    return fault.calls


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
@pytest.mark.parametrize(
    "fault",
    [
        lambda n, code: Fault(n, code, for_ever=False),
        lambda n, code: Fault(n, code, for_ever=True),
        lambda n, code: ShortWrite(n, code, for_ever=False),
    ],
    ids=["once", "for ever", "short write"],
)
def test_any_call_may_fail(fault: Callable[[int, int], Fault], code: int):
    for n in range(1, number_of_calls() + 1):
        directory = SimDirectory()
        directory.on_call = fault(n, code)
        acknowledged = write(directory)
        for image in directory.images():
            assert survivors(SimDirectory(image)) >= acknowledged
        assert survivors(directory) >= acknowledged


@pytest.mark.parametrize("code", ERRORS, ids=errno.errorcode.get)
def test_any_call_may_fail_while_an_earlier_failure_is_recovered_from(code: int):
    for first in range(8, number_of_calls() + 1, 5):
        for second in range(1, 30):
            directory = SimDirectory()
            directory.on_call = Fault(first, code, for_ever=True)
            acknowledged = write(directory)
            directory.lock_holder = None
            directory.on_call = Fault(second, code, for_ever=False)
            acknowledged = max(acknowledged, write(directory))
            assert survivors(directory) >= acknowledged


def test_what_a_failed_sync_left_in_memory_only_is_not_taken_for_durable():
    directory = SimDirectory()
    writer = SimStore(directory).open_writer("test")
    writer.append(events(writer, 1))

    def fail(call: str, name: str) -> None:
        if call == "sync":
            raise OSError(errno.EIO, "the disk is gone")

    directory.on_call = fail
    with pytest.raises(WriteFailed):
        writer.append(events(writer, 1))
    writer.close()
    assert survivors(directory) == 1


def test_a_reader_reports_a_disk_that_cannot_sync():
    directory = SimDirectory()
    with SimStore(directory).open_writer("test") as writer:
        writer.append(events(writer, 1))
    del directory.nodes["durable"]

    def fail(call: str, name: str) -> None:
        if call == "settle":
            raise OSError(errno.EIO, "the disk is gone")

    directory.on_call = fail
    assert "the disk cannot sync it" in str(examine(directory).corrupt)
    with pytest.raises(Corrupt):
        list(SimStore(directory).read())
    with pytest.raises(WriteFailed):
        SimStore(directory).open_writer("test")


def test_a_reader_reports_a_disk_that_cannot_read():
    directory = SimDirectory()
    with SimStore(directory).open_writer("test") as writer:
        for _ in range(3):
            writer.append(events(writer, 3))
    *_, last = sorted(name for name in directory.nodes if name.endswith(".log"))
    reads = []

    def fail(call: str, name: str) -> None:
        if (call, name) == ("read", last):
            reads.append(name)
            if len(reads) > 1:  # the first one is that of the header
                raise OSError(errno.EIO, "the disk is gone")

    directory.on_call = fail
    report = examine(directory)
    assert (report.corrupt.path.name, report.corrupt.reason) == (last, "the disk cannot read it")
    assert report.events >= 3

"""A log under whatever comes, in any order, against a list as the model."""

import errno
import itertools

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from eventlog import Event, Locked, WriteFailed, _segments
from eventlog._log import Cursor
from eventlog.testing import SimDirectory, SimStore, event


class LogMachine(RuleBasedStateMachine):
    """The model is the list of events that were acknowledged, or found again after a crash."""

    def __init__(self):
        super().__init__()
        self.directory = SimDirectory()
        self.store = SimStore(self.directory)
        self.writer = None
        self.model: list[Event] = []
        self.epoch = 0
        self.follower = Cursor(self.directory, 0)
        self.followed: list[Event] = []

    @initialize()
    def small_segments(self):
        self.full, _segments.FULL = _segments.FULL, 400

    def teardown(self):
        if hasattr(self, "full"):
            _segments.FULL = self.full

    @precondition(lambda self: self.writer is None)
    @rule()
    def open_writer(self):
        self.writer = self.store.open_writer("machine")
        assert self.writer.epoch > self.epoch
        self.epoch = self.writer.epoch
        self.take_what_was_found(self.writer.last_seq)

    def take_what_was_found(self, last: int):
        """After a crash or a failure, what was not acknowledged may be there or not."""
        found = list(self.store.read())
        assert found[: len(self.model)] == self.model
        self.model = found
        assert last >= len(found)

    def batch(self, size: int, text: str) -> list[Event]:
        first = self.writer.last_seq + 1
        return [event(seq, self.writer.epoch, text=text) for seq in range(first, first + size)]

    @precondition(lambda self: self.writer is not None)
    @rule(size=st.integers(0, 5), text=st.text(max_size=40))
    def append(self, size, text):
        batch = self.batch(size, text)
        self.writer.append(batch)
        self.model += batch
        assert self.writer.last_seq == len(self.model)

    @precondition(lambda self: self.writer is not None)
    @rule(n=st.integers(1, 12), size=st.integers(1, 5), for_ever=st.booleans())
    def append_while_the_disk_fails(self, n, size, for_ever):
        calls = itertools.count(1)

        def fail(call: str, name: str) -> None:
            number = next(calls)
            if number == n or (for_ever and number > n):
                raise OSError(errno.EIO, "simulated")

        batch = self.batch(size, "")
        self.directory.on_call = fail
        try:
            self.writer.append(batch)
        except WriteFailed:
            self.directory.on_call = lambda _call, _name: None
            with pytest.raises(WriteFailed):
                self.writer.append(batch)
            self.writer.close()
            self.writer = None
        else:
            self.directory.on_call = lambda _call, _name: None
            self.model += batch

    @precondition(lambda self: self.writer is not None)
    @rule()
    def open_a_second_writer(self):
        with pytest.raises(Locked):
            self.store.open_writer("second")

    @precondition(lambda self: self.writer is not None)
    @rule(abandon=st.booleans())
    def end_writing(self, abandon):
        self.writer.abandon() if abandon else self.writer.close()
        self.writer = None

    @rule(data=st.data())
    def lose_power(self, data):
        images = list(itertools.islice(self.directory.images(), 200))
        image = data.draw(st.sampled_from(images), label="image")
        self.directory = SimDirectory(image)
        self.store = SimStore(self.directory)
        self.writer = None
        self.follower, self.followed = Cursor(self.directory, 0), []

    @rule(after=st.integers(0, 40))
    def read_from_the_middle(self, after):
        assume(after <= len(self.model))
        found = list(self.store.read(after))
        assert found[: len(self.model) - after] == self.model[after:]

    @rule()
    def follow(self):
        self.followed += self.follower.drain()
        assert self.followed[: len(self.model)] == self.model[: len(self.followed)]

    @invariant()
    def nothing_is_seen_that_was_not_acknowledged(self):
        if self.writer is not None:
            assert list(self.store.read()) == self.model


TestLogMachine = LogMachine.TestCase
TestLogMachine.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.torture
@pytest.mark.timeout(3600)
class TestLogMachineAtLength(LogMachine.TestCase):
    settings = settings(TestLogMachine.settings, max_examples=10_000, stateful_step_count=60, derandomize=False)

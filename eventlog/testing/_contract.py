"""What every store of a log does: derive from `LogContract` and say how one is made."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from eventlog._events import MAX_DEPTH, MAX_EVENT, Event
from eventlog.errors import Locked, WriteFailed

if TYPE_CHECKING:
    from pathlib import Path

    from eventlog._store import LogStore, Writer


def event(seq: int, epoch: int = 1, **data: Any) -> Event:
    """An event that is nothing special."""
    return Event(seq, 1_700_000_000_000_000_000 + seq, "test.event", 7, data, cause=0, epoch=epoch)


def batch(writer: Writer, number: int) -> list[Event]:
    """The next events for a writer."""
    return [event(seq, writer.epoch) for seq in range(writer.last_seq + 1, writer.last_seq + 1 + number)]


class LogContract(ABC):
    """The tests that every store passes."""

    @abstractmethod
    def make_store(self, tmp_path: Path) -> LogStore:
        """A store that was never written; `tmp_path` is an empty directory for it."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> LogStore:
        """The store under test."""
        return self.make_store(tmp_path)

    def test_a_new_store_is_empty(self, store: LogStore) -> None:
        """Nothing was written, nothing is read, and that is no error."""
        assert list(store.read()) == []

    def test_the_first_writer_has_epoch_1_and_nothing_before_it(self, store: LogStore) -> None:
        """The counts begin where the documentation says."""
        with store.open_writer("test") as writer:
            assert (writer.epoch, writer.last_seq) == (1, 0)

    def test_what_is_appended_is_read_at_once(self, store: LogStore) -> None:
        """Reading does not wait for the writer to close."""
        with store.open_writer("test") as writer:
            first, second = batch(writer, 3), [event(4)]
            writer.append(first)
            writer.append(second)
            assert writer.last_seq == 4
            assert list(store.read()) == first + second

    @pytest.mark.parametrize("after", range(7))
    def test_reading_begins_behind_any_event(self, store: LogStore, after: int) -> None:
        """Also within a batch, at its ends, and behind the last event."""
        with store.open_writer("test") as writer:
            writer.append(batch(writer, 2))
            writer.append(batch(writer, 3))
        assert [found.seq for found in store.read(after)] == list(range(after + 1, 6))

    def test_appending_nothing_does_nothing(self, store: LogStore) -> None:
        """An empty batch is no event and no error."""
        with store.open_writer("test") as writer:
            writer.append([])
            assert (writer.last_seq, list(store.read())) == (0, [])

    def test_the_next_writer_goes_on_under_a_higher_epoch(self, store: LogStore) -> None:
        """Events keep the epoch of who wrote them."""
        for epoch in (1, 2, 3):
            with store.open_writer("test") as writer:
                assert (writer.epoch, writer.last_seq) == (epoch, 2 * (epoch - 1))
                writer.append(batch(writer, 2))
        assert [(found.seq, found.epoch) for found in store.read()] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3)]

    def test_a_second_writer_is_refused_and_told_who_writes(self, store: LogStore) -> None:
        """The first one goes on undisturbed."""
        with store.open_writer("controller of exp-1") as writer:
            with pytest.raises(Locked, match="controller of exp-1") as refusal:
                store.open_writer("another")
            assert refusal.value.holder["holder"] == "controller of exp-1"
            writer.append(batch(writer, 1))
        store.open_writer("another").close()

    def test_an_abandoned_writer_leaves_what_it_appended(self, store: LogStore) -> None:
        """As a crash would; the next one goes on."""
        writer = store.open_writer("test")
        writer.append(batch(writer, 2))
        writer.abandon()
        with store.open_writer("test") as following:
            assert (following.epoch, following.last_seq) == (2, 2)

    @pytest.mark.parametrize("end", ["close", "abandon"])
    def test_a_writer_that_ended_accepts_nothing(self, store: LogStore, end: str) -> None:
        """And ending it again, in whatever way, is no error."""
        writer = store.open_writer("test")
        getattr(writer, end)()
        with pytest.raises(WriteFailed):
            writer.append([event(1)])
        writer.close()
        writer.abandon()
        assert list(store.read()) == []

    @pytest.mark.parametrize(
        "data",
        [
            {},
            {"a": None, "b": True, "c": False},
            {"low": -(2**63), "high": 2**64 - 1},
            {"x": 1.5, "inf": math.inf, "small": 5e-324, "minus": -0.0},
            {"text": "ein Wörtchen \N{SNOWMAN} \x00", "": "empty key", "bytes": b"\x00\xff"},
            {"list": [1, [2, [3, {"deep": []}]]], "dict": {"a": {"b": {}}}},
        ],
    )
    def test_values_come_back_as_they_were(self, store: LogStore, data: dict[str, Any]) -> None:
        """Equal, and of the same types."""
        with store.open_writer("test") as writer:
            writer.append([event(1, **data)])
        (found,) = store.read()
        assert repr(found.data) == repr(data)

    def test_a_number_that_is_none_comes_back(self, store: LogStore) -> None:
        """NaN is not equal to itself, but it is kept."""
        with store.open_writer("test") as writer:
            writer.append([event(1, x=math.nan)])
        (found,) = store.read()
        assert math.isnan(found.data["x"])

    @pytest.mark.parametrize(
        "value",
        [(1, 2), bytearray(b"x"), memoryview(b"x"), {1: 2}, {b"k": 2}, {1, 2}, 1j, [(1,)], {"a": (1,)}, HTTPStatus.OK],
    )
    def test_a_type_that_would_not_come_back_is_refused(self, store: LogStore, value: object) -> None:
        """The event is named, and nothing of its batch is written."""
        with store.open_writer("test") as writer:
            with pytest.raises(TypeError, match="event 2"):
                writer.append([event(1), event(2, value=value)])
            assert list(store.read()) == []
            writer.append([event(1)])

    @pytest.mark.parametrize(
        "field",
        [{"kind": b"x"}, {"kind": None}, {"time": 1.5}, {"guid": "7"}, {"version": True}, {"data": []}],
    )
    def test_a_field_of_the_wrong_type_is_refused(self, store: LogStore, field: dict[str, Any]) -> None:
        """The fields of an event are as strict as its data."""
        with store.open_writer("test") as writer:
            with pytest.raises(TypeError, match="event 1"):
                writer.append([replace(event(1), **field)])
            assert list(store.read()) == []

    @pytest.mark.parametrize("depth", [10, 400])
    def test_nested_values_come_back(self, store: LogStore, depth: int) -> None:
        """However deep they are, if they are taken at all."""
        nested: list[Any] = []
        for _ in range(depth):
            nested = [nested]
        with store.open_writer("test") as writer:
            writer.append([event(1, nested=nested)])
        assert [found.data["nested"] for found in store.read()] == [nested]

    def test_values_nested_deeper_than_can_be_read_are_refused(self, store: LogStore) -> None:
        """Also where Python itself would go deeper."""
        nested: list[Any] = []
        for _ in range(MAX_DEPTH):
            nested = [nested]
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(10 * MAX_DEPTH)
        try:
            with store.open_writer("test") as writer:
                with pytest.raises(ValueError, match="event 1"):
                    writer.append([event(1, nested=nested)])
                writer.append([event(1, nested=nested[0][0])])
                assert [found.data["nested"] for found in store.read()] == nested[0]
        finally:
            sys.setrecursionlimit(before)

    def test_values_nested_without_end_are_refused(self, store: LogStore) -> None:
        """A list that holds itself is no value."""
        endless: list[Any] = []
        endless.append(endless)
        with store.open_writer("test") as writer:
            with pytest.raises(ValueError, match="event 1"):
                writer.append([event(1, endless=endless)])
            assert list(store.read()) == []

    @pytest.mark.parametrize("value", [2**64, -(2**63) - 1, "\ud800", "x" * MAX_EVENT])
    def test_a_value_out_of_range_is_refused(self, store: LogStore, value: object) -> None:
        """The event is named, and nothing of its batch is written."""
        with store.open_writer("test") as writer:
            with pytest.raises(ValueError, match="event 2"):
                writer.append([event(1), event(2, value=value)])
            assert list(store.read()) == []
            writer.append([event(1)])

    @pytest.mark.parametrize(
        "wrong",
        [
            [event(2)],
            [event(0)],
            [event(1), event(1)],
            [event(1), event(3)],
            [event(1, epoch=2)],
            [Event(1, 0, "test.event", 0, {}, cause=1, epoch=1)],
            [Event(1, 0, "test.event", 0, {}, cause=-1, epoch=1)],
        ],
    )
    def test_wrong_numbers_are_refused(self, store: LogStore, wrong: list[Event]) -> None:
        """Seq, epoch and cause are the caller's to give, and the store's to check."""
        with store.open_writer("test") as writer:
            with pytest.raises(ValueError, match="event"):
                writer.append(wrong)
            assert (writer.last_seq, list(store.read())) == (0, [])

    def test_what_was_appended_cannot_be_changed_afterwards(self, store: LogStore) -> None:
        """The store keeps no reference to the caller's data."""
        with store.open_writer("test") as writer:
            appended = event(1, items=[1])
            writer.append([appended])
            appended.data["items"].append(2)
        assert [found.data for found in store.read()] == [{"items": [1]}]

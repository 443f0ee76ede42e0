"""What the time line shows, and how one moves on it."""

import pytest

from engine.core import events
from engine.core.apply import apply
from engine.core.states import DEPLOYMENT, Step
from engine.core.world import World
from replay.watch.cursor import Cursor
from replay.watch.marks import Column, Marks

pytestmark = pytest.mark.slow

S = 1_000_000_000
TYPE = events.TypeDeclared(0, "lab::Thing", ["lab::Thing"], [], [], {"critical": False}, [], {})
STORY = [
    (0, TYPE),
    (0, events.ResourceRegistered(1, "lab::Thing", {}, None)),
    (0, events.ResourceRegistered(2, "lab::Thing", {}, None)),
    (2, events.StepPassed(1, [*DEPLOYMENT, Step.START])),
    (4, events.StepPassed(2, [*DEPLOYMENT, Step.START])),
    (8, events.ResourceFailed(2, {"type": "Failed", "message": "gone"}, 1, 0)),
    (10, events.StepPassed(1, [Step.STOP])),
]


@pytest.fixture
def marks():
    world, marks = World(), Marks()
    for seq, (time, event) in enumerate(STORY, 1):
        entry = events.Entry(seq, (100 + time) * S, 0, 1, event)
        apply(world, entry)
        marks.note(world, entry, {*world.take_touched(), event.guid})
    return marks


def test_without_an_event_there_is_nothing():
    empty = Marks()
    assert (len(empty), empty.start, empty.end, empty.most, list(empty.of(1, 9))) == (0, 0, 0, 0, [])
    assert empty.columns(2, 0) == [Column(0, busy=False, failed=False)] * 2


def test_columns_say_what_ran_and_what_failed(marks):
    assert (len(marks), marks.start, marks.end, marks.most) == (7, 100 * S, 110 * S, 2)
    assert marks.columns(5, 110 * S) == [
        Column(1, busy=True, failed=False),
        Column(2, busy=True, failed=False),
        Column(2, busy=False, failed=False),
        Column(1, busy=True, failed=True),
        Column(0, busy=True, failed=False),
    ]


def test_an_axis_may_go_on_behind_the_last_event(marks):
    assert [column.started for column in marks.columns(4, 120 * S)] == [2, 0, 0, 0]


def test_events_are_found_by_time_and_by_resource(marks):
    assert [marks.at(time * S) for time in (99, 100, 101, 104, 200)] == [0, 3, 3, 5, 7]
    assert marks.time(6) == 108 * S
    assert list(marks.of(2, 7)) == [3, 5, 6]
    assert list(marks.of(2, 5)) == [3, 5]


@pytest.fixture
def cursor(marks):
    return Cursor(marks)


def where(cursor):
    return None if cursor.time is None else (cursor.time / S, cursor.seq)


def test_it_moves_in_time(cursor):
    assert cursor.is_live
    cursor.move(2 * S, 110 * S)
    assert cursor.is_live
    cursor.move(-3 * S, 110 * S)
    assert where(cursor) == (107, 5)
    cursor.move(2 * S, 110 * S)
    assert where(cursor) == (109, 6)
    cursor.move(-60 * S, 110 * S)
    assert where(cursor) == (100, 3)
    cursor.move(60 * S, 110 * S)
    assert where(cursor) is None


def test_behind_the_last_event_time_goes_on(cursor):
    cursor.move(-3 * S, 120 * S)
    assert where(cursor) == (117, 7)
    cursor.move(3 * S, 120 * S)
    assert cursor.is_live


def test_it_moves_by_events(cursor):
    cursor.step(1)
    assert where(cursor) is None
    cursor.step(-1)
    assert where(cursor) == (108, 6)
    cursor.step(-4)
    assert where(cursor) == (100, 2)
    cursor.step(-9)
    assert where(cursor) == (100, 1)
    cursor.step(6)
    assert where(cursor) == (110, 7)
    cursor.step(1)
    assert cursor.is_live


def test_it_may_begin_at_what_was_not_noted_yet():
    cursor = Cursor(Marks())
    cursor.pin(6, 108 * S)
    assert where(cursor) == (108, 6)
    cursor.step(-1)
    cursor.live()
    assert cursor.is_live

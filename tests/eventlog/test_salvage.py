"""What is intact behind damage can be read, and is marked."""

from pathlib import Path

import pytest
from damage import flip, forget_note, segments, write

import eventlog
from eventlog._segments import HEADER_LENGTH


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Events 1 2-3 4 | 5 6-7."""
    write(tmp_path, 1, 2, 1)
    write(tmp_path, 1, 2)
    return tmp_path


def salvaged(run: Path) -> list[int]:
    with eventlog.open(run) as log:
        return [found.event.seq for found in log.salvage()]


def test_a_log_without_damage_has_nothing_to_salvage(run: Path):
    assert salvaged(run) == []


def test_what_follows_the_damage_is_found_and_says_where(run: Path):
    first, last = segments(run)
    flip(first, HEADER_LENGTH)
    with eventlog.open(run) as log:
        found = list(log.salvage())
    assert [one.event.seq for one in found] == [2, 3, 4, 5, 6, 7]
    assert [one.path for one in found] == [first] * 3 + [last] * 3
    assert found[0].byte == found[1].byte < found[2].byte
    assert found[3].byte == HEADER_LENGTH


def test_a_damaged_payload_is_stepped_over(run: Path):
    first, _ = segments(run)
    flip(first, first.stat().st_size - 1)
    assert salvaged(run) == [5, 6, 7]


def test_a_missing_segment_leaves_the_others(run: Path):
    write(run, 1)
    segments(run)[1].unlink()
    assert salvaged(run) == [8]


@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_header_hides_no_frames(run: Path, number: int):
    flip(segments(run)[number], 20)
    assert salvaged(run) == ([1, 2, 3, 4, 5, 6, 7] if number == 0 else [5, 6, 7])


def test_without_the_note_the_last_header_cannot_be_done_without(run: Path):
    flip(segments(run)[1], 20)
    forget_note(run)
    assert salvaged(run) == []

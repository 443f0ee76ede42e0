"""The format is what the package's docstring says: another reader, written from it, agrees in every case."""

from pathlib import Path

import pytest
from damage import cut, flip, forget_note, segments, write
from independent_reader import Damaged, read_log
from msgspec.structs import astuple

import eventlog
from eventlog import Corrupt
from eventlog.testing import event

GOLDEN = Path(__file__).parent / "golden"


def ours(run: Path) -> tuple:
    """What our reader says: events and torn bytes, or the file and byte of the damage."""
    with eventlog.open(run) as log:
        try:
            events = [astuple(found) for found in log]
        except Corrupt as error:
            return error.path.name, error.byte
    report = eventlog.verify(run)
    torn = sum(tail.dropped for tail in [report.torn, *report.dropped] if tail and tail.byte)
    return [
        (seq, epoch, kind, version, time, guid, cause, data)
        for seq, time, kind, guid, data, cause, epoch, version in events
    ], torn


def theirs(run: Path) -> tuple:
    """The same from the other reader."""
    try:
        return read_log(run / "log")
    except Damaged as damaged:
        name, byte = damaged.args
        return (name, byte) if name != "durable" else ours(run)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write(tmp_path, 2, 1)
    cut(segments(tmp_path)[0], -3)
    forget_note(tmp_path)
    write(tmp_path, 1, 2)
    return tmp_path


def test_both_readers_agree_on_a_log_with_a_torn_tail_inside(run: Path):
    assert theirs(run) == ours(run)
    assert [found[0] for found in theirs(run)[0]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("note", [True, False])
@pytest.mark.parametrize("number", [0, 1])
def test_both_readers_agree_on_every_damage(run: Path, number: int, note: bool):
    if not note:
        forget_note(run)
    path = segments(run)[number]
    whole = path.read_bytes()
    for byte in range(0, len(whole), 3):
        flip(path, byte, byte % 8)
        assert theirs(run) == ours(run)
        path.write_bytes(whole[:byte])
        assert theirs(run) == ours(run)
        path.write_bytes(whole)


def test_a_log_of_the_first_format_reads_as_it_did():
    expected = [event(1, text="first"), event(2, n=2**64 - 1), event(3, b=b"\x00", x=[None, True, {"k": 1.5}])]
    expected += [event(4, 2), event(5, 2, text="\N{SNOWMAN}")]
    with eventlog.open(GOLDEN / "1.0") as log:
        assert list(log) == expected
    assert theirs(GOLDEN / "1.0") == ours(GOLDEN / "1.0")

"""Reading starts in the middle of a segment, by an index that may be missing, damaged or wrong."""

from pathlib import Path

import pytest
from damage import flip, segments

import eventlog
from eventlog import FileStore, _index
from eventlog._disk import RealDirectory
from eventlog.testing import event

LAST = 200


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of 200 batches of one event, with an entry for about every tenth."""
    monkeypatch.setattr(_index, "SPACING", 1000)
    with FileStore(tmp_path).open_writer("test") as writer:
        for seq in range(1, LAST + 1):
            writer.append([event(seq)])
    return tmp_path


def index_of(run: Path) -> Path:
    return segments(run)[0].with_suffix(".idx")


def expect_every_start(run: Path) -> None:
    for after in (0, 1, 9, 10, 11, 99, LAST - 1, LAST, LAST + 7):
        assert [found.seq for found in FileStore(run).read(after)] == list(range(after + 1, LAST + 1))


def test_reading_starts_near_where_it_should(run: Path, monkeypatch: pytest.MonkeyPatch):
    starts = []
    real = RealDirectory.read

    def read(directory, name, start, size):
        if name.endswith(".log") and start:
            starts.append(start)
        return real(directory, name, start, size)

    monkeypatch.setattr(RealDirectory, "read", read)
    assert [found.seq for found in FileStore(run).read(150)] == list(range(151, LAST + 1))
    size = segments(run)[0].stat().st_size
    assert 0 < size * 0.75 - starts[0] < 2000
    assert segments(run)[0].stat().st_mode & 0o777 == 0o600


def test_every_start_is_right(run: Path):
    expect_every_start(run)


def test_without_the_index_only_time_changes(run: Path):
    index_of(run).unlink()
    expect_every_start(run)


def test_a_damaged_or_shortened_index_does_no_harm(run: Path):
    size = index_of(run).stat().st_size
    assert size % 24 == 0
    for byte in range(0, size, 5):
        flip(index_of(run), byte)
    expect_every_start(run)
    index_of(run).write_bytes(index_of(run).read_bytes()[: size // 2 + 1])
    expect_every_start(run)


def test_the_index_of_another_log_does_no_harm(run: Path, tmp_path: Path):
    with FileStore(tmp_path / "other").open_writer("test") as writer:
        writer.append([event(seq, pad=bytes(100)) for seq in range(1, 21)])
        writer.append([event(seq) for seq in range(21, 41)])
    index_of(run).write_bytes(index_of(tmp_path / "other").read_bytes())
    expect_every_start(run)


def test_an_index_that_reaches_beyond_a_shortened_segment_hides_no_damage(run: Path):
    path = segments(run)[0]
    path.write_bytes(path.read_bytes()[:2000])
    with eventlog.open(run) as log, pytest.raises(eventlog.Corrupt):
        list(log.read(150))


def test_a_disk_that_cannot_keep_the_index_loses_only_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_index, "SPACING", 1)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / f"{1:08d}-{1:016d}.idx").write_bytes(b"in the way")
    with FileStore(tmp_path).open_writer("test") as writer:
        for seq in (1, 2, 3):
            writer.append([event(seq)])
    assert [found.seq for found in FileStore(tmp_path).read(1)] == [2, 3]

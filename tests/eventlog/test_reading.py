"""What is read of a log that is whole, torn, or damaged."""

from pathlib import Path

import pytest
from damage import cut, flip, forget_note, segments, write

import eventlog
from eventlog import Corrupt, FileStore, NoLog, WrongVersion
from eventlog._disk import RealDirectory
from eventlog._segments import HEADER_LENGTH


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A log of two segments with 3 + 2 and 1 + 4 events."""
    write(tmp_path, 3, 2)
    write(tmp_path, 1, 4)
    return tmp_path


def seqs(run: Path) -> list[int]:
    with eventlog.open(run) as log:
        return [event.seq for event in log]


def damage(run: Path) -> Corrupt:
    """How the log is damaged; what comes before it is read all the same."""
    with eventlog.open(run) as log, pytest.raises(Corrupt) as caught:
        list(log)
    return caught.value


def test_a_whole_log_is_read_and_verified(run: Path):
    assert seqs(run) == list(range(1, 11))
    report = eventlog.verify(run)
    assert (report.ok, report.events, report.segments, report.torn, report.dropped) == (True, 10, 2, None, [])


def test_a_directory_that_is_no_run_is_told_so(tmp_path: Path):
    with pytest.raises(NoLog, match="is not a run directory: it has no log/"):
        eventlog.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        eventlog.verify(tmp_path)


def test_files_are_private(run: Path):
    log = run / "log"
    assert log.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in log.iterdir()} == {0o600}


def test_reading_and_reopening_change_no_old_byte(run: Path):
    before = {path: path.read_bytes() for path in segments(run)}
    seqs(run)
    eventlog.verify(run)
    write(run, 1)
    assert {path: path.read_bytes() for path in before} == before


def test_a_torn_tail_is_left_out_and_said(run: Path):
    last = segments(run)[-1]
    whole = last.stat().st_size
    cut(last, -1)
    forget_note(run)
    assert seqs(run) == [1, 2, 3, 4, 5, 6]
    with eventlog.open(run) as log:
        assert log.torn is not None
        assert (log.torn.path, log.torn.dropped) == (last, whole - 1 - log.torn.byte)
    assert eventlog.verify(run).ok


def test_a_torn_tail_stays_where_it_is_when_writing_goes_on(run: Path):
    last = segments(run)[-1]
    cut(last, -1)
    forget_note(run)
    torn = last.read_bytes()
    write(run, 2)
    assert last.read_bytes() == torn
    assert seqs(run) == list(range(1, 9))
    report = eventlog.verify(run)
    assert report.ok
    assert report.torn is None
    assert [(tail.path, tail.byte + tail.dropped) for tail in report.dropped] == [(last, len(torn))]


def test_the_note_tells_a_damaged_last_batch_from_a_torn_one(run: Path):
    last = segments(run)[-1]
    cut(last, -1)
    error = damage(run)
    assert (error.path, error.first_seq, error.intact_after) == (last, 7, False)


def test_damage_before_intact_events_is_corrupt_without_the_note(run: Path):
    last = segments(run)[-1]
    forget_note(run)
    flip(last, HEADER_LENGTH + 40)
    error = damage(run)
    assert (error.path, error.byte, error.first_seq, error.intact_after) == (last, HEADER_LENGTH, 6, True)
    report = eventlog.verify(run)
    assert (report.ok, report.events, report.to_dict()["corrupt"]["byte"]) == (False, 5, HEADER_LENGTH)


def test_damage_in_an_earlier_segment_is_corrupt_though_it_is_at_its_end(run: Path):
    first = segments(run)[0]
    forget_note(run)
    flip(first, first.stat().st_size - 1)
    error = damage(run)
    assert (error.path, error.first_seq, error.intact_after) == (first, 4, True)


def test_a_shortened_earlier_segment_is_corrupt_also_between_two_frames(run: Path):
    first = segments(run)[0]
    forget_note(run)
    cut(first, HEADER_LENGTH)
    error = damage(run)
    assert (error.path, error.byte, error.first_seq) == (first, HEADER_LENGTH, 1)


@pytest.mark.parametrize("lost", [0, 1])
def test_a_missing_segment_is_corrupt(run: Path, lost: int):
    segments(run)[lost].unlink()
    assert damage(run).path == run / "log" / f"{2:08d}-{6:016d}.log"


def test_a_segment_of_another_log_is_corrupt(run: Path, tmp_path: Path):
    write(tmp_path / "other", 3, 2)
    first = segments(run)[0]
    first.write_bytes(segments(tmp_path / "other")[0].read_bytes())
    assert damage(run).path == segments(run)[1]


def test_a_renamed_segment_is_corrupt(run: Path):
    last = segments(run)[-1]
    last.rename(last.with_name(f"{3:08d}-{6:016d}.log"))
    forget_note(run)
    assert damage(run).byte == 32


@pytest.mark.parametrize("harm", [lambda path: flip(path, HEADER_LENGTH), lambda path: flip(path, 0), Path.unlink])
@pytest.mark.parametrize("number", [0, 1])
def test_damage_is_refused_and_nothing_touched_when_writing_should_go_on(run: Path, harm, number: int):
    harm(segments(run)[number])
    before = {path: path.read_bytes() for path in segments(run)}
    with pytest.raises(Corrupt):
        write(run, 1)
    assert {path: path.read_bytes() for path in segments(run)} == before


@pytest.mark.parametrize("length", [0, 1, HEADER_LENGTH - 1])
def test_a_segment_whose_creation_was_cut_short_is_dropped_and_said(run: Path, length: int):
    last = segments(run)[-1]
    cut(last, length)
    forget_note(run)
    assert seqs(run) == [1, 2, 3, 4, 5]
    with eventlog.open(run) as log:
        assert (log.torn.path, log.torn.byte, log.torn.dropped) == (last, 0, length)
    write(run, 1)
    assert seqs(run) == [1, 2, 3, 4, 5, 6]
    assert [torn.path for torn in eventlog.verify(run).dropped] == [last]


def test_a_damaged_header_of_a_segment_with_events_is_corrupt(run: Path):
    forget_note(run)
    flip(segments(run)[-1], 20)
    assert damage(run).byte == 0


def test_a_later_format_is_refused_as_that(run: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as future:
        future.setattr("eventlog._segments.MAJOR", 2)
        write(run / "future", 1)
    with pytest.raises(WrongVersion, match=r"format 2\.0; this version reads 1\.\*, a later netreel reads it"):
        seqs(run / "future")
    assert not eventlog.verify(run / "future").ok


def test_a_report_of_a_torn_tail_as_plain_values(run: Path):
    last = segments(run)[-1]
    cut(last, -1)
    forget_note(run)
    report = eventlog.verify(run)
    assert report.to_dict() == {
        "ok": True,
        "events": 6,
        "segments": 2,
        "torn": {"file": str(last), "byte": report.torn.byte, "bytes": report.torn.dropped},
        "dropped": [],
        "corrupt": None,
    }


def test_a_report_of_damage_as_plain_values(run: Path):
    first = segments(run)[0]
    flip(first, HEADER_LENGTH)
    found = eventlog.verify(run).to_dict()
    assert found["corrupt"].pop("message").startswith(f"{first}, byte {HEADER_LENGTH}: the log is damaged: ")
    assert found["corrupt"] == {"file": str(first), "byte": HEADER_LENGTH, "first_seq": 1, "intact_after": True}
    assert (found["ok"], found["events"], found["segments"]) == (False, 0, 1)


def test_a_log_that_is_being_written_is_not_torn(tmp_path: Path):
    with FileStore(tmp_path).open_writer("test"), eventlog.open(tmp_path) as log:
        assert log.torn is None


def test_a_missing_segment_is_no_torn_tail(run: Path):
    segments(run)[0].unlink()
    with eventlog.open(run) as log, pytest.raises(Corrupt):
        _ = log.torn


def test_an_error_names_the_whole_path(tmp_path):
    with RealDirectory(tmp_path) as directory, pytest.raises(FileNotFoundError) as raised:
        directory.read("absent", 0, 1)
    assert raised.value.filename == str(tmp_path / "absent")

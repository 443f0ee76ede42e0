"""Snapshots beside the log: the same world, sooner; and never a wrong one."""

from pathlib import Path

import pytest

import eventlog
from engine import home, journal, snapshots
from engine.core import decide, events
from engine.core.kernel import Kernel
from engine.core.world import EXPERIMENT, World
from engine.snapshots import DIRECTORY, SnapshotWriter
from replay.views import fold

T = events.TypeDeclared(EXPERIMENT, "lab::Thing", ["lab::Thing"], [], [], {"critical": True}, [], {})


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of 41 events, with a snapshot after each tenth."""
    monkeypatch.setattr(snapshots, "_EVERY", 10)
    monkeypatch.setattr(snapshots, "_PER_RESOURCE", 0)
    taken = SnapshotWriter(tmp_path, lambda job: job())
    with eventlog.FileStore(tmp_path).open_writer("a test") as writer:
        kernel = Kernel(World(), writer.epoch, "x", lambda guid: False)
        made = [events.ControllerOpened(EXPERIMENT, "exp", "run", {}, persist=False)]
        for turn in range(40):
            kernel.begin_turn((turn + 1) * 1_000_000_000)
            kernel.emit_all(made)
            made = decide.register(kernel.world, T, None, {"turn": turn})
            entries, _ = kernel.take()
            writer.append([journal.to_record(entry) for entry in entries])
            taken.look(kernel.world)
    return tmp_path


def snapshot_files(run_dir: Path) -> list[Path]:
    return sorted((run_dir / DIRECTORY).iterdir())


def fold_from_start(run_dir: Path, seq: int) -> dict[str, object]:
    with eventlog.open(run_dir) as log:
        return journal.rebuild(record for record in log if record.seq <= seq).to_dict()


def nearest(run_dir: Path, seq: int | None = None, time: int | None = None) -> World | None:
    with eventlog.open(run_dir) as log:
        return snapshots.nearest(run_dir, log, seq, time)


def test_one_is_taken_now_and_then(run_dir: Path) -> None:
    seqs = [int(path.name[:16]) for path in snapshot_files(run_dir)]
    assert seqs == [10, 20, 30, 40]
    assert [path.stat().st_mode & 0o777 for path in (run_dir / DIRECTORY,)] == [0o700]


@pytest.mark.parametrize("seq", [1, 9, 10, 11, 25, 40, 41])
def test_any_moment_is_the_same_with_and_without(run_dir: Path, seq: int) -> None:
    with eventlog.open(run_dir) as log:
        world = fold(run_dir, log, seq)
    assert world.to_dict() == fold_from_start(run_dir, seq)


def test_the_latest_before_the_moment_is_chosen(run_dir: Path) -> None:
    def chosen(**moment: int) -> int | None:
        world = nearest(run_dir, **moment)
        return None if world is None else world.seq

    assert [chosen(), chosen(seq=29), chosen(seq=30), chosen(seq=9)] == [40, 20, 30, None]
    assert chosen(time=31 * 1_000_000_000) == 30


def test_a_damaged_one_is_passed_over(run_dir: Path) -> None:
    last = snapshot_files(run_dir)[-1]
    data = bytearray(last.read_bytes())
    data[len(data) // 2] ^= 1
    last.write_bytes(data)
    world = nearest(run_dir)
    assert world is not None
    assert world.seq == 30
    last.write_bytes(b"")
    assert nearest(run_dir).seq == 30


def test_one_of_an_event_that_the_log_does_not_have_is_passed_over(run_dir: Path) -> None:
    """A log that lost its last events must not get them back from a snapshot that nobody can check."""
    (segment,) = (run_dir / "log").glob("*.log")
    whole = segment.read_bytes()
    with eventlog.open(run_dir) as log:
        assert max(record.seq for record in log) == 41
    segment.write_bytes(whole[: len(whole) * 2 // 3])
    (run_dir / "log" / "durable").unlink()  # what else would know
    with eventlog.open(run_dir) as log:
        last = max(record.seq for record in log)
    assert 20 <= last < 40
    world = nearest(run_dir)
    assert world is not None
    assert world.seq <= last


def test_one_of_another_version_is_passed_over(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.core.snapshot.VERSION", 1)
    assert nearest(run_dir) is None


def test_without_them_only_time_is_lost(run_dir: Path) -> None:
    with_them = home.load(run_dir).to_dict()
    for path in snapshot_files(run_dir):
        path.unlink()
    (run_dir / DIRECTORY).rmdir()
    assert home.load(run_dir).to_dict() == with_them


def test_a_disk_that_takes_none_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / DIRECTORY).write_text("not a directory")
    writer = SnapshotWriter(tmp_path, lambda job: job())
    world = World(seq=10**6)
    writer.look(world)
    assert (tmp_path / DIRECTORY).read_text() == "not a directory"

"""Writing: who may, what is on the disk when `append` returns, and what follows a failure."""

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from damage import segments, write

import eventlog
from eventlog import FileStore, Locked, WriteFailed, _events, _segments, _writer
from eventlog._disk import RealLock
from eventlog.testing import event


def seqs(run: Path) -> list[int]:
    return [found.seq for found in FileStore(run).read()]


def fail(*args: object, **options: object):
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch):
    """Segments are full after one frame."""
    monkeypatch.setattr(_segments, "FULL", 100)


def test_the_lock_says_who_holds_it(tmp_path: Path):
    with FileStore(tmp_path).open_writer("controller of exp-1"):
        with pytest.raises(Locked) as refusal:
            FileStore(tmp_path).open_writer("another")
        assert refusal.value.holder["holder"] == "controller of exp-1"
        assert refusal.value.holder["pid"] == os.getpid()
        assert set(refusal.value.holder) == {"holder", "pid", "host", "since"}
        assert f"pid {os.getpid()}" in str(refusal.value)


def test_a_lock_file_that_says_nothing_still_locks(tmp_path: Path):
    with FileStore(tmp_path).open_writer("test"):
        (tmp_path / "log" / "lock").write_bytes(b"")
        with pytest.raises(Locked, match="an unknown process"):
            FileStore(tmp_path).open_writer("another")


def test_a_child_of_a_dead_writer_is_waited_for_a_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    lock = FileStore(tmp_path).open_writer("test")._lock
    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[lock._fd])
    gone = subprocess.Popen(["true"])
    gone.wait()
    path = tmp_path / "log" / "lock"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": gone.pid}))
    lock.release()  # as the death of the writer would
    monkeypatch.setattr(_writer, "PATIENCE", 0.0)
    with pytest.raises(Locked, match=f"pid {gone.pid}"):
        FileStore(tmp_path).open_writer("another")
    monkeypatch.setattr(_writer, "PATIENCE", 60.0)
    monkeypatch.setattr(_writer.time, "sleep", lambda _: child.communicate())
    FileStore(tmp_path).open_writer("another").close()
    assert child.returncode == 0


def test_one_append_is_one_write_and_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []
    with FileStore(tmp_path).open_writer("test") as writer:
        for name in ("write", "fdatasync", "fsync", "pwrite"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, lambda *a, real=real, name=name: (calls.append(name), real(*a))[1])
        writer.append([event(seq) for seq in range(1, 1001)])
    assert calls == ["write", "fdatasync", "pwrite"]


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.write
    with FileStore(tmp_path).open_writer("test") as writer, monkeypatch.context() as slow:
        slow.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
        writer.append([event(1), event(2)])
    assert seqs(tmp_path) == [1, 2]


@pytest.mark.parametrize("call", ["write", "fdatasync", "pwrite"])
def test_a_failure_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str):
    writer = FileStore(tmp_path).open_writer("test")
    writer.append([event(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(WriteFailed, match="Input/output error") as first:
            writer.append([event(2)])
    assert isinstance(first.value.__cause__, OSError)
    with pytest.raises(WriteFailed, match="Input/output error") as later:
        writer.append([event(2)])
    assert later.value.__cause__ is first.value.__cause__
    assert writer.last_seq == 1
    assert seqs(tmp_path) == [1]
    writer.close()
    assert seqs(tmp_path) in ([1], [1, 2])
    write(tmp_path, 1)


def test_an_interrupt_in_the_middle_of_an_append_is_final_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = FileStore(tmp_path).open_writer("test")

    def interrupt(fd):
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            writer.append([event(1)])
    with pytest.raises(WriteFailed, match="KeyboardInterrupt"):
        writer.append([event(1)])
    writer.close()


def test_a_failure_to_open_gives_the_lock_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(WriteFailed, match="cannot be opened for writing"):
            FileStore(tmp_path).open_writer("test")
    write(tmp_path, 1)
    assert seqs(tmp_path) == [1]


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteFailed, match="cannot be made"):
        FileStore(tmp_path / "file" / "run").open_writer("test")


@pytest.mark.usefixtures("small_segments")
def test_a_full_segment_is_followed_by_a_new_one_of_the_same_epoch(tmp_path: Path):
    write(tmp_path, 2, 3, 1)
    assert [path.name for path in segments(tmp_path)] == [f"{1:08d}-{base:016d}.log" for base in (1, 3, 6)]
    assert seqs(tmp_path) == [1, 2, 3, 4, 5, 6]
    write(tmp_path, 1)
    report = eventlog.verify(tmp_path)
    assert (report.ok, report.events, report.segments) == (True, 7, 4)


def test_a_writer_that_was_taken_over_is_refused(tmp_path: Path):
    stale = FileStore(tmp_path).open_writer("stale")
    stale.append([event(1)])
    (tmp_path / "log" / "lock").unlink()
    with FileStore(tmp_path).open_writer("the new one"):
        for _ in range(2):
            with pytest.raises(Locked, match=r"its lock file was taken away.*the new one"):
                stale.append([event(2)])
    stale.close()
    assert eventlog.verify(tmp_path).ok


def test_a_writer_whose_directory_was_removed_is_refused(tmp_path: Path):
    with FileStore(tmp_path).open_writer("test") as writer:
        writer.append([event(1)])
        shutil.rmtree(tmp_path / "log")
        with pytest.raises(Locked, match="its lock file was taken away"):
            writer.append([event(2)])


def test_what_a_stale_writer_added_after_a_takeover_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It had looked for its lock just before."""
    stale = FileStore(tmp_path).open_writer("stale")
    stale.append([event(1)])
    (tmp_path / "log" / "lock").unlink()
    write(tmp_path, 1)
    monkeypatch.setattr(RealLock, "in_place", lambda self: True)
    stale.append([event(2)])
    stale.close()
    report = eventlog.verify(tmp_path)
    assert report.corrupt.reason == "events were added here after another writer took over"


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_file_stays_open_whatever_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, 1)
    before = open_files()
    for call in ("fdatasync", "fsync", "write", "pwrite", "ftruncate"):
        with monkeypatch.context() as broken:
            broken.setattr(os, call, fail)
            with pytest.raises(WriteFailed):
                FileStore(tmp_path).open_writer("test").append([event(2, 2)])
    assert open_files() == before


@pytest.mark.usefixtures("small_segments")
def test_closing_after_a_failed_rotation_closes_nobody_elses_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = FileStore(tmp_path).open_writer("test")
    writer.append([event(1)])
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fail)
        with pytest.raises(WriteFailed):
            writer.append([event(2)])
    with (tmp_path / "other").open("wb") as other:
        writer.close()
        other.write(b"still open")


def write_until_it_fails(run: Path) -> int:
    """Append until the system refuses; return what was acknowledged."""
    with FileStore(run).open_writer("test") as writer:
        while True:
            batch = [event(seq, writer.epoch, pad=bytes(3000)) for seq in (writer.last_seq + 1, writer.last_seq + 2)]
            try:
                writer.append(batch)
            except WriteFailed:
                return writer.last_seq


def expect_recovery(run: Path, acknowledged: int) -> None:
    with FileStore(run).open_writer("test") as writer:
        assert writer.last_seq in (acknowledged, acknowledged + 2)
        writer.append([event(writer.last_seq + 1, writer.epoch)])
    assert eventlog.verify(run).ok


def test_a_limit_on_the_size_of_files(tmp_path: Path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        acknowledged = write_until_it_fails(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert acknowledged == 32
    with eventlog.open(tmp_path) as log:
        assert log.torn.dropped > 0
    expect_recovery(tmp_path, acknowledged)


def test_a_device_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    writer = FileStore(tmp_path).open_writer("test")
    full = os.open("/dev/full", os.O_WRONLY)
    real = os.write
    with monkeypatch.context() as redirected:
        redirected.setattr(os, "write", lambda fd, data: real(full, data))
        with pytest.raises(WriteFailed, match="No space left on device"):
            writer.append([event(1)])
    os.close(full)
    writer.close()
    expect_recovery(tmp_path, 0)


def test_a_file_system_that_is_full(tmp_path: Path):
    mounted = tmp_path / "small"
    mounted.mkdir()
    mount = shutil.which("mount")
    if os.geteuid() or not mount:
        pytest.skip("mounting needs root")
    command = [mount, "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(mounted)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        acknowledged = write_until_it_fails(mounted / "run")
        assert acknowledged > 10
        shutil.copytree(mounted / "run", tmp_path / "run")
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
    expect_recovery(tmp_path / "run", acknowledged)


def test_who_writes_can_be_asked_without_getting_in_the_way(tmp_path: Path):
    with FileStore(tmp_path).open_writer("controller of exp-1"):
        assert eventlog.holder(tmp_path)["holder"] == "controller of exp-1"
        with pytest.raises(Locked):
            FileStore(tmp_path).open_writer("another")
    assert eventlog.holder(tmp_path) is None
    with pytest.raises(eventlog.NoLog):
        eventlog.holder(tmp_path / "nowhere")


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EROFS])
def test_a_file_system_that_has_no_sync_for_directories_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code):
    def refuse(fd: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    write(tmp_path, 1)
    assert seqs(tmp_path) == [1]


def test_new_directories_are_synced_each_in_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(Path(f"/proc/self/fd/{fd}").readlink()), real(fd))[1])
    write(tmp_path / "exp" / "run", 1)
    assert {tmp_path, tmp_path / "exp", tmp_path / "exp" / "run", tmp_path / "exp" / "run" / "log"} <= set(synced)
    assert (tmp_path / "exp").stat().st_mode & 0o777 == 0o700


def test_a_batch_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_events, "MAX_PAYLOAD", 1000)
    with FileStore(tmp_path).open_writer("test") as writer:
        with pytest.raises(ValueError, match=r"events 1 to 100 take \d+ bytes together; one append may have 1000"):
            writer.append([event(seq) for seq in range(1, 101)])
        writer.append([event(1)])

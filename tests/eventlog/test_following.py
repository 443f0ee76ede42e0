"""Following a log while another process, or this one, writes it."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from damage import write

import eventlog
from eventlog import FileStore, WriteFailed, _durable, _segments
from eventlog.testing import SimDirectory, SimStore, event

FOLLOW = """
import sys, time, eventlog
with eventlog.open(sys.argv[1]) as log:
    for event in log.follow(10):
        print(event.seq, time.monotonic_ns(), flush=True)
        if event.data.get("last"):
            break
"""


def test_following_ends_when_nothing_new_comes(tmp_path: Path):
    write(tmp_path, 2, 1)
    with eventlog.open(tmp_path) as log:
        assert [found.seq for found in log.follow(0)] == [1, 2, 3]
        assert [found.seq for found in log.follow(0, after=2)] == [3]


def test_following_goes_on_across_appends_segments_and_writers(tmp_path: Path):
    write(tmp_path, 1)
    with eventlog.open(tmp_path) as log:
        events = log.follow(10)
        assert next(events).seq == 1
        for seq in (2, 3):
            write(tmp_path, 1)
            assert next(events).seq == seq
        with FileStore(tmp_path).open_writer("test") as writer:
            for seq in (4, 5):
                writer.append([event(seq, writer.epoch)])
                assert next(events).seq == seq


def test_what_is_not_synced_is_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen = []
    writer = FileStore(tmp_path).open_writer("test")
    writer.append([event(1)])
    real = os.fdatasync

    def sync(fd):
        with eventlog.open(tmp_path) as log:
            seen.append([found.seq for found in log.follow(0)])
        real(fd)

    monkeypatch.setattr(os, "fdatasync", sync)
    writer.append([event(2)])
    writer.append([event(3)])
    assert seen == [[1], [1, 2]]
    writer.close()


def test_a_segment_that_is_being_begun_is_neither_torn_nor_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_segments, "FULL", 100)
    seen = []
    with FileStore(tmp_path).open_writer("test") as writer:
        writer.append([event(1)])
        real = os.write

        def write_slowly(fd, data):
            report = eventlog.verify(tmp_path)
            seen.append((report.events, report.segments, report.torn, report.dropped))
            return real(fd, data[: len(data) // 2 + 1])

        monkeypatch.setattr(os, "write", write_slowly)
        writer.append([event(2)])
    assert set(map(repr, seen)) == {"(1, 1, None, [])"}


def test_a_writer_that_begins_while_the_files_are_listed_is_noticed():
    directory = SimDirectory()
    begun = []

    def begin(call: str, name: str) -> None:
        if call == "names":
            directory.on_call = fail_to_sync
            begun.append(SimStore(directory).open_writer("test"))
            with pytest.raises(WriteFailed):
                begun[0].append([event(1)])

    def fail_to_sync(call: str, name: str) -> None:
        if call == "sync" and begun:
            raise OSError(errno.EIO, "simulated")

    directory.on_call = begin
    assert list(SimStore(directory).read()) == []
    assert begun


def test_what_a_dead_writer_did_not_announce_is_synced_before_it_is_shown(tmp_path: Path, monkeypatch):
    writer = FileStore(tmp_path).open_writer("test")
    with monkeypatch.context() as unannounced:
        unannounced.setattr(os, "pwrite", lambda fd, data, offset: len(data))
        writer.append([event(1)])
    writer.abandon()
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(Path(f"/proc/self/fd/{fd}").readlink()), real(fd))[1])
    assert [found.seq for found in FileStore(tmp_path).read()] == [1]
    assert [path.suffix for path in synced] == [".log"]


def test_a_log_that_was_closed_in_order_is_read_without_a_sync(tmp_path: Path, monkeypatch):
    write(tmp_path, 3)
    monkeypatch.setattr(os, "fsync", lambda fd: pytest.fail("no need to sync"))
    assert [found.seq for found in FileStore(tmp_path).read()] == [1, 2, 3]


def test_without_the_note_everything_intact_counts(tmp_path: Path):
    with FileStore(tmp_path).open_writer("test") as writer:
        writer.append([event(1)])
        (tmp_path / "log" / _durable.NAME).unlink()
        assert [found.seq for found in FileStore(tmp_path).read()] == [1]


def test_a_damaged_note_is_as_good_as_none(tmp_path: Path):
    write(tmp_path, 2)
    (tmp_path / "log" / _durable.NAME).write_bytes(b"x" * 32)
    assert [found.seq for found in FileStore(tmp_path).read()] == [1, 2]


def test_another_process_sees_an_event_soon_after_its_commit(tmp_path: Path):
    committed = {}
    with FileStore(tmp_path).open_writer("test") as writer:
        writer.append([event(1)])
        command = [sys.executable, "-c", FOLLOW, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout.readline().split()[0] == "1"
            for seq in range(2, 52):
                writer.append([event(seq, last=seq == 51)])
                committed[seq] = time.monotonic_ns()
            seen = dict(map(int, line.split()) for line in follower.stdout)
    assert list(seen) == list(committed)
    delays = sorted(seen[seq] - committed[seq] for seq in committed)
    assert delays[len(delays) // 2] < 50e6

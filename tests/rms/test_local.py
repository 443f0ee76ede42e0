import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest
from inotify_simple import Event, flags

from engine.rm.transport import TransportLost
from rms.local import LocalTransport, _Feeder
from tests.contracts.transport import BrokenStream, Inbox, TransportContract, start_time_of


@pytest.fixture
def transport():
    transport = LocalTransport()
    yield transport
    transport.close()


class TestLocalTransport(TransportContract):
    @pytest.fixture
    def transport(self, transport):
        return transport


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def watchers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "local-transport"]


@pytest.fixture(autouse=True)
def new_watchers(monkeypatch: pytest.MonkeyPatch):
    """Those of this test: the nodes of other tests share one for the life of the process."""
    others = set(watchers())
    every = watchers
    monkeypatch.setattr(sys.modules[__name__], "watchers", lambda: [each for each in every() if each not in others])


def test_the_watching_thread_starts_when_it_is_needed_and_goes_at_close(transport, tmp_path):
    before = open_files()
    (tmp_path / "log").touch()
    transport.run("true")
    assert watchers() == []
    for _ in range(3):
        transport.follow(str(tmp_path / "log"), 0, print)
    assert len(watchers()) == 1
    transport.close()
    assert watchers() == []
    assert open_files() == before


def test_closed_followings_and_told_exits_keep_no_file_open(transport, tmp_path):
    inbox = Inbox()
    (tmp_path / "log").write_bytes(b"x")
    transport.follow(str(tmp_path / "log"), 0, inbox.put)
    inbox.take()
    before = open_files()
    transport.follow(str(tmp_path / "log"), 0, inbox.put).close()
    with subprocess.Popen(["sleep", "1000"]) as process:
        transport.on_exit(process.pid, start_time_of(process.pid), lambda: inbox.put("gone"))
        process.kill()
    while inbox.take() != "gone":
        pass
    assert open_files() == before


def test_a_callback_may_close_the_transport(transport, tmp_path):
    closed = threading.Event()

    def close(_):
        transport.close()
        closed.set()

    (tmp_path / "log").write_bytes(b"x")
    (watcher,) = [transport.follow(str(tmp_path / "log"), 0, close), *watchers()][1:]
    assert closed.wait(20)
    watcher.join(20)
    assert not watcher.is_alive()


def test_a_file_that_is_removed_while_it_is_followed_does_no_harm(transport, tmp_path):
    inbox = Inbox()
    path = tmp_path / "log"
    path.write_bytes(b"x")
    following = transport.follow(str(path), 0, inbox.put)
    assert inbox.take() == b"x"
    path.unlink()
    following.close()
    path.write_bytes(b"y")
    transport.follow(str(path), 0, inbox.put)
    assert inbox.take() == b"y"


def test_lost_inotify_events_are_made_up_for(transport, tmp_path, monkeypatch):
    """When the kernel's queue was full, every followed file is looked at."""
    inbox = Inbox()
    path = tmp_path / "log"
    path.touch()
    transport.follow(str(path), 0, inbox.put)
    inotify = transport._watcher._inotify
    read = inotify.read

    def overflown(timeout):
        list(read(timeout=timeout))
        return [Event(-1, flags.Q_OVERFLOW, 0, "")]

    monkeypatch.setattr(inotify, "read", overflown)
    path.write_bytes(b"x")
    assert inbox.take() == b"x"


def test_a_script_that_is_lost_is_killed_with_all_that_it_started(transport, tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pids")
    processes = []

    def time_out_when_it_runs(process, *_):
        process.stdin.write(script.encode() + b"\n")
        process.stdin.flush()
        processes.extend((int(pid), start_time_of(int(pid))) for pid in (tmp_path / "pids").read_text().split())
        raise subprocess.TimeoutExpired("sh", 1)

    script = f"sleep 1000 & echo $! $$ >{tmp_path}/pids; wait"
    monkeypatch.setattr(subprocess.Popen, "communicate", time_out_when_it_runs)
    with pytest.raises(TransportLost, match="not done after 1 s"):
        transport.run(script, timeout=1)
    inbox = Inbox()
    for pid, start_time in processes:
        transport.on_exit(pid, start_time, lambda: inbox.put("gone"))
    assert [inbox.take(), inbox.take()] == ["gone", "gone"]


def test_a_script_whose_stream_fails_is_killed_before_its_input_ends(monkeypatch):
    pipe, killed = io.BytesIO(), []
    monkeypatch.setattr(os, "killpg", lambda pid, _: killed.append((pid, pipe.closed)))
    with pytest.raises(ValueError, match="the disk is broken"), _Feeder(Mock(stdin=pipe, pid=7), b"", BrokenStream()):
        pass
    assert killed == [(7, False)]


def test_a_script_runs_with_default_signals_and_no_file_of_ours(transport):
    """Also one that Python has made inheritable."""
    inheritable = os.dup(0)
    os.set_inheritable(inheritable, True)
    done = transport.run("ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status")
    os.close(inheritable)
    count, _, ignored = done.stdout.split()
    # Of the signals from 32 on the C library keeps some for itself, and make starts its commands with those ignored;
    # and whoever is under nohup ignores HUP, the first.
    assert (int(count), int(ignored, 16) & 0x7FFFFFFE) == (4, 0)  # the fourth file is the directory that ls reads

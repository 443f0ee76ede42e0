"""The end of a trace as it grows."""

import threading

import pytest
from msgspec.structs import replace

from replay.watch import tail
from replay.watch.tail import Tail, printable
from tests.replay.labs import lab_in
from tests.replay.recorders import path_of

pytestmark = pytest.mark.slow


@pytest.fixture
def run_dir(tmp_path, lab1):
    """A recorder that runs."""
    lab = lab_in(tmp_path / "run")
    recorder = lab.type("lab::Recorder", ("start",))
    lab.declared[recorder] = replace(lab.declared[recorder], traces={"stdout": True, "debug": False})
    lab.add(rtype=recorder)
    lab.deploy()
    lab.done(1)
    lab.writer.close()
    return tmp_path / "run"


class Screen:
    """Where a tail is shown, as fast as the test wants it."""

    def __init__(self):
        self.came, self.shown = threading.Semaphore(0), []

    def show(self, tail, text, *, is_remark):
        self.shown.append((text, is_remark))
        self.came.release()


def test_it_shows_what_comes_and_ends_when_it_is_let_go_with_something_unshown(run_dir, monkeypatch):
    monkeypatch.setattr(tail, "_AHEAD", 1)
    path_of(run_dir, 1, "stdout").write_bytes(b"one\n")
    screen = Screen()
    one = Tail(run_dir, 99, 1, "stdout", screen.show)
    assert screen.came.acquire(timeout=60)
    with path_of(run_dir, 1, "stdout").open("ab") as file:
        file.write(b"two\n")
    one.shown()
    assert screen.came.acquire(timeout=60)
    assert screen.shown == [("one\n", False), ("two\n", False)]
    with path_of(run_dir, 1, "stdout").open("ab") as file:
        file.write(b"three\n")
    one.stop()
    for thread in threading.enumerate():
        if thread.name == "netreel-tail":
            thread.join(60)
            assert not thread.is_alive()
    assert len(screen.shown) == 2


def test_what_is_not_recorded_is_told(run_dir):
    screen = Screen()
    Tail(run_dir, 99, 1, "debug", screen.show)
    assert screen.came.acquire(timeout=60)
    assert screen.shown == [("trace 'debug' of #1 lab::Recorder is switched off, so nothing is recorded", True)]


def test_what_would_spoil_a_terminal_is_replaced():
    assert printable("a\tb\r\n\x1b[2J\x07é\u202e") == "a\tb\n·[2J·é·"

"""The disk of a host is full when a command ends: its status is recorded as soon as there is room, and told."""

import os
import select
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from engine.rm.outcomes import Alive, Ended, Gone
from rms.local import LocalTransport
from tests.contracts.transport import PATIENCE, Inbox
from tests.rms.launching import SHELLS, Gate, Lab, StayingTransport, insert, use_shell

pytestmark = pytest.mark.slow


@pytest.fixture(params=SHELLS)
def any_shell(request, tmp_path, monkeypatch):
    use_shell(request.param, tmp_path / "shell", monkeypatch)


@pytest.fixture(params=[LocalTransport, StayingTransport])
def lab(request, any_shell, tmp_path):
    lab = Lab(tmp_path, request.param)
    yield lab
    lab.close()


@pytest.fixture
def waiting(tmp_path, monkeypatch):
    """Holds whoever waits for room."""
    gate = Gate(tmp_path, "pausing")
    insert(monkeypatch, "pausing", gate.script)
    yield gate
    gate.close()


@pytest.fixture
def in_haste(monkeypatch):
    """Nobody sleeps while there is no room."""
    insert(monkeypatch, "pausing", "pauses=0")


@pytest.fixture
def full(tmp_path, monkeypatch):
    """While this file is there, no mark can be made."""
    place, full = tmp_path / "full-bin", tmp_path / "full"
    place.mkdir()
    (place / "ln").write_text(f'#!/bin/sh\n[ ! -e {full} ] || exit 1\nexec {shutil.which("ln")} "$@"\n')
    (place / "ln").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return full


@pytest.fixture
def begun(lab, tmp_path):
    """A command that ends with 17 once it is let go; it leaves a process in its group."""
    os.mkfifo(tmp_path / "go")
    launcher, inbox = lab.launcher(), Inbox()
    started = launcher.start("a", f"sleep 1000 & read -r _ <{tmp_path}/go; exit 17")
    launcher.watch("a", inbox.put)
    yield launcher, inbox
    with suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)


def let_go(tmp_path):
    (tmp_path / "go").write_text("\n")


def test_a_status_waits_for_room_and_is_told(lab, full, waiting, begun, tmp_path):
    launcher, inbox = begun
    full.touch()
    let_go(tmp_path)
    assert waiting.pid() == lab.supervisor("a")
    assert launcher.probe("a") == lab.launcher(2).probe("a") == Alive()
    assert inbox.empty()
    full.unlink()
    waiting.open()
    assert inbox.take() == Ended(17)
    assert lab.launcher(2).probe("a") == Ended(17)
    lab.await_line("end a")
    assert [line for line in lab.journal() if line.startswith("end")] == ["end a 17"]


def test_stopping_reaches_what_is_left_meanwhile(lab, full, waiting, begun, tmp_path):
    launcher, _ = begun
    full.touch()
    let_go(tmp_path)
    waiting.pid()
    with ThreadPoolExecutor() as pool:
        stop = pool.submit(launcher.stop, "a")
        while is_left(lab):
            threading.Event().wait(0.001)
        full.unlink()
        waiting.open()
        assert stop.result(PATIENCE) == Ended(17)


def is_left(lab):
    """Whether something of the command's group lives."""
    group = lab.marks("a")["started"].split()[0]
    stats = [
        path.read_text().rpartition(") ")[2].split() for path in Path("/proc").glob("[0-9]*/stat") if path.exists()
    ]
    return any(stat[2] == group and stat[0] not in "ZX" for stat in stats)


def test_who_waits_for_room_leaves_when_the_run_is_removed(lab, full, waiting, begun, tmp_path):
    _, inbox = begun
    full.touch()
    let_go(tmp_path)
    waiting.pid()
    supervisor = os.pidfd_open(lab.supervisor("a"))
    shutil.rmtree(lab.base)
    waiting.open()
    assert select.select([supervisor], [], [], PATIENCE)[0]
    os.close(supervisor)
    assert isinstance(inbox.take(), Gone)
    assert not Path(lab.base).exists()
    full.unlink()


def test_a_line_waits_for_room_and_the_mark_tells_meanwhile(lab, waiting, begun, tmp_path):
    launcher, inbox = begun
    journal = Path(lab.base, "journal")
    journal.rename(tmp_path / "kept")
    journal.symlink_to(tmp_path / "nowhere" / "journal")
    let_go(tmp_path)
    assert waiting.pid() == lab.supervisor("a")
    assert launcher.probe("a") == Ended(17)
    journal.unlink()
    with (tmp_path / "kept").open("a") as kept:
        kept.write("end a 1")  # as far as there was room
    (tmp_path / "kept").rename(journal)
    waiting.open()
    assert inbox.take() == Ended(17)
    assert lab.journal()[1:] == ["end a 1 ?", "end a 17"]


def test_an_end_is_told_although_there_never_is_room_for_its_line(lab, in_haste, begun, tmp_path):
    _, inbox = begun
    journal = Path(lab.base, "journal")
    journal.rename(tmp_path / "kept")
    journal.symlink_to(tmp_path / "nowhere" / "journal")
    let_go(tmp_path)
    assert inbox.take() == Ended(17)
    journal.unlink()
    (tmp_path / "kept").rename(journal)
    assert lab.launcher(2).probe("a") == Ended(17)

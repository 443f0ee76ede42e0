"""A writer is killed at any moment: what it said to be durable is there, and its lock is free."""

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import eventlog
from eventlog import FileStore

WRITE = """
import sys
from eventlog import FileStore
from eventlog.testing import event
with FileStore(sys.argv[1]).open_writer("to be killed") as writer:
    size = 0
    while True:
        size = size % 40 + 1
        first = writer.last_seq + 1
        writer.append([event(seq, writer.epoch, pad="x" * 200) for seq in range(first, first + size)])
        print(writer.last_seq, flush=True)
"""


def kill_a_writer(run: Path, lines: int) -> int:
    """Let a writer append for a while, kill it, and return the last seq that it said to be durable."""
    with subprocess.Popen([sys.executable, "-c", WRITE, str(run)], stdout=subprocess.PIPE, text=True) as writer:
        said = [writer.stdout.readline() for _ in range(lines)]
        writer.send_signal(signal.SIGKILL)
        said += writer.stdout.readlines()
    return int(said[-1])


def kill_writers(run: Path, times: int) -> None:
    chance = random.Random(times)
    for time in range(times):
        acknowledged = kill_a_writer(run, chance.randint(1, 60))
        report = eventlog.verify(run)
        assert report.ok
        assert report.events >= acknowledged
        with FileStore(run).open_writer("next") as writer:
            assert (writer.last_seq, writer.epoch) == (report.events, 2 * time + 2)


@pytest.mark.slow
def test_a_writer_is_killed(tmp_path: Path):
    kill_writers(tmp_path, 3)


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_writers_are_killed_many_times(tmp_path: Path):
    kill_writers(tmp_path, 200)

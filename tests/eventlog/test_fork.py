"""A process that was forked from the writer's does not keep the log when the writer dies."""

import os
import signal
from pathlib import Path

import eventlog
from eventlog import FileStore


def test_a_fork_does_not_hold_the_lock_of_its_parent(tmp_path: Path) -> None:
    told, tell = os.pipe()
    writer = os.fork()
    if writer == 0:
        kept = FileStore(tmp_path).open_writer("the parent")
        if os.fork() == 0:
            os.write(tell, str(os.getpid()).encode())
            signal.pause()
        signal.pause()
        kept.close()  # never: it is killed
    child = int(os.read(told, 10))
    try:
        holder = eventlog.holder(tmp_path)
        assert holder is not None
        assert holder["pid"] == writer
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        assert eventlog.holder(tmp_path) is None
        FileStore(tmp_path).open_writer("the next").close()
    finally:
        os.kill(child, signal.SIGKILL)
        os.close(told)
        os.close(tell)

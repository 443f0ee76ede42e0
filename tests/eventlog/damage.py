"""Small logs in files, and ways to damage them."""

from pathlib import Path

from eventlog import FileStore
from eventlog.testing import event


def write(run_dir: Path, *batches: int) -> None:
    """Open the log of `run_dir` for writing and append batches of so many events."""
    with FileStore(run_dir).open_writer("test") as writer:
        for number in batches:
            first = writer.last_seq + 1
            writer.append([event(seq, writer.epoch, text=f"event {seq}") for seq in range(first, first + number)])


def segments(run_dir: Path) -> list[Path]:
    """The segments of a log, in order."""
    return sorted((run_dir / "log").glob("*.log"))


def forget_note(run_dir: Path) -> None:
    """Remove what the writer said about how far it has synced, as a loss of power may."""
    (run_dir / "log" / "durable").unlink(missing_ok=True)


def cut(path: Path, length: int) -> None:
    """Shorten a file to `length` bytes, or by as many if that is negative."""
    data = path.read_bytes()
    path.write_bytes(data[:length])


def flip(path: Path, byte: int, bit: int = 0) -> None:
    """Turn one bit of a file round."""
    data = bytearray(path.read_bytes())
    data[byte] ^= 1 << bit
    path.write_bytes(bytes(data))

"""Fuzzes the readers of the log, guided by coverage: whatever the files hold, they end soon, with events or our errors.

    python tools/fuzz_log.py [SECONDS]        # by default ten minutes

An input is the bytes of a segment, the payload of a frame that validates, or a series of such frames. An exception that
is not ours, an allocation of more than 64 MiB, or an input that takes more than ten seconds ends it with exit status 1,
and leaves the input in a file whose name it prints.
"""

import contextlib
import sys
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["eventlog"]):
    from eventlog import LogError, _frame, _segments
    from eventlog._log import Log
    from eventlog._verify import examine
    from eventlog.testing import Image, SimDirectory, SimStore, event


def sample() -> Image:
    """A small log whose parts the inputs are put into."""
    directory = SimDirectory()
    for _ in range(2):
        with SimStore(directory).open_writer("fuzz") as writer:
            writer.append([event(writer.last_seq + 1, writer.epoch, x=[1, "a"])])
    return {name: node.cached for name, node in directory.nodes.items() if name.endswith(".log")}


SAMPLE = sample()
LAST = max(SAMPLE)
HEADER = SAMPLE[LAST][: _segments.HEADER_LENGTH]


def segment(data: bytes) -> Image:
    """Any bytes at all as a file."""
    return SAMPLE | {LAST: data}


def payload(data: bytes) -> Image:
    """One frame that validates, and yet holds anything."""
    return SAMPLE | {LAST: HEADER + frame(2, data)}


def frames(data: bytes) -> Image:
    """Frames that validate, in any order and number, of any size."""
    parts = data.split(b"|")
    return SAMPLE | {LAST: HEADER + b"".join(frame(part[0] if part else 0, part[1:]) for part in parts)}


def frame(first: int, data: bytes) -> bytes:
    count = data[0] if data else 0
    return _frame.frame(data[1:], first=first, count=count, salt=zlib.crc32(HEADER[:-4]))


SHAPES = (segment, payload, frames)


def one_input(data: bytes) -> None:
    image = SHAPES[data[0] % len(SHAPES)](data[1:]) if data else SAMPLE
    log = Log(SimDirectory(image))
    for read in (log.read, log.salvage, lambda: [SimStore(SimDirectory(image)).open_writer("x").close()]):
        with contextlib.suppress(LogError):
            list(read())
    examine(SimDirectory(image))


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    corpus = Path(__file__).parent.parent / ".fuzz"
    corpus.mkdir(exist_ok=True)
    body = SAMPLE[LAST][len(HEADER) + _frame.HEADER_LENGTH :]
    (corpus / "segment").write_bytes(b"\0" + SAMPLE[LAST])
    (corpus / "payload").write_bytes(b"\1\1" + body)
    (corpus / "frames").write_bytes(b"\2" + b"|".join([b"\2\1" + body, b"\3\1" + body]))
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-malloc_limit_mb=64", "-rss_limit_mb=1024"]
    sizes = ["-max_len=4096", "-len_control=0"]
    atheris.Setup([sys.argv[0], *limits, *sizes, "-print_final_stats=1", str(corpus)], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Fuzzes the readers of the log, guided by coverage: whatever the files hold, they end soon, with events or our errors.

    python tools/fuzz_log.py [SECONDS]        # by default ten minutes

Half of the inputs are the bytes of a segment, the other half the payload of a frame that validates. An exception that
is not ours, an allocation of more than 64 MiB, or an input that takes more than ten seconds ends it with exit status 1,
and leaves the input in a file whose name it prints.
"""

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
    return SAMPLE | {LAST: data}


def payload(data: bytes) -> Image:
    count, body = (data[0], data[1:]) if data else (1, b"")
    frame = _frame.frame(body, first=2, count=count or 1, salt=zlib.crc32(HEADER[:-4]))
    return SAMPLE | {LAST: HEADER + frame}


def one_input(data: bytes) -> None:
    make, rest = (segment, data[1:]) if data[:1] < b"\x80" else (payload, data[1:])
    image = make(rest)
    log = Log(SimDirectory(image))
    for read in (
        lambda: list(log),
        lambda: list(log.salvage()),
        lambda: SimStore(SimDirectory(image)).open_writer("x"),
    ):
        try:
            read()
        except LogError:
            pass
    examine(SimDirectory(image))


def main() -> None:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    corpus = Path(__file__).parent.parent / ".fuzz"
    corpus.mkdir(exist_ok=True)
    (corpus / "segment").write_bytes(b"\0" + SAMPLE[LAST])
    (corpus / "payload").write_bytes(b"\xff\x01" + SAMPLE[LAST][len(HEADER) + _frame.HEADER_LENGTH :])
    limits = [f"-max_total_time={seconds}", "-timeout=10", "-malloc_limit_mb=64", "-rss_limit_mb=1024"]
    atheris.Setup(
        [sys.argv[0], *limits, "-max_len=4096", "-len_control=0", "-print_final_stats=1", str(corpus)], one_input
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()

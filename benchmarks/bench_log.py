"""How fast the log is, as ratios to what the bare system calls and bare msgpack do in the same run.

Each pair is measured in turns, at least five times, so that a disk or a machine that changes its pace in between
changes it for both. The figure is the median of the ratios. A goal that is missed makes the exit status 1.

    python benchmarks/bench_log.py [--repeat 5] [--events 1000000] [--dir DIRECTORY] [--save]
"""

import argparse
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
from measuring import digits, machine, percentile, spread
from measuring import seconds as told_seconds
from page import publish, table

import eventlog
from eventlog import Event, FileStore

THREADS = 20
DATA = {
    "action": "start",
    "token": "3f9c2b7de1a04c55",
    "state": "STARTED",
    "receipt": {"pid": 41233, "host": "node12.example.org", "boot": "5e1f6a90-77c1", "started": 1745.25},
    "attempt": 2,
}
FOLLOW = """
import sys, time, eventlog
with eventlog.open(sys.argv[1]) as log:
    print("ready", flush=True)
    delays = [time.time_ns() - event.time for event in log.follow(1.0)]
print(*delays)
"""


def events(first: int, number: int, epoch: int = 1) -> list[Event]:
    now = time.time_ns()
    return [Event(seq, now, "resource.state", 12, DATA, seq - 1, epoch) for seq in range(first, first + number)]


def record(event: Event) -> list:
    return [event.kind, event.version, event.time, event.guid, event.cause, event.data]


class Raw:
    """Encoding and one write for each batch, with or without a sync: no checksum, no header, nothing to recover by."""

    def __init__(self, path: Path, *, sync: bool):
        self.fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self.pack = msgpack.Packer().pack
        self.sync = sync
        self.last_seq = 0
        self.epoch = 1

    def append(self, batch: list[Event]) -> None:
        os.write(self.fd, self.pack([record(event) for event in batch]))
        if self.sync:
            os.fdatasync(self.fd)
        self.last_seq += len(batch)

    def close(self) -> None:
        os.close(self.fd)


def rate_of_single_appends(writer, number: int = 300) -> float:
    """Appends a second, one event each."""
    began = time.perf_counter()
    for _ in range(number):
        writer.append(events(writer.last_seq + 1, 1))
    return number / (time.perf_counter() - began)


def rate_of_group_commit(writer, number: int = 200) -> float:
    """Events a second that 20 threads get acknowledged, each waiting for its own, when one thread writes in turns."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()

    def produce() -> None:
        done = threading.Event()
        for _ in range(number):
            done.clear()
            waiting.put(done)
            done.wait()

    threads = [threading.Thread(target=produce) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    left = number * THREADS
    while left:
        turn = [waiting.get()]
        while not waiting.empty():
            turn.append(waiting.get())
        writer.append(events(writer.last_seq + 1, len(turn)))
        for done in turn:
            done.set()
        left -= len(turn)
    rate = number * THREADS / (time.perf_counter() - began)
    for thread in threads:
        thread.join()
    return rate


def with_log(measure: Callable, directory: Path) -> float:
    with tempfile.TemporaryDirectory(dir=directory) as run, FileStore(run).open_writer("benchmark") as writer:
        return measure(writer)


def with_raw(measure: Callable, directory: Path, *, sync: bool) -> float:
    with tempfile.TemporaryDirectory(dir=directory) as run:
        writer = Raw(Path(run) / "raw", sync=sync)
        try:
            return measure(writer)
        finally:
            writer.close()


def write_log(run: Path, number: int, batch: int) -> list[bytes]:
    """A log of so many events; returns the same as bare msgpack."""
    payloads = []
    with FileStore(run).open_writer("benchmark") as writer:
        while writer.last_seq < number:
            appended = events(writer.last_seq + 1, batch)
            writer.append(appended)
            payloads.append(msgpack.packb([record(event) for event in appended]))
    return payloads


def rate_of_reading(run: Path, number: int) -> float:
    began = time.perf_counter()
    for _ in FileStore(run).read():
        pass
    return number / (time.perf_counter() - began)


def rate_of_decoding(payloads: list[bytes], number: int) -> float:
    began = time.perf_counter()
    for payload in payloads:
        msgpack.unpackb(payload)
    return number / (time.perf_counter() - began)


def delays_of_a_follower(directory: Path) -> list[float]:
    """Milliseconds from before the append to the moment at which another process has the event."""
    with tempfile.TemporaryDirectory(dir=directory) as run, FileStore(run).open_writer("benchmark") as writer:
        command = [sys.executable, "-c", FOLLOW, run]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as follower:
            follower.stdout.readline()
            for _ in range(300):
                writer.append(events(writer.last_seq + 1, 1))
                time.sleep(0.001)
            return [int(delay) / 1e6 for delay in follower.stdout.read().split()]


def seconds(action: Callable) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def ratios(repeat: int, ours: Callable[[], float], bare: Callable[[], float]) -> dict:
    pairs = [(ours(), bare()) for _ in range(repeat)]
    each = [mine / raw for mine, raw in pairs]
    return {
        "ratio": (statistics.median(each), min(each), max(each)),
        "ours_per_s": statistics.median(mine for mine, _ in pairs),
        "bare_per_s": statistics.median(raw for _, raw in pairs),
    }


def measure_ratios(repeat: int, directory: Path) -> dict[str, dict]:
    """Each with its goal: at least so much of the bare figure."""
    group, single, reading = rate_of_group_commit, rate_of_single_appends, 100_000
    found = {
        "group commit, 20 threads / encode and write, no sync": ratios(
            repeat, lambda: with_log(group, directory), lambda: with_raw(group, directory, sync=False)
        ),
        "group commit, 20 threads / encode, write and sync": ratios(
            repeat, lambda: with_log(group, directory), lambda: with_raw(group, directory, sync=True)
        )
        | {"goal": 0.6},
        "append of one event / write and fdatasync": ratios(
            repeat, lambda: with_log(single, directory), lambda: with_raw(single, directory, sync=True)
        )
        | {"goal": 1 / 1.3},
    }
    for batch in (20, 1):
        with tempfile.TemporaryDirectory(dir=directory) as run:
            payloads = write_log(Path(run), reading if batch > 1 else 5_000, batch)
            number = len(payloads) * batch
            found[f"reading, batches of {batch} / bare msgpack"] = ratios(
                repeat,
                lambda run=run, number=number: rate_of_reading(Path(run), number),
                lambda payloads=payloads, number=number: rate_of_decoding(payloads, number),
            ) | ({"goal": 0.5} if batch > 1 else {})
    return found


def measure_large(directory: Path, number: int) -> list[list[str]]:
    """A log of many events: how long until it is open, verified, or gives an event from the middle; and its size."""
    with tempfile.TemporaryDirectory(dir=directory) as run:
        write_log(Path(run), number, 100)
        store = FileStore(run)
        middles = [number * tenth // 10 for tenth in range(1, 10)]
        size = sum(path.stat().st_size for path in Path(run).rglob("*.log"))
        seek = statistics.median(seconds(lambda middle=middle: next(store.read(middle))) for middle in middles)
        return [
            [f"first event behind the middle of {number:,}", told_seconds(seek)],
            [f"open {number:,} events for writing", told_seconds(seconds(lambda: store.open_writer("bench").close()))],
            [f"verify {number:,} events", told_seconds(seconds(lambda: eventlog.verify(run)))],
            [f"read {number:,} events", told_seconds(seconds(lambda: sum(1 for _ in store.read())))],
            ["on disk, an event of nine values in batches of 100", f"{digits(size / number)} bytes"],
        ]


def compared(found: dict[str, dict]) -> dict:
    rows = [
        [
            name,
            spread(figure["ratio"]),
            *(f"{figure[rate]:,.0f}" for rate in ("ours_per_s", "bare_per_s")),
            f"at least {figure['goal']:.2f}" if "goal" in figure else "",
        ]
        for name, figure in found.items()
    ]
    return table("Rates against bare calls", ["ours / bare", "ratio", "ours a second", "bare a second", "goal"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--dir", type=Path, default=None, help="where to write; its disk is what is measured")
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    options = parser.parse_args()
    before = machine()
    with tempfile.TemporaryDirectory(dir=options.dir) as directory:
        found = measure_ratios(options.repeat, Path(directory))
        figures = measure_large(Path(directory), options.events)
        delays = delays_of_a_follower(Path(directory))
    figures += [
        [f"follower in another process, {name}", f"{percentile(delays, percent):.2f} ms"]
        for name, percent in (("median", 50), ("p99", 99))
    ]
    tables = [compared(found), table("A large log, and followers", ["what", "measured"], figures)]
    publish("log", before, [], tables, save=options.save)
    return int(any(figure["ratio"][0] < figure.get("goal", 0) for figure in found.values()))


if __name__ == "__main__":
    sys.exit(main())

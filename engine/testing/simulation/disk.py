"""The logs of simulated runs: they outlive the programs that write them."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import eventlog
from engine.dates import to_datetime
from eventlog.testing import SimDirectory, SimStore

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from random import Random

    from engine.testing.simulation.faults import Chance
    from engine.testing.simulation.programs import Program
    from engine.testing.simulation.simulation import Simulation

Kind = Literal["memory", "disk"]

_PIECE: Final = 256
"""How many bytes the disk takes at once: a crash can come between two pieces of a write."""

_OUTCOMES: Final = 64
"""How many ways for the end of a log to be torn are drawn from."""


class RunLog:
    """The log of one run.

    Args:
        simulation: in which it is.
        run_dir: its name.
        kind: a list of batches in memory, which is fast, or files on a disk that tears what was not synced.
    """

    def __init__(self, simulation: Simulation, run_dir: Path, kind: Kind) -> None:
        self.simulation = simulation
        self.run_dir = run_dir
        self._directory = SimDirectory() if kind == "disk" else None
        self._writer: LogWriter | None = None
        self.store: eventlog.LogStore = self._make_store()

    def _make_store(self) -> eventlog.LogStore:
        if self._directory is None:
            return eventlog.MemoryStore()
        self._directory.on_call = self._on_call
        return SimStore(self._directory)

    def _on_call(self, call: str, name: str) -> int | None:  # noqa: ARG002 - the disk has one shape for it
        if call in ("create", "write", "overwrite", "sync"):
            self.simulation.point(f"disk {call}")
        return _PIECE if call == "write" else None

    def open_writer(self, program: Program, holder: str) -> LogWriter:
        """Become its writer; see `eventlog.LogStore.open_writer`."""
        self.simulation.point("lock")
        self._writer = LogWriter(self, program, self.store.open_writer(holder))
        self.simulation.note("log.opened", program.name, epoch=self._writer.epoch)
        return self._writer

    def take_away(self) -> None:
        """Take the lock from whoever holds it: the next one who wants to write may, and this one may no more."""
        if self._writer is not None:
            self._free()

    def crash(self, program: object, chance: Chance, *, power: bool) -> None:
        """The program dies. If it was the writer, its lock is free; with `power` what was not synced may be gone."""
        if self._writer is None or self._writer.program is not program:
            return
        self._free()
        if self._directory is not None and power:
            self._lose_power(self._directory, chance)

    def _free(self) -> None:
        assert self._writer is not None
        writer, self._writer = self._writer, None
        writer.lost = True
        if self._directory is None:
            writer.abandon()
        else:  # what is open stays so, as if it were never closed
            self._directory.lock_holder = None

    def _lose_power(self, directory: SimDirectory, chance: Chance) -> None:
        everything = {name: node.cached for name, node in directory.nodes.items()}
        images = [everything, *directory.images(_OUTCOMES)]
        self._directory = SimDirectory(images[chance.below(len(images))])
        self.store = self._make_store()

    def export(self, path: str | os.PathLike[str]) -> Path:
        """Write the log into the directory of a run, for tools that read files."""
        target = Path(path)
        if self._directory is not None:
            (target / "log").mkdir(parents=True)
            for name, node in self._directory.nodes.items():
                (target / "log" / name).write_bytes(node.cached)
        else:
            self._export_events(target)
        return target

    def _export_events(self, target: Path) -> None:
        writer: eventlog.Writer | None = None
        for event in self.store.read():
            while writer is None or writer.epoch < event.epoch:
                if writer is not None:
                    writer.close()
                writer = eventlog.FileStore(target).open_writer("export of a simulation")
            writer.append([event])
        if writer is not None:
            writer.close()


class Disk:
    """All runs, which all programs share.

    Args:
        simulation: in which it is.
        kind: how logs are kept; see `RunLog`.
        random: names the runs.

    Attributes:
        logs: by run, the earliest first.
    """

    def __init__(self, simulation: Simulation, kind: Kind, random: Random) -> None:
        self.logs: dict[Path, RunLog] = {}
        self._simulation = simulation
        self._kind = kind
        self._random = random

    def new_run(self, exp_id: str | None, local_dir: str | os.PathLike[str] | None) -> Path:
        """Name a run, as `engine.home.make_run_dir` does.

        Its directory is made only below a `local_dir` that was given: for other files than the log, which is kept here.
        """
        exp_id = f"exp-{self._random.getrandbits(64):016x}" if exp_id is None else exp_id
        time = to_datetime(self._simulation.hub.now).astimezone(UTC)
        name = f"{time:%Y%m%dT%H%M%S.%fZ}-{self._random.getrandbits(32):08x}"
        run_dir = Path("/simulation" if local_dir is None else local_dir) / exp_id / name
        if local_dir is not None:
            run_dir.mkdir(parents=True, mode=0o700)
        self.logs[run_dir] = RunLog(self._simulation, run_dir, self._kind)
        return run_dir

    def log(self, run_dir: Path) -> RunLog:
        """The log of a run.

        Raises:
            NoLog: there is no such run.
        """
        if run_dir not in self.logs:
            raise eventlog.NoLog(f"{run_dir}: there is no such run in this simulation", path=run_dir)
        return self.logs[run_dir]

    def crash(self, program: object, chance: Chance, *, power: bool) -> None:
        """A program is no longer there; see `RunLog.crash`."""
        for log in self.logs.values():
            log.crash(program, chance, power=power)


class LogWriter:
    """Writes a log in the name of a program.

    Attributes:
        program: which one.
        lost: whether it has no right to write any more.
    """

    def __init__(self, log: RunLog, program: Program, writer: eventlog.Writer) -> None:
        self.program = program
        self.lost = False
        self._log = log
        self._writer = writer

    @property
    def epoch(self) -> int:
        """See `eventlog.Writer.epoch`."""
        return self._writer.epoch

    @property
    def last_seq(self) -> int:
        """See `eventlog.Writer.last_seq`."""
        return self._writer.last_seq

    def append(self, events: Sequence[eventlog.Event]) -> None:
        """See `eventlog.Writer.append`."""
        simulation = self._log.simulation
        facts: dict[str, Any] = {"epoch": self.epoch, "first": events[0].seq, "last": events[-1].seq}
        simulation.note("log.writing", self.program.name, **facts)
        simulation.point("before append")
        if simulation.chance.faults.slow_disk:
            simulation.sleep(simulation.chance.up_to(simulation.chance.faults.slow_disk))
        if self.lost:
            raise eventlog.Locked(f"{self._log.run_dir}: the log cannot be written: its lock was taken away")
        self._writer.append(events)
        simulation.note("log.written", self.program.name, **facts)
        simulation.point("after append")

    def close(self) -> None:
        """See `eventlog.Writer.close`."""
        if not self.lost:
            self._writer.close()

    def abandon(self) -> None:
        """See `eventlog.Writer.abandon`."""
        self._writer.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

"""The traces of a run, read from wherever they are: without its controller, and without its lock.

Managers of the resources are made from the log, as after a takeover, but see it through a port that only shows. What
was collected is read from the directory of the run, which needs no resource type.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, overload

from msgspec import Struct

import eventlog
from engine import journal
from engine.core import decide
from engine.core.apply import apply
from engine.core.errors import ExperimentError, UsageError, nearest
from engine.core.states import ENDS
from engine.core.values import copied
from engine.rm import collected
from engine.rm.fetching import Reader, checksum_on_host
from engine.rm.registry import ResourceFactory
from engine.rm.secret import message_of
from engine.rm.traces import TraceAttr, read_trace
from engine.rm.transport import CommandFailed, TransportLost
from engine.runtime.pool import Pool
from replay.views import find, fold

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator

    from engine.core.states import ResourceState
    from engine.core.world import Resource, World
    from engine.rm.base import ResourceManager
    from engine.rm.fetching import Ask
    from engine.rm.traces import Readable
    from replay import answers

_T = TypeVar("_T")
_R = TypeVar("_R")

_AT_ONCE: Final = 8
"""How many traces are asked for at the same time."""


class NoTrace(UsageError):
    """There is no such trace, or not yet."""


class NotRead(ExperimentError):
    """A trace is there, as far as is known, and cannot be read: its host does not answer, or refuses."""


class Listed(Struct, frozen=True):
    """A trace in the list of them.

    Attributes:
        resource: who records it.
        name: of the trace.
        size: in bytes; None if there is nothing yet, or nobody can say.
        enabled: whether it is recorded.
        help: what it is.
        problem: why nobody can say its size: `NotRead`, if its host does not answer; None if that is known.
    """

    resource: Resource
    name: str
    size: int | None
    enabled: bool
    help: str
    problem: ExperimentError | None

    def to_dict(self) -> answers.Trace:
        """Plain values, for JSON."""
        return {
            "guid": self.resource.guid,
            "rtype": self.resource.rtype,
            "label": self.resource.label,
            "name": self.name,
            "size": self.size,
            "enabled": self.enabled,
            "help": self.help,
            "problem": None if self.problem is None else str(self.problem),
        }


class Traces:
    """The traces of a run.

    Args:
        run_dir: the directory of the run.
        world: what its log says.
    """

    def __init__(self, run_dir: Path, world: World) -> None:
        self.world = world
        self.run_dir = run_dir
        self._port = _Onlooker(self)
        self._making = threading.RLock()
        self._managers: dict[int, ResourceManager] = {}

    def take(self, record: eventlog.Event) -> None:
        """See what the log says next. Only one thread may call this, and no other one meanwhile anything else."""
        apply(self.world, journal.to_entry(record))
        self.world.touched.clear()

    # --- which ones ---------------------------------------------------------------------------------------------

    def find(self, guid: int | str) -> Resource:
        """The resource that is meant, by its number or its label.

        Raises:
            UnknownGuid: there is none.
        """
        return find(self.world, guid)

    def names(self, resource: Resource) -> list[str]:
        """The traces of a resource that are known without asking its host: declared, switched, or collected."""
        kept = (name for guid, name in collected.read(self.run_dir) if guid == resource.guid)
        return list(dict.fromkeys([*self.world.types[resource.rtype].traces, *resource.traces, *kept]))

    def list(self, resources: Iterable[Resource]) -> list[Listed]:
        """Their traces, by resource. The hosts are asked for the sizes, several at a time."""
        return side_by_side(self._list, [(resource, name) for resource in resources for name in self.names(resource)])

    def _list(self, which: tuple[Resource, str]) -> Listed:
        resource, name = which
        size: int | None = None
        problem: ExperimentError | None = None
        try:
            size = self.reader(resource, name).size()
        except ExperimentError as error:
            problem = error
        enabled = self.world.trace_enabled(resource, name)
        about = _help(resource.rtype, name)
        return Listed(resource, name, size, enabled, about, problem)

    # --- what is in them ----------------------------------------------------------------------------------------

    def reader(self, resource: Resource, name: str, ask: Ask | None = None) -> Reader:
        """Reads one of them.

        Args:
            resource: who records it.
            name: the trace.
            ask: how its host is asked: once, if nothing is said.

        Raises:
            UnknownResourceType: the type is not installed, and the trace was not collected.
            NotRead: the code of the type failed. All that is asked of the reader may raise this, and `UsageError`.
        """
        source = self.source(resource, name)
        checksum = (
            source.checksum if isinstance(source, collected.Collected) else partial(checksum_on_host, source, name)
        )
        return Reader(source, name, partial(self._ask, resource, name, ask or _once), checksum)

    def source(self, resource: Resource, name: str) -> ResourceManager | collected.Collected:
        """Whoever has it: what was collected, unless its host still has it."""
        kept = collected.read(self.run_dir).get((resource.guid, name))
        if kept is None:
            return self.manager(resource)
        with suppress(ExperimentError):  # the type is not there, or its host is not to be asked any more
            manager = self.manager(resource)
            place = self._ask(resource, name, _once, read_trace, manager, name, TraceAttr.PATH, 1, 0)
            if place not in (None, str(kept.path)):
                return manager
        return kept

    def manager(self, resource: Resource) -> ResourceManager:
        """The manager of a resource, which knows what has come of its steps so far. No hook of it is to be called."""
        with self._making:
            manager = self._managers.get(resource.guid)
            if manager is None:
                manager = self._managers[resource.guid] = self._make(resource)
            manager.brief(copied(dict(resource.receipts)), dict(resource.tokens))
            return manager

    def _make(self, resource: Resource) -> ResourceManager:
        cls = ResourceFactory.get_resource_type(resource.rtype)
        with _blaming(f"the manager of {decide.describe(resource)} cannot be made"):
            return cls.bind(resource.guid, self.world.values(resource), self._port)

    def _ask(self, resource: Resource, name: str, ask: Ask, act: Callable[..., _T], *args: Any) -> _T:
        with _blaming(f"trace {name!r} of {decide.describe(resource)}{self._doubt(resource, name)} cannot be read"):
            return ask(act, *args)

    def _doubt(self, resource: Resource, name: str) -> str:
        """What to say of a name that the log does not know: it may be a file on the host, or misspelt."""
        known = self.names(resource)
        return "" if name in known else f", whose type does not declare it ({nearest(name, known)}),"

    def missing(self, resource: Resource, name: str) -> NoTrace:
        """What to raise for a trace that is not there."""
        who, known = decide.describe(resource), self.names(resource)
        if name not in known:
            return NoTrace(f"there is no trace {name!r} of {who}; {nearest(name, known)}")
        if not self.world.trace_enabled(resource, name):
            return NoTrace(f"trace {name!r} of {who} is switched off, so nothing is recorded")
        so_far = "" if resource.state in ENDS else " so far"
        return NoTrace(f"{who}, which is {resource.state.name}, has recorded no trace {name!r}{so_far}")


class _Onlooker:
    """What the managers of a run see that is only looked at (`engine.rm.base.Port`). Nobody hears what they tell."""

    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    @property
    def run_dir(self) -> Path:
        return self._traces.run_dir

    @property
    def epoch(self) -> int:
        return self._traces.world.epoch

    def state(self, guid: int) -> ResourceState:
        return self._traces.world.resources[guid].state

    def releasing(self, guid: int) -> bool:
        return self._traces.world.resources[guid].releasing

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        world = self._traces.world
        others = (world.resources[other] for other in world.resources[guid].connections)
        return [self._traces.manager(other) for other in others if rtype in world.types[other.rtype].lineage]

    def trace_enabled(self, guid: int, name: str) -> bool:
        world = self._traces.world
        return world.trace_enabled(world.resources[guid], name)

    def ended(self, guid: int, code: int, token: str | None) -> None:
        """Whoever is in charge hears of it, too."""

    def failed(self, guid: int, why: str, code: int | None, token: str | None) -> None:
        """As above."""

    def remarked(self, guid: int, what: str) -> None:
        """As above."""


@contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Say what could not be done when the code of a type, or its host, fails."""
    try:
        yield
    except ExperimentError:
        raise
    except (CommandFailed, TransportLost) as error:
        raise NotRead(f"{what}: {message_of(error)}") from error
    except ValueError as error:  # the name cannot be one of a trace
        raise UsageError(f"{what}: {message_of(error)}") from error
    except Exception as error:
        raise NotRead(f"{what}: {type(error).__name__}: {message_of(error)}") from error


def _once(act: Callable[..., _T], *args: Any) -> _T:
    return act(*args)


def _help(rtype: str, name: str) -> str:
    """What a type says of a trace; nothing if it is not installed."""
    with suppress(ExperimentError):
        return next((each.help for each in ResourceFactory.get_resource_type(rtype).traces if each.name == name), "")
    return ""


def side_by_side(act: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """What comes of each, in their order; several at a time.

    On threads that end with the process: who interrupts it does not wait for a host that hangs.
    """
    pool = Pool(_AT_ONCE, "netreel-trace")
    futures = []
    for item in items:
        future: Future[_R] = Future()
        futures.append(future)
        pool.submit(partial(_settle, future, act, item))
    pool.close()
    return [future.result() for future in futures]


def _settle(future: Future[_R], act: Callable[[_T], _R], item: _T) -> None:
    try:
        future.set_result(act(item))
    except BaseException as error:  # noqa: BLE001 - whoever waits gets it
        future.set_exception(error)


@overload
def trace(
    run_dir: str | os.PathLike[str],
    guid: int | str,
    name: str,
    attr: Literal[TraceAttr.ALL, TraceAttr.STREAM, TraceAttr.PATH] = TraceAttr.ALL,
    block: int = 512,
    offset: int = 0,
) -> str | None: ...
@overload
def trace(
    run_dir: str | os.PathLike[str],
    guid: int | str,
    name: str,
    attr: Literal[TraceAttr.BYTES],
    block: int = 512,
    offset: int = 0,
) -> bytes | None: ...
@overload
def trace(
    run_dir: str | os.PathLike[str],
    guid: int | str,
    name: str,
    attr: Literal[TraceAttr.SIZE],
    block: int = 512,
    offset: int = 0,
) -> int | None: ...
def trace(
    run_dir: str | os.PathLike[str],
    guid: int | str,
    name: str,
    attr: TraceAttr = TraceAttr.ALL,
    block: int = 512,
    offset: int = 0,
) -> str | bytes | int | None:
    """What a resource of a run recorded, as `ExperimentController.trace` has it; None where there is no such trace.

    The run may be live, its controller gone, or over. Its lock is not taken, and nothing is changed on any host.

    Args:
        run_dir: the directory of the run.
        guid: the resource, by its number or label.
        name: the trace, such as ``"stdout"``.
        attr: what is asked: all of it as text, one block as text, its path, its size in bytes, or all of its bytes.
        block: bytes in a block, for STREAM.
        offset: how many blocks to skip, for STREAM.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UnknownGuid, UsageError: there is no such resource, or what is asked makes no sense.
        UnknownResourceType: the type is not installed, and the trace was not collected.
        NotRead: its host does not answer, or refuses.
    """
    with eventlog.open(run_dir) as log:
        traces = Traces(Path(run_dir).absolute(), fold(run_dir, log))
    resource = traces.find(guid)
    source: Readable = traces.source(resource, name)
    return traces._ask(resource, name, _once, read_trace, source, name, TraceAttr(attr), block, offset)

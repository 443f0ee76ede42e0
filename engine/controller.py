"""The object that the user holds."""

from __future__ import annotations

import atexit
import os
import platform
import re
import secrets
import sys
import weakref
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import eventlog
from engine import journal, snapshots
from engine.core import decide, events, story
from engine.core.errors import BadCondition, BadState, Closed, ExperimentError, UsageError, WaitTimeout
from engine.core.states import ENDS, ResourceAction, ResourceState, Step
from engine.core.world import EXPERIMENT, World
from engine.dates import NS, to_datetime, to_due, to_ns
from engine.failure import ECState, FailureLevel, FailureManager
from engine.rm import attributes as declarations
from engine.rm.registry import ResourceFactory
from engine.rm.traces import TraceAttr
from engine.runtime.session import Session, default_workers
from engine.runtime.waiters import at_an_end, been_in, done_with
from engine.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.core.kernel import Kernel
    from engine.dates import Date, Duration
    from engine.rm.base import ResourceManager
    from engine.runtime.clock import Clock
    from engine.runtime.waiters import IsThere

Guids = int | Iterable[int]

_EXP_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

_live: weakref.WeakSet[ExperimentController] = weakref.WeakSet()

on_open: Final[list[Callable[[ExperimentController], None]]] = []
"""Called with each controller as it takes charge: so a program that runs a script learns of those that it makes."""


class ExperimentController:
    """Describes an experiment, runs it, and records it as it runs.

    A context manager: leaving it shuts down, also on an exception. A script that ends without `shutdown` lets the
    experiment go on, and one line says how to come back.

    Args:
        exp_id: the name of the experiment, shared by all its runs; by default ``exp-`` and 16 hex digits.
        local_dir: where experiments are kept; by default ``$NETREEL_HOME``, else the XDG state directory.
        fm: the failure policy.
        clock: where the time comes from; by default the machine.
        workers: how many hooks may run at once; by default ``$NETREEL_WORKERS``, else 20.

    Raises:
        UsageError: the name cannot be one of a directory, or the directory cannot be made.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        local_dir: str | os.PathLike[str] | None = None,
        fm: FailureManager | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
    ) -> None:
        exp_id = f"exp-{secrets.token_hex(8)}" if exp_id is None else exp_id
        if not _EXP_ID.fullmatch(exp_id):
            raise UsageError(f"exp_id {exp_id!r} names a directory: use letters, digits, '.', '_' and '-'")
        home = default_local_dir() if local_dir is None else Path(local_dir).absolute()
        run_dir = home / exp_id / new_run_id()
        try:
            run_dir.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise UsageError(
                f"the directory of the run cannot be made: {error}; "
                f"set local_dir or NETREEL_HOME to one that you may write to"
            ) from error
        writer = eventlog.FileStore(run_dir).open_writer(_holder_text(run_dir.name))
        self._open(World(), run_dir, writer, fm, clock, workers)
        self._session.ask(lambda kernel: kernel.emit(self._opened(exp_id)))

    def _open(
        self,
        world: World,
        run_dir: Path,
        writer: eventlog.Writer,
        fm: FailureManager | None,
        clock: Clock | None,
        workers: int | None,
    ) -> None:
        self._workers = default_workers() if workers is None else workers
        self._fm = fm or FailureManager()
        self._fm.set_ec(self)
        self._run_dir = run_dir
        self._tasks: dict[int, Task] = {}
        self._ecstate = ECState.RUNNING
        self._session = Session(run_dir, world, writer, self._workers, self._wants_abort, self._failed, clock)
        _live.add(self)
        for tell in on_open:
            tell(self)

    def _opened(self, exp_id: str) -> events.ControllerOpened:
        return events.ControllerOpened(EXPERIMENT, exp_id, self.run_id, _holder())

    @classmethod
    def reconnect(
        cls,
        run_dir: str | os.PathLike[str],
        fm: FailureManager | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
    ) -> Self:
        """Take over a run whose controller is gone, and go on with it.

        The world is rebuilt from the log, every process that was begun or running is asked after, and pending
        conditions and delays go on where they were. Functions that were given to `schedule` went down with their
        controller; their tasks are marked as lost.

        Args:
            run_dir: the directory of the run.
            fm: the failure policy.
            clock: where the time comes from.
            workers: how many hooks may run at once.

        Raises:
            NoLog: the directory is no run.
            Locked: its controller lives.
            Corrupt: the log is damaged.
            BadState: the run is over: everything was released and its controller shut down.
        """
        path = Path(run_dir).absolute()
        _check_open(_load(path), path)
        writer = eventlog.FileStore(path).open_writer(_holder_text(path.name))
        try:
            world = _load(path)  # between the look and the lock its controller may have written more
            _check_open(world, path)
            for info in world.types.values():
                ResourceFactory.get_resource_type(info.rtype)
        except BaseException:
            writer.abandon()
            raise
        ec = cls.__new__(cls)
        ec._open(world, path, writer, fm, clock, workers)
        ec._session.ask(ec._take_over)
        return ec

    def _take_over(self, kernel: Kernel) -> None:
        kernel.emit(self._opened(kernel.world.exp_id or self._run_dir.parent.name))
        kernel.take_over("its function was in a controller that is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()

    def __repr__(self) -> str:
        return f"<ExperimentController {self.exp_id} {self.run_id} {self.ecstate.name}>"

    # --- properties ---------------------------------------------------------------------------------------------

    @property
    def exp_id(self) -> str:
        """The name of the experiment."""
        return self._run_dir.parent.name

    @property
    def run_id(self) -> str:
        """The name of this run: unique, and sorted by time."""
        return self._run_dir.name

    @property
    def local_dir(self) -> Path:
        """Where experiments are kept."""
        return self._run_dir.parent.parent

    @property
    def exp_dir(self) -> Path:
        """Where the runs of this experiment are kept."""
        return self._run_dir.parent

    @property
    def run_dir(self) -> Path:
        """Where the files of this run are kept."""
        return self._run_dir

    @property
    def nthreads(self) -> int:
        """How many hooks may run at once."""
        return self._workers

    @property
    def fm(self) -> FailureManager:
        """The failure policy."""
        return self._fm

    @property
    def failure_level(self) -> FailureLevel:
        """How far the worst failure so far has reached."""
        return self._fm.level

    @property
    def ecstate(self) -> ECState:
        """What this controller is doing."""
        return self._ecstate

    @property
    def abort(self) -> bool:
        """Whether the experiment was aborted."""
        return self._session.read(lambda world: world.aborted)

    @property
    def resources(self) -> list[int]:
        """The numbers of all resources, in order of registration."""
        return self._session.read(lambda world: list(world.resources))

    # --- the description ----------------------------------------------------------------------------------------

    def register_resource(self, rtype: str, guid: int | None = None, **attributes: Any) -> int:
        """Describe a resource.

        Args:
            rtype: its type, such as ``"linux::Application"``.
            guid: its number; by default the next one above the highest ever used.
            attributes: values of its attributes. ``connectedTo=`` a guid, or a list of them, connects it;
                ``autoDeploy=True`` deploys it at once.

        Returns:
            Its number.

        Raises:
            UnknownResourceType, BadAttribute, BadState, UnknownGuid, BadConnection: nothing has been registered.
        """
        cls = ResourceFactory.get_resource_type(rtype)
        auto_deploy = bool(attributes.pop("autoDeploy", False))
        connect_to = _guids(attributes.pop("connectedTo", ()))
        values = _convert(cls, attributes)
        declared = _declare(cls)

        def act(kernel: Kernel) -> int:
            made = decide.register(kernel.world, declared, guid, values, connect_to=connect_to, auto_deploy=auto_deploy)
            kernel.emit_all(made)
            return kernel.world.last_guid if guid is None else guid

        return self._session.ask(act)

    def register_connection(self, guid1: int, guid2: int) -> None:
        """Connect two resources. Both sides agree or none; twice is once.

        Raises:
            UnknownGuid, BadConnection: it was refused.
        """
        self._session.ask(lambda kernel: kernel.emit_all(decide.connect(kernel.world, guid1, guid2)))

    def register_condition(
        self,
        guids1: Guids,
        action: ResourceAction,
        guids2: Guids,
        state: ResourceState,
        time: Duration | None = None,
    ) -> None:
        """Hold back an action until others have got somewhere.

        `action` on each of `guids1` happens only once every one of `guids2` has reached `state` and `time` has gone
        by since the last of them did. Several conditions on one action must all hold.

        Raises:
            UnknownGuid, BadCondition, UsageError: it was refused.
        """
        if not isinstance(action, ResourceAction):
            raise BadCondition(f"an action is one of ResourceAction.DEPLOY, START and STOP, not {action!r}")
        if not isinstance(state, ResourceState):
            raise BadCondition(f"a state is one of ResourceState, such as ResourceState.STARTED, not {state!r}")
        waiting, awaited = _guids(guids1), _guids(guids2)
        delay = 0 if time is None else to_ns(time)
        self._session.ask(
            lambda kernel: kernel.emit_all(decide.add_condition(kernel.world, waiting, action, awaited, state, delay))
        )

    def get(self, guid: int, name: str) -> Any:
        """The value of an attribute: the one that was set, or the default; None where there is neither.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource, or it has no such attribute.
        """

        def act(world: World) -> Any:
            resource = decide.find(world, guid)
            cls = ResourceFactory.get_resource_type(resource.rtype)
            attribute = declarations.resolve(cls.declared(), name, resource.rtype)
            default = None if attribute.required else attribute.default
            return resource.attributes.get(attribute.name, default)

        return self._session.read(act)

    def set(self, guid: int, name: str, value: Any) -> None:
        """Set an attribute. The value is checked and converted by the type that is declared.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource or attribute, or the value is none that it takes.
            BadState: it is too late to set it.
        """

        def act(kernel: Kernel) -> None:
            resource = decide.find(kernel.world, guid)
            cls = ResourceFactory.get_resource_type(resource.rtype)
            attribute = declarations.resolve(cls.declared(), name, resource.rtype)
            new = attribute.convert(value, resource.rtype)
            old = resource.attributes.get(attribute.name, attribute.default)
            kernel.set_attribute(decide.set_attribute(resource, attribute.name, new, attribute.when), old)

        self._session.ask(act)

    # --- the run ------------------------------------------------------------------------------------------------

    def deploy(self, guids: Guids | None = None, wait_all_ready: bool = True, group: int | None = None) -> int:
        """Deploy and start resources. Returns at once.

        Args:
            guids: which ones; by default all that are NEW.
            wait_all_ready: whether none of them is started before all of them are READY.
            group: a group of an earlier call that they join.

        Returns:
            The number of the group.

        Raises:
            UnknownGuid, BadState, BadAttribute, BadConnection: one of them cannot be deployed.
            BadCondition: the conditions can never hold; the message spells the circle out.
            ExperimentAborted: nothing is deployed any more.
        """
        chosen = None if guids is None else _guids(guids)

        def act(kernel: Kernel) -> int:
            kernel.emit_all(decide.deploy(kernel.world, chosen, group, wait_all_ready=wait_all_ready))
            return len(kernel.world.groups) if group is None else group

        return self._session.ask(act)

    def discover(self, guid: int) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.DISCOVER)

    def reserve(self, guid: int) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.RESERVE)

    def provision(self, guid: int) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.PROVISION)

    def start(self, guid: int) -> None:
        """Start a resource now, whatever the conditions. Blocks until it is STARTED.

        Raises:
            UnknownGuid, BadState: there is none, or its state does not allow it.
            ResourceFailed: it failed.
            ExperimentAborted: nothing is started any more.
        """
        self._step(guid, Step.START)

    def stop(self, guid: int) -> None:
        """Stop a resource now, whatever the conditions. Blocks until it is STOPPED; see `start`."""
        self._step(guid, Step.STOP)

    def _step(self, guid: int, step: Step) -> None:
        self._session.ask(lambda kernel: kernel.emit_all(decide.request_step(kernel.world, guid, step)))
        self._session.wait([guid], done_with(step), through_abort=True)
        failure = self._session.read(lambda world: decide.failure_of(world.resources[guid], step))
        if failure is not None:
            raise failure

    # --- waiting ------------------------------------------------------------------------------------------------

    def wait_deployed(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are READY; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.READY), timeout)

    def wait_started(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are STARTED; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.STARTED), timeout)

    def wait_finished(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these have come to an end: STOPPED, FAILED or RELEASED.

        Args:
            guids: one or several.
            timeout: seconds, or ``"90s"``.

        Returns:
            True once all have got there; False as soon as the experiment is aborted, or when all that can have got
            there and the rest has failed.

        Raises:
            UnknownGuid: one is not there.
            WaitTimeout: it names who is missing, and what each of them waits for.
        """
        return self._wait(guids, at_an_end, timeout)

    def wait_released(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are RELEASED. An abort does not end it; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.RELEASED), timeout, through_abort=True)

    def _wait(self, guids: Guids, is_there: IsThere, timeout: Duration | None, *, through_abort: bool = False) -> bool:
        wanted = _guids(guids)
        self._session.read(lambda world: [decide.find(world, guid) for guid in wanted])
        seconds = None if timeout is None else to_ns(timeout) / NS
        try:
            return self._session.wait(wanted, is_there, seconds, through_abort=through_abort)
        except TimeoutError:
            missing = self._session.read(lambda world: _missing(world, wanted, is_there))
            raise WaitTimeout(seconds or 0.0, missing) from None

    # --- looking ------------------------------------------------------------------------------------------------

    def state(self, guid: int, hr: bool = False) -> ResourceState | str:
        """The state of a resource, or with `hr` its name.

        Raises:
            UnknownGuid: there is no such resource.
        """
        state = self._session.read(lambda world: decide.find(world, guid).state)
        return state.name if hr else state

    def exit_code(self, guid: int) -> int | None:
        """The exit status of the last end of a resource; None if it had none yet."""
        return self._session.read(lambda world: decide.find(world, guid).exit_code)

    def get_discover_time(self, guid: int) -> datetime | None:
        """When it was last DISCOVERED; None if it never was."""
        return self._time(guid, ResourceState.DISCOVERED)

    def get_reserved_time(self, guid: int) -> datetime | None:
        """When it was last RESERVED; None if it never was."""
        return self._time(guid, ResourceState.RESERVED)

    def get_provision_time(self, guid: int) -> datetime | None:
        """When it was last PROVISIONED; None if it never was."""
        return self._time(guid, ResourceState.PROVISIONED)

    def get_ready_time(self, guid: int) -> datetime | None:
        """When it was last READY; None if it never was."""
        return self._time(guid, ResourceState.READY)

    def get_start_time(self, guid: int) -> datetime | None:
        """When it was last STARTED; None if it never was."""
        return self._time(guid, ResourceState.STARTED)

    def get_stop_time(self, guid: int) -> datetime | None:
        """When it was last STOPPED; None if it never was."""
        return self._time(guid, ResourceState.STOPPED)

    def get_failed_time(self, guid: int) -> datetime | None:
        """When it FAILED; None if it never did."""
        return self._time(guid, ResourceState.FAILED)

    def get_release_time(self, guid: int) -> datetime | None:
        """When it was RELEASED; None if it never was."""
        return self._time(guid, ResourceState.RELEASED)

    def _time(self, guid: int, state: ResourceState) -> datetime | None:
        time = self._session.read(lambda world: decide.find(world, guid).times.get(state))
        return None if time is None else to_datetime(time)

    def trace(
        self, guid: int, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0
    ) -> str | bytes | int | None:
        """What a resource recorded; None where there is no such trace yet.

        Args:
            guid: the resource.
            name: the trace, such as ``"stdout"``.
            attr: what is asked: all of it as text, one block as text, its path, its size in bytes, or all of its bytes.
            block: bytes in a block, for STREAM.
            offset: how many blocks to skip, for STREAM.

        Raises:
            UnknownGuid: there is no such resource.
            UsageError: what is asked makes no sense.
        """
        self._session.read(lambda world: decide.find(world, guid))
        try:
            return _read_trace(self._session.manager(guid), name, TraceAttr(attr), block, offset)
        except ValueError as error:
            raise UsageError(f"trace {name!r} of #{guid}: {error}") from error

    # --- tasks --------------------------------------------------------------------------------------------------

    def schedule(self, date: Date, callback: Callable[[], Any], track: bool = False) -> int:
        """Have a function called at a time. What it raises goes to its task.

        Args:
            date: ``"1.5m"``, seconds, a timedelta, a datetime, or ``YYYYMMDDHHMMSSffffff``.
            callback: called without arguments, on a worker.
            track: whether `get_task` is to know it.

        Returns:
            The number of the task.

        Raises:
            UsageError: the date cannot be read.
        """
        task = Task(callback)
        number = self._session.schedule(to_due(date, self._session.clock.now()), task)
        if track:
            self._tasks[number] = task
        return number

    def get_task(self, tid: int) -> Task | None:
        """The task of that number, if it is tracked."""
        return self._tasks.get(tid)

    # --- the end ------------------------------------------------------------------------------------------------

    def release(self, guids: Guids | None = None) -> None:
        """Undo these, or all, those that depend on others first. Blocks.

        Raises:
            UnknownGuid: one of them is not there; nothing is released.
            ExperimentError: everything is RELEASED, and some of it only with an error; the message tells them all.
        """
        wanted = None if guids is None else _guids(guids)

        def act(kernel: Kernel) -> list[int]:
            kernel.emit_all(decide.release(kernel.world, wanted))
            return list(kernel.world.resources) if wanted is None else wanted

        released = self._session.ask(act)
        self._session.wait(released, been_in(ResourceState.RELEASED), through_abort=True)
        if wanted is None:
            self._ecstate = ECState.RELEASED
        self._tell_release_errors(released)

    def _tell_release_errors(self, guids: list[int]) -> None:
        def act(world: World) -> list[str]:
            resources = (world.resources[guid] for guid in guids)
            return [
                f"{decide.describe(resource)}: {resource.error['message']}"
                for resource in resources
                if resource.error is not None and resource.error.get("step") == Step.RELEASE
            ]

        errors = self._session.read(act)
        if errors:
            raise ExperimentError("everything is released, but something may be left: " + "; ".join(errors))

    def shutdown(self) -> None:
        """Drop pending tasks, release everything, close the log. Idempotent.

        After a failure of the controller nothing can be recorded, so nothing more is done: what runs goes on, and a
        new controller can take over.

        Raises:
            ExperimentError, LogError: what failed.
        """
        if self._session.closed:
            return
        try:
            self._session.ask(lambda kernel: kernel.drop_tasks("the experiment was shut down"))
            try:
                self.release()
            finally:
                self._session.ask(lambda kernel: kernel.emit(events.RunClosed(EXPERIMENT)))
        finally:
            self._session.close()
            if self._ecstate is not ECState.FAILED:
                self._ecstate = ECState.TERMINATED

    def detach(self) -> None:
        """Let the experiment go on without this controller, for another one to take over. Idempotent."""
        self._session.abandon()
        if self._ecstate is ECState.RUNNING:
            self._ecstate = ECState.TERMINATED

    # --- failure ------------------------------------------------------------------------------------------------

    def _wants_abort(self, guid: int) -> bool:
        before = self._fm.abort
        self._fm.eval_failure(guid)
        return self._fm.abort and (not before or bool(self.get(guid, "critical")))

    def _failed(self) -> None:
        self._ecstate = ECState.FAILED
        self._fm.set_ec_failure()


# --- what is known of this process --------------------------------------------------------------------------------


def default_local_dir() -> Path:
    """Where experiments are kept: ``$NETREEL_HOME``, else ``netreel`` in the XDG state directory."""
    home = os.environ.get("NETREEL_HOME")
    if home:
        return Path(home).absolute()
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "netreel"


def new_run_id() -> str:
    """A name for a run: it sorts by time, and no other run has it."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"


def _holder() -> dict[str, Any]:
    return {
        "host": platform.node(),
        "pid": os.getpid(),
        "netreel": version("netreel"),
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _holder_text(run_id: str) -> str:
    return f"the controller of run {run_id}"


def _load(path: Path) -> World:
    """The world at the end of a log."""
    with eventlog.open(path) as log:
        world = snapshots.nearest(path, log, None, None)
        return journal.rebuild(log.read(after=world.seq if world else 0), world)


def _check_open(world: World, path: Path) -> None:
    if world.closed:
        raise BadState(f"{path} is over: its controller released everything and was shut down; there is nothing to do")


# --- what the methods are given -----------------------------------------------------------------------------------


def _guids(given: Guids) -> list[int]:
    """One guid, or several, as a list."""
    guids = [given] if isinstance(given, int) else list(given)
    for guid in guids:
        if isinstance(guid, bool) or not isinstance(guid, int):
            raise UsageError(f"a guid is a whole number, not {guid!r}")
    return guids


def _convert(cls: type[ResourceManager], given: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in given.items():
        attribute = declarations.resolve(cls.declared(), name, cls.rtype)
        values[attribute.name] = attribute.convert(value, cls.rtype)
    return values


def _declare(cls: type[ResourceManager]) -> events.TypeDeclared:
    """What the engine is to know of a type."""
    declared = cls.declared()
    return events.TypeDeclared(
        guid=EXPERIMENT,
        rtype=cls.rtype,
        lineage=cls.lineage(),
        hooks=[str(step) for step in cls.hooks()],
        links=[link.to_data() for link in cls.links.values()],
        attributes={name: attribute.default for name, attribute in declared.items() if not attribute.required},
        required=[name for name, attribute in declared.items() if attribute.required],
        traces=[trace.name for trace in cls.traces],
    )


def _missing(world: World, guids: list[int], is_there: IsThere) -> dict[int, str]:
    """Those that have not got there, each in words."""
    return {guid: story.tell(world, guid) for guid in guids if not is_there(world.resources[guid])}


def _read_trace(
    manager: ResourceManager, name: str, attr: TraceAttr, block: int, offset: int
) -> str | bytes | int | None:
    if attr is TraceAttr.PATH:
        return manager.trace_path(name)
    if attr is TraceAttr.SIZE:
        return manager.trace_size(name)
    start, size = (offset * block, block) if attr is TraceAttr.STREAM else (0, None)
    content = manager.read_trace(name, start, size)
    if content is None or attr is TraceAttr.BYTES:
        return content
    return content.decode("utf-8", errors="replace")


@atexit.register
def _let_go() -> None:
    """A script that ends without `shutdown` lets its experiments go on, and says how to come back."""
    for ec in list(_live):
        if ec._session.closed or ec.ecstate is ECState.FAILED:
            continue
        try:
            running = ec._session.read(lambda world: any(r.state not in ENDS for r in world.resources.values()))
        except (ExperimentError, Closed):
            continue
        ec.detach()
        if running:
            sys.stderr.write(
                f"netreel: {ec.exp_id} goes on without its controller; to come back: netreel reconnect {ec.run_id}\n"
            )

"""The object that the user holds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from engine import home, letting_go
from engine.core import decide, events
from engine.core.errors import BadCondition, ExperimentError, UsageError, WaitTimeout
from engine.core.states import ResourceAction, ResourceState, Step
from engine.core.values import check_plain
from engine.core.world import EXPERIMENT, World
from engine.dates import NS, to_due, to_ns
from engine.failure import ECState, FailureManager, policy_for
from engine.looking import Looking
from engine.rm import attributes as declarations
from engine.rm.registry import ResourceFactory, declare
from engine.runtime.machine import System
from engine.runtime.session import Session, how_many_workers
from engine.runtime.waiters import at_an_end, been_in, done_with, told_missing
from engine.tasks import Task

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import eventlog
    from engine.core.kernel import Kernel
    from engine.dates import Date, Duration
    from engine.netgraph import NetGraph
    from engine.runtime.clock import Clock
    from engine.runtime.machine import Machine
    from engine.runtime.waiters import Outlook

Guids = int | Iterable[int]

on_open: Final[list[Callable[[ExperimentController], None]]] = []
"""Called with each controller as it takes charge: so a program that runs a script learns of those that it makes."""


class ExperimentController(Looking):
    """Describes an experiment, runs it, and records it as it runs.

    A context manager: leaving it shuts down, also on an exception. A script that ends without `shutdown` lets the
    experiment go on, and one line says how to come back.

    Args:
        exp_id: the name of the experiment, shared by all its runs; by default ``exp-`` and 16 hex digits.
        local_dir: where experiments are kept; by default ``$NETREEL_HOME``, else the XDG state directory.
        fm: the failure policy.
        add_node_callback: called with the controller and each node of `netgraph`, to describe what is there.
        add_edge_callback: called after that with the controller and both ends of each edge.
        clock: where the time comes from; by default the machine.
        workers: how many hooks may run at once; by default ``$NETREEL_WORKERS``, else 20.
        machine: what it runs on: time, threads, names and disk; by default this machine.
        topology: what `netgraph` is made from; see `NetGraph`.

    Raises:
        UsageError: the name cannot be one of a directory, or the directory cannot be made.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        local_dir: str | os.PathLike[str] | None = None,
        fm: FailureManager | None = None,
        add_node_callback: Callable[[ExperimentController, Any], object] | None = None,
        add_edge_callback: Callable[[ExperimentController, Any, Any], object] | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
        machine: Machine | None = None,
        **topology: Any,
    ) -> None:
        workers, fm = how_many_workers(workers), policy_for(fm)
        netgraph = _make_netgraph(topology)
        if netgraph is None and (add_node_callback or add_edge_callback):
            raise UsageError("the callbacks are called for a topology: give one, such as topo_type=, node_count=")
        machine = machine or System()
        run_dir = machine.make_run_dir(exp_id, local_dir)
        self._open(World(), run_dir, machine.open_writer(run_dir), fm, clock, workers, machine)
        self._netgraph = netgraph
        self._begin(lambda kernel: kernel.emit(self._opened()))
        if netgraph is not None:
            self._describe(netgraph, add_node_callback, add_edge_callback)

    def _describe(
        self,
        netgraph: NetGraph,
        add_node: Callable[[ExperimentController, Any], object] | None,
        add_edge: Callable[[ExperimentController, Any, Any], object] | None,
    ) -> None:
        """Have the graph described as resources. If that fails, nothing is left behind but the log."""
        try:
            if add_node is not None:
                for nid in netgraph.nodes():
                    add_node(self, nid)
            if add_edge is not None:
                for nid1, nid2 in netgraph.edges():
                    add_edge(self, nid1, nid2)
        except BaseException:
            self.shutdown()
            raise

    def _open(
        self,
        world: World,
        run_dir: Path,
        writer: eventlog.Writer,
        fm: FailureManager,
        clock: Clock | None,
        workers: int,
        machine: Machine,
    ) -> None:
        self._shutting_down = machine.lock()
        self._workers = workers
        self._fm = fm
        self._fm.set_ec(self)
        self._run_dir = run_dir
        self._tasks: dict[int, Task] = {}
        self._ecstate = ECState.RUNNING
        if world.aborted:
            self._fm.set_abort()
        self._session = Session(run_dir, world, writer, self._workers, self._wants_abort, self._failed, clock, machine)

    def _begin(self, act: Callable[[Kernel], object]) -> None:
        """Make the first turn. If it cannot be recorded, nobody is in charge."""
        try:
            self._session.ask(act)
        except BaseException:
            self._session.abandon()
            raise
        letting_go.watch(self)
        for tell in on_open:
            tell(self)

    def _opened(self) -> events.ControllerOpened:
        return events.ControllerOpened(EXPERIMENT, self.exp_id, self.run_id, self._session.machine.holder())

    @classmethod
    def reconnect(
        cls,
        run_dir: str | os.PathLike[str],
        fm: FailureManager | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
        machine: Machine | None = None,
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
            machine: what the new controller runs on.

        Raises:
            NoLog: the directory is no run.
            Locked: its controller lives.
            Corrupt: the log is damaged.
            BadState: the run is over: everything was released and its controller shut down.
        """
        number, fm, machine = how_many_workers(workers), policy_for(fm), machine or System()
        path = Path(run_dir).absolute()
        home.load(path, machine.open_log)  # refuses what cannot be taken over before a byte of it is touched
        writer = machine.open_writer(path)
        try:
            world = home.load(
                path, machine.open_log
            )  # between the look and the lock its controller may have written more
            for info in world.types.values():
                ResourceFactory.get_resource_type(info.rtype)
        except BaseException:
            writer.abandon()
            raise
        ec = cls.__new__(cls)
        ec._open(world, path, writer, fm, clock, number, machine)
        ec._begin(ec._take_over)
        return ec

    def _take_over(self, kernel: Kernel) -> None:
        kernel.emit(self._opened())
        kernel.take_over("its function was in a controller that is gone")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()

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
        guid = None if guid is None else _guids(guid)[0]
        auto_deploy = bool(attributes.pop("autoDeploy", False))
        connect_to = _guids(attributes.pop("connectedTo", ()))
        values = declarations.convert(cls.declared(), attributes, rtype)
        check_plain(values, f"the attributes of {rtype} together")
        declared = declare(cls)

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

    def set(self, guid: int, name: str, value: Any) -> None:
        """Set an attribute. The value is checked and converted by the type that is declared.

        Raises:
            UnknownGuid, BadAttribute: there is no such resource or attribute, or the value is none that it takes.
            BadState: it is too late to set it.
        """
        rtype = self._session.read(lambda world: decide.find(world, guid).rtype)
        attribute = declarations.resolve(ResourceFactory.get_resource_type(rtype).declared(), name, rtype)
        new = attribute.convert(value, rtype)  # the type's own check is no part of the turn

        def act(kernel: Kernel) -> None:
            resource = decide.find(kernel.world, guid)
            old = resource.attributes.get(attribute.name, None if attribute.required else attribute.default)
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
            kernel.emit_all(decide.deploy(kernel.world, chosen, group, wait_all_ready=bool(wait_all_ready)))
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
        taken = self._session.wait([guid], done_with(step), through_abort=True)
        self._session.read(lambda world: decide.check_taken(world, guid, step, taken=taken))

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

    def _wait(self, guids: Guids, outlook: Outlook, timeout: Duration | None, *, through_abort: bool = False) -> bool:
        wanted = _guids(guids)
        self._session.read(lambda world: [decide.find(world, guid) for guid in wanted])
        seconds = None if timeout is None else to_ns(timeout) / NS
        try:
            return self._session.wait(wanted, outlook, seconds, through_abort=through_abort)
        except TimeoutError:
            missing = self._session.read(lambda world: told_missing(world, wanted, outlook))
            raise WaitTimeout(seconds or 0.0, missing) from None

    # --- tasks --------------------------------------------------------------------------------------------------

    def schedule(self, date: Date, callback: Callable[[], Any], track: bool = False) -> int:
        """Have a function called at a time. What it raises goes to its task.

        Args:
            date: ``"1.5m"``, seconds, a timedelta, a datetime, or ``YYYYMMDDHHMMSSffffff``.
            callback: called without arguments, on a thread of its own. It may call the controller, and wait.
            track: whether `get_task` is to know it.

        Returns:
            The number of the task.

        Raises:
            UsageError: the date cannot be read.
        """
        if not callable(callback):
            raise UsageError(f"a task calls a function without arguments, not {callback!r}")
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

        released = self._session.ask_to_the_end(act)
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
        with self._shutting_down:
            if self._session.closed or not self._session.is_mine:
                return
            try:
                self._session.begin_to_close("the experiment was shut down")
                try:
                    self.release()
                finally:
                    self._session.ask_to_the_end(_close_run)
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


# --- what the methods are given -----------------------------------------------------------------------------------


def _make_netgraph(topology: dict[str, Any]) -> NetGraph | None:
    if not topology:
        return None
    from engine.netgraph import NetGraph  # noqa: PLC0415 - networkx takes a tenth of a second, and few need it

    return NetGraph(**topology)


def _guids(given: Guids) -> list[int]:
    """One guid, or several, as a list."""
    guids = list(given) if isinstance(given, Iterable) else [given]
    for guid in guids:
        if isinstance(guid, bool) or not isinstance(guid, int):
            raise UsageError(f"a guid is a whole number, not {guid!r}")
    return [int(guid) for guid in guids]  # an enum's member would not come back from the log as it went in


def _close_run(kernel: Kernel) -> None:
    """Say that the run is over, if it is: a release that was interrupted can still be gone on with."""
    if all(resource.state is ResourceState.RELEASED for resource in kernel.world.resources.values()):
        kernel.emit(events.RunClosed(EXPERIMENT))

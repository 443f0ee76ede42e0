"""The object that the user holds."""

from __future__ import annotations

from contextlib import suppress
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from engine import from_graph, letting_go
from engine.arguments import check_callable, check_clock
from engine.calls import Calls
from engine.core import decide, events, revise, stepping
from engine.core.errors import (
    BadConnection,
    Closed,
    ExperimentError,
    ScriptDiverged,
    UsageError,
)
from engine.core.kernel import PATIENCE
from engine.core.states import ResourceState, Step
from engine.core.world import EXPERIMENT, World
from engine.dates import NS, to_ns
from engine.describing import Describing
from engine.ending import close_run, left_over, told_raised
from engine.failure import ECState, FailureManager, policy_for
from engine.handles import guid_of, guids_of
from engine.rm.attributes import to_bool
from engine.rm.registry import told_in_full
from engine.runtime.machine import System, Terms
from engine.runtime.script import Script
from engine.runtime.session import Session, how_many_workers
from engine.runtime.waiters import been_in, done_with
from engine.scripting import Scripting
from engine.taking_over import take_log
from engine.waiting import Waiting
from eventlog import LogError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection
    from random import Random

    import eventlog
    from engine.core.kernel import Kernel
    from engine.dates import Duration
    from engine.handles import Guid, Guids
    from engine.past import PastRun
    from engine.runtime.clock import Clock
    from engine.runtime.machine import Machine
    from engine.tasks import Task

on_open: Final[list[Callable[[ExperimentController], None]]] = []
"""Called with each controller as it takes charge: so a program that runs a script learns of those that it makes."""


class ExperimentController(Describing, Waiting, Scripting):
    """Describes an experiment, runs it, and records it as it runs.

    A context manager: leaving it shuts down, also on an exception, and so on Ctrl-C, where ``netreel run SCRIPT`` would
    let go. A script that ends without `shutdown` lets the experiment go on, and one line says how to come back.

    Args:
        exp_id: the name of the experiment, shared by all its runs; by default ``exp-`` and 16 hex digits.
        local_dir: where experiments are kept; by default ``$NETREEL_HOME``, else the XDG state directory.
        persist: whether the description is saved in `run_dir` when everything is released.
        fm: the failure policy.
        add_node_callback: called with the controller and each node of `netgraph`, to describe what is there.
        add_edge_callback: called after that with the controller and both ends of each edge.
        clock: where the time comes from; by default the machine.
        workers: how many hooks may run at once; by default ``$NETREEL_WORKERS``, else 20.
        machine: what it runs on: time, threads, names and disk; by default this machine.
        patience: how long a hook may take to return once its result is no longer wanted; by default 10 s. What stops
            or releases may take sixty times that before its own result is not waited for any more.
        topology: what `netgraph` is made from; see `NetGraph`.

    Raises:
        UsageError: the name cannot be one of a directory, or the directory cannot be made.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        local_dir: str | os.PathLike[str] | None = None,
        persist: bool = False,
        fm: FailureManager | None = None,
        add_node_callback: Callable[[ExperimentController, Any], object] | None = None,
        add_edge_callback: Callable[[ExperimentController, Any, Any], object] | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
        patience: Duration = PATIENCE / NS,
        machine: Machine | None = None,
        **topology: Any,
    ) -> None:
        workers, fm, wait = how_many_workers(workers), policy_for(fm), to_ns(patience)
        persist = to_bool(persist, "persist")
        check_callable(add_node_callback, "add_node_callback")
        check_callable(add_edge_callback, "add_edge_callback")
        check_clock(clock)
        netgraph = from_graph.make(topology, signature(ExperimentController).parameters)
        if netgraph is None and (add_node_callback or add_edge_callback):
            raise UsageError("the callbacks are called for a topology: give one, such as topo_type=, node_count=")
        terms = Terms(clock, workers, wait, machine or System())
        past = self._agree(terms, fm, terms.machine.script(), exp_id)
        if past is None:
            self._run_dir = terms.machine.make_run_dir(exp_id, local_dir)
            self._start(World(), terms.machine.open_writer(self._run_dir))
            opened = self._opened(persist=persist)
            self._begin(lambda kernel: kernel.emit(opened))
        else:
            self._run_dir = past.run_dir
        self._netgraph = netgraph
        self._announce()
        self._calls.catch_up()
        if netgraph is not None:
            try:
                from_graph.describe(self, netgraph, add_node_callback, add_edge_callback)
                self._record(netgraph)
            except ScriptDiverged:
                raise
            except BaseException:
                self.shutdown()  # nothing is left behind but the log
                raise

    def _agree(self, terms: Terms, fm: FailureManager, script: Script, exp_id: str | None) -> PastRun | None:
        """Be a controller on these terms; the run that it had when its script was run before, if it was."""
        past = None if script.past is None else script.past.claim(exp_id)
        self._terms = terms
        self._shutting_down = terms.machine.lock()
        self._fm = fm
        self._fm.set_ec(self)
        self._tasks: dict[int, Task] = {}
        self._chance: dict[str, Random] = {}
        self._ecstate = ECState.RUNNING
        number = script.next_controller() if past is None else past.number
        self._calls = Calls(script, number, past, lambda: self._resume(past))
        return past

    def _start(self, world: World, writer: eventlog.Writer) -> Session:
        """Have the run go on by this controller, once it has begun to."""
        if world.aborted:
            self._fm.set_abort()
        terms = self._terms
        session = Session(
            self._run_dir,
            world,
            writer,
            terms.workers,
            self._wants_abort,
            self._failed,
            terms.clock,
            terms.patience,
            terms.machine,
        )
        self._calls.serve(session)
        return session

    def _begin(self, act: Callable[[Kernel], object]) -> None:
        """Make the first turn. If it cannot be recorded, nobody is in charge."""
        try:
            self._session.ask(act, self._calls.opening())
        except BaseException:
            self._session.abandon()
            raise

    def _announce(self) -> None:
        letting_go.watch(self)
        for tell in on_open:
            tell(self)

    def _opened(self, *, persist: bool) -> events.ControllerOpened:
        holder = {**self._terms.machine.holder(), "workers": self._terms.workers, **self._calls.script_told()}
        return events.ControllerOpened(EXPERIMENT, self.exp_id, self.run_id, holder, persist)

    @classmethod
    def reconnect(
        cls,
        run_dir: str | os.PathLike[str],
        fm: FailureManager | None = None,
        *,
        clock: Clock | None = None,
        workers: int | None = None,
        patience: Duration = PATIENCE / NS,
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
            patience: how long a hook may take to return once its result is no longer wanted.

        Raises:
            NoLog: the directory is no run.
            Locked: its controller lives.
            Corrupt: the log is damaged.
            BadState: the run is over (everything was released and its controller shut down), or has no event.
        """
        workers, fm, wait = how_many_workers(workers), policy_for(fm), to_ns(patience)
        check_clock(clock)
        terms = Terms(clock, workers, wait, machine or System())
        path = Path(run_dir).absolute()
        world, writer = take_log(path, terms.machine)
        ec = cls.__new__(cls)
        ec._run_dir = path
        ec._agree(terms, fm, Script(), None)
        ec._start(world, writer)
        ec._netgraph = from_graph.recorded(world)
        ec._begin(ec._taking_over(world))
        ec._announce()
        return ec

    def _taking_over(self, world: World, functions: Collection[int] = ()) -> Callable[[Kernel], None]:
        """What the first turn of a takeover does; `functions` are those of tasks that are known here."""
        opened = self._opened(persist=world.persist)

        def act(kernel: Kernel) -> None:
            kernel.emit(opened)
            kernel.take_over("its function was in a controller that is gone", functions)

        return act

    def _resume(self, past: PastRun | None) -> None:
        """Take over the run of a script that is run again, now that it does something new."""
        assert past is not None
        world, writer = take_log(self._run_dir, self._terms.machine)
        session = self._start(world, writer)
        session.adopt(past.tasks.left)
        self._begin(self._taking_over(world, past.tasks.left))
        past.tasks.go_live(session.task_returned)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, ScriptDiverged):
            self.detach()  # its run is left as it is
            return
        if isinstance(error, Exception | KeyboardInterrupt):
            self._record_raised(error)
        self.shutdown()

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
            UnknownResourceType: one needs a connection to a type that nobody knows.
            BadCondition: the conditions can never hold; the message spells the circle out.
            ExperimentAborted: nothing is deployed any more.
        """
        chosen = None if guids is None else guids_of(self, guids)
        together = to_bool(wait_all_ready, "wait_all_ready")

        def decided(world: World) -> list[events.Event]:
            return decide.deploy(world, chosen, group, wait_all_ready=together)

        try:
            deployed, *_ = self._ask_warning(decided)
        except BadConnection as refused:
            raise told_in_full(refused, self._calls.read(lambda world: list(world.types))) from None
        assert isinstance(deployed, events.GroupDeployed)
        return deployed.group

    def discover(self, guid: Guid) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.DISCOVER)

    def reserve(self, guid: Guid) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.RESERVE)

    def provision(self, guid: Guid) -> None:
        """Take this step now, whatever the conditions. Blocks; see `start`."""
        self._step(guid, Step.PROVISION)

    def start(self, guid: Guid) -> None:
        """Start a resource now, whatever the conditions. Blocks until it is STARTED.

        Raises:
            UnknownGuid, BadState: there is none, or its state does not allow it.
            ResourceFailed: it failed.
            ExperimentAborted: nothing is started any more.
        """
        self._step(guid, Step.START)

    def stop(self, guid: Guid) -> None:
        """Stop a resource now, whatever the conditions. Blocks until it is STOPPED; see `start`."""
        self._step(guid, Step.STOP)

    def _step(self, guid: Guid, step: Step) -> None:
        number = guid_of(self, guid)
        self._calls.refuse_within(step)
        self._calls.ask(lambda kernel: kernel.emit_all(stepping.request_step(kernel.world, number, step)))
        taken = bool(self._calls.wait([number], done_with(step), through_abort=True))
        self._calls.read(lambda world: stepping.check_taken(world, number, step, taken=taken))

    # --- the end ------------------------------------------------------------------------------------------------

    def release(self, guids: Guids | None = None) -> None:
        """Undo these, or all, those that depend on others first. Blocks.

        Raises:
            UnknownGuid: one of them is not there; nothing is released.
            ExperimentError: everything is RELEASED, and some of it only with an error; the message tells them all.
        """
        wanted = None if guids is None else guids_of(self, guids)
        self._calls.refuse_within("release")

        def act(kernel: Kernel) -> tuple[list[int], bool]:
            made = stepping.release(kernel.world, wanted)
            kernel.emit_all(made)
            return list(kernel.world.resources) if wanted is None else wanted, bool(made)

        released, is_new = self._calls.ask_to_the_end(act)
        self._calls.wait(released, been_in(ResourceState.RELEASED), through_abort=True)
        if wanted is None:
            self._ecstate = ECState.RELEASED
        errors = self._calls.read(lambda world: left_over(world, released))
        try:
            if wanted is None and is_new and self.persist:
                self.save()
        finally:
            self._calls.ask_to_the_end(lambda kernel: kernel.emit_all(revise.forget(kernel.world)))
        if errors:
            raise ExperimentError("everything is released, but something may be left: " + "; ".join(errors))

    def shutdown(self) -> None:
        """Drop pending tasks, release everything, close the log. Idempotent.

        After a failure of the controller nothing can be recorded, so nothing more is done: what runs goes on, and a
        new controller can take over.

        Raises:
            ExperimentError, LogError: what failed.
        """
        self._calls.refuse_within("shut down")
        with self._shutting_down:
            if self._calls.closed or not self._calls.is_mine:
                return
            try:
                self._calls.begin_to_close("the experiment was shut down")
                try:
                    with letting_go.telling_of_waits(self):
                        self.release()
                finally:
                    self._calls.ask_to_the_end(close_run)
            finally:
                self._calls.close()
                if self._ecstate is not ECState.FAILED:
                    self._ecstate = ECState.TERMINATED
            if self._calls.is_live:
                letting_go.tell_failure(self)

    def detach(self) -> None:
        """Let the experiment go on without this controller, for another one to take over. Idempotent."""
        self._calls.refuse_within("detach")
        self._calls.abandon()
        if self._ecstate is not ECState.FAILED:
            self._ecstate = ECState.TERMINATED

    def _record_raised(self, error: BaseException) -> None:
        """Have the log tell why the script has come to its end."""
        told = events.ExperimentWarned(EXPERIMENT, told_raised(error))
        with suppress(Closed, LogError):  # nobody is in charge, or nothing can be written: the script raises anyway
            self._calls.ask(lambda kernel: kernel.emit(told))

    # --- failure ------------------------------------------------------------------------------------------------

    def _wants_abort(self, guid: int) -> bool:
        before = self._fm.abort
        self._fm.eval_failure(guid)
        return self._fm.abort and (not before or bool(self.get(guid, "critical")))

    def _failed(self) -> None:
        self._ecstate = ECState.FAILED
        self._fm.set_ec_failure()

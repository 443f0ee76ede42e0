"""A model of the launch protocol (docs/launch.md): what happens on a host to one attempt to start a command."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

from msgspec import Struct

from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed
from engine.testing.simulation.hub import Died, SimFuture

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.rm.outcomes import Outcome
    from engine.testing.simulation.hub import Fiber, Hub, Owner

TERM: Final = 143
KILL: Final = 137
"""The exit statuses of a command that was ended by these signals."""


class Fenced(Exception):
    """A later controller has been on this host: this one may start and touch nothing there any more.

    Attributes:
        host: the host.
        mine: the epoch of the controller that was refused.
        theirs: the highest epoch that the host has seen.
    """

    def __init__(self, host: str, mine: int, theirs: int) -> None:
        super().__init__(f"{host}: the controller of epoch {mine} was refused, since one of epoch {theirs} took over")
        self.host = host
        self.mine = mine
        self.theirs = theirs


class Command(Struct, frozen=True):
    """What runs on a host.

    Attributes:
        seconds: how long it runs; None until it is stopped.
        code: its exit status if nobody stops it.
        on_term: how many seconds it takes to end once it is told to; None if it does not heed that.
    """

    seconds: float | None = 1.0
    code: int = 0
    on_term: float | None = 0.0


class Process:
    """A process on a host: an owner of fibers (see `hub.Owner`), so that each can be killed alone."""

    def __init__(self, name: str, pid: int) -> None:
        self.name = name
        self.pid = pid
        self.alive = True
        self.held: list[Fiber] | None = None
        self.fibers: dict[Fiber, None] = {}


class Ground(Protocol):
    """What an attempt needs of its host.

    Attributes:
        name: of the host.
        boot: how many times it was booted.
        hub: where its fibers run.
    """

    name: str
    boot: int
    hub: Hub

    def step(self, label: str) -> None:
        """Let anything happen that may happen between two steps of the protocol."""

    def later_than(self, epoch: int) -> int:
        """The highest epoch that has been here, if it is higher than this one; else 0."""

    def process(self, name: str) -> Process:
        """A new process."""

    def note(self, kind: str, token: str, **facts: object) -> None:
        """Add something to the record of what really happened."""

    def tell(self, owner: Owner, act: Callable[[], None]) -> None:
        """Tell a program something as soon as it can be told."""


class Attempt:
    """One attempt on its host: its marks, and its processes. A mark that was made never changes.

    Attributes:
        claimed: under which epoch and boot it was claimed.
        started: the number of the command's process.
        void: whether it must not begin any more.
        end: "CODE", "void" or "fenced EPOCH".
    """

    def __init__(self, host: Ground, token: str) -> None:
        self.claimed: tuple[int, int] | None = None
        self.started: int | None = None
        self.void = False
        self.end = ""
        self._host = host
        self._token = token
        self._supervisor: Process | None = None
        self._child: Process | None = None
        self._command: Command | None = None  # while it runs
        self._status: SimFuture[int] = SimFuture(f"the command of {token} to end")
        self._watchers: list[tuple[Owner, Callable[[Ended | Gone], None]]] = []

    # --- what it has come to ------------------------------------------------------------------------------------

    @property
    def lives(self) -> bool:
        """Whether any process of it is there."""
        return any(process is not None and process.alive for process in (self._supervisor, self._child))

    def outcome(self) -> Outcome:
        """What its marks and processes say. `NeverBegan` is not decided until it is void."""
        if self.end.isdecimal():
            return Ended(int(self.end))
        if self.end:
            return NeverBegan()
        if self.claimed is not None and self.claimed[1] != self._host.boot:
            return Gone("the host rebooted while it was there")
        if self.lives:
            return Alive()
        if self.started is not None:
            return Gone("its supervisor was killed before it ended, so the exit status is lost")
        return NeverBegan()

    def probe(self, epoch: int) -> Outcome:
        """What became of it, for good unless it is `Alive`."""
        self._host.step("read the claim")
        if self.claimed is None:
            self.claimed = (epoch, self._host.boot)
            self.void = True
            return NeverBegan()
        self._host.step("read the marks")
        outcome = self.outcome()
        if isinstance(outcome, NeverBegan) and not self.end:
            self.void = True
            self._host.step("read started again")
            outcome = self.outcome()
        return outcome

    def watch(self, owner: Owner, on_end: Callable[[Ended | Gone], None]) -> None:
        """Have somebody told of its end, also if it has come to it."""
        self._watchers.append((owner, on_end))
        self.look()

    def look(self) -> None:
        """Tell those who watch it of its end, if it has come to one."""
        outcome = self.outcome()
        if isinstance(outcome, Alive) or not self._watchers:
            return
        news = Gone("it never began") if isinstance(outcome, NeverBegan) else outcome
        watchers, self._watchers = self._watchers, []
        for owner, on_end in watchers:
            self._host.tell(owner, partial(on_end, news))

    # --- starting it --------------------------------------------------------------------------------------------

    def start(self, command: Command, epoch: int) -> int:
        """Start the command, unless that was done before; the number of its process, once it has begun.

        Raises:
            Fenced: a later controller came.
            CommandFailed: it did not begin, and never will.
        """
        if self.claimed is None:
            pipe: SimFuture[None] = SimFuture(f"{self._token} to begin")
            supervisor = self._host.process(f"supervisor of {self._token}")
            job = partial(self._supervise, supervisor, command, epoch, pipe)
            self._host.hub.spawn(supervisor, "supervisor", job)
            pipe.get()
        while self.started is None and not self.end and self.lives:  # another call is starting it
            self._host.hub.sleep(0.01)
        if self.end.startswith("fenced"):
            raise Fenced(self._host.name, epoch, int(self.end.split()[1]))
        if self.started is None or self.end == "void":
            why = f"it is {self.end or 'dead'}, and never began"
            raise CommandFailed(self._host.name, f"start of {self._token}", 1, why)
        return self.started

    def _supervise(self, me: Process, command: Command, epoch: int, pipe: SimFuture[None]) -> None:
        try:
            self._host.step("claim")
            if self.claimed is None:
                self.claimed, self._supervisor = (epoch, self._host.boot), me
                self._see_it_through(command, epoch, pipe)
        finally:
            me.alive = False
            if self._supervisor is not me or self._child is None or not self._child.alive:
                pipe.set()
            self.look()

    def _see_it_through(self, command: Command, epoch: int, pipe: SimFuture[None]) -> None:
        self._host.step("read the epochs after the claim")
        later = self._host.later_than(epoch)
        if later:
            self.end = f"fenced {later}"
            return
        gone: SimFuture[None] = SimFuture(f"the command of {self._token} to be gone")
        child = self._child = self._host.process(f"command of {self._token}")
        self._host.hub.spawn(child, "command", partial(self._be_command, child, command, epoch, pipe, gone))
        gone.get()
        if self.started is not None and not self.end:
            self._host.step("exit")
            self.end = str(self._status.get() if self._status.is_set else KILL)

    def _be_command(
        self, me: Process, command: Command, epoch: int, pipe: SimFuture[None], gone: SimFuture[None]
    ) -> None:
        try:
            self._host.step("started")
            self.started = me.pid
            self._host.step("look for void")
            if self.void:
                self.end = "void"
            else:
                self._run(me, command, epoch, pipe)
        finally:
            me.alive = False
            pipe.set()
            gone.set()
            self.look()

    def _run(self, me: Process, command: Command, epoch: int, pipe: SimFuture[None]) -> None:
        facts = {"epoch": epoch, "pid": me.pid, "boot": self._host.boot}
        self._host.note("process.began", self._token, **facts)
        self._command = command
        if command.seconds is not None:
            self._host.hub.after(command.seconds, partial(self._status.set, command.code))
        pipe.set()
        try:
            code = self._status.get()
        except Died:
            self._host.note("process.killed", self._token, **facts)
            raise
        finally:
            self._command = None
        self._host.note("process.ended", self._token, code=code, **facts)

    # --- ending it ----------------------------------------------------------------------------------------------

    def stop(self, epoch: int, status: int) -> None:
        """End it, with TERM or KILL as its status. If it has not begun, it never will."""
        self._host.step("stop")
        if self.claimed is None:
            self.claimed = (epoch, self._host.boot)
        if self._command is None:
            self.void = True
        elif status == KILL:
            self._status.set(KILL)
        elif self._command.on_term is not None:
            self._host.hub.after(self._command.on_term, partial(self._status.set, TERM))

    def kill(self, *, supervisor: bool = True, command: bool = True) -> None:
        """Kill its processes, or one of them: by a reboot, or for lack of memory."""
        for process, wanted in ((self._supervisor, supervisor), (self._child, command)):
            if wanted and process is not None and process.alive:
                process.alive = False
                self._host.hub.kill(process)
        self._host.hub.after(0, self.look)

"""The base class of all resource types."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Event
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeAlias

from msgspec import Struct, field

from engine.core.errors import UsageError
from engine.core.states import Step
from engine.diagnostics import get_logger
from engine.rm import links as _links
from engine.rm.attributes import attr
from engine.rm.awaited import Waiting
from engine.rm.declaring import check_class
from engine.rm.described import Described
from engine.rm.outcomes import Gone
from engine.rm.secret import told

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from structlog.stdlib import BoundLogger

    from engine.core.states import ResourceState
    from engine.rm.links import LinkDeclaration
    from engine.rm.outcomes import Outcome
    from engine.rm.traces import Trace
    from engine.rm.transport import Transport

ANY: Final = "ResourceManager"
"""What every type extends: a link to it takes them all."""

Receipt: TypeAlias = Mapping[str, Any] | None
"""What a hook returns: a small plain mapping, whatever a stranger needs to find again what it made."""

Result: TypeAlias = Receipt | Waiting[Receipt]
"""What calling a hook gives: its receipt, or, if there is a ``yield`` in it, what it waits for until there is one."""


class Listener(Protocol):
    """Whoever wants to know what hooks are doing."""

    def doing(self, token: str, what: str) -> None:
        """The hook of an attempt does this from now on."""


class Intent(Struct, frozen=True, eq=False):
    """Why a hook is called. It was in the log before the hook ran.

    Attributes:
        token: names this attempt. Name everything on the far end after it: a crash can lose the receipt.
        step: the step that is to be taken.
    """

    token: str
    step: Step
    _cancelled: Event = field(default_factory=Event)
    _listener: Listener | None = None

    def __repr__(self) -> str:
        return f"Intent(token={self.token!r}, step={self.step!r})"

    def doing(self, what: str) -> None:
        """Say what the hook is doing from now on, such as "installing iperf3", where that may take long.

        The log keeps it, and who asks why nothing happens is told. It is not waited for, and costs little.
        """
        if self._listener is not None:
            self._listener.doing(self.token, what)

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted. A hook that takes long looks at it now and then."""
        return self._cancelled.is_set()

    def wait(self, seconds: float) -> bool:
        """Do nothing for a while, but not beyond the moment at which the result is no longer wanted; whether it is not.

        In the simulation a hook lets time go by with `current().sleep` instead.
        """
        return self._cancelled.wait(seconds)

    def cancel(self) -> None:
        """Say that the result is no longer wanted. The engine calls this."""
        self._cancelled.set()


class Port(Protocol):
    """How a resource manager reaches the engine. The engine's runtime has one, and so has every test."""

    @property
    def run_dir(self) -> Path:
        """Where the files of the run live, on the controller's machine."""

    @property
    def epoch(self) -> int:
        """Which controller of the run this is: 1 is the first, 2 took over from it, and so on."""

    def state(self, guid: int) -> ResourceState:
        """The state of a resource."""

    def releasing(self, guid: int) -> bool:
        """Whether the release of a resource was asked for."""

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        """The managers of those that it is connected to, of that type or of one that extends it."""

    def trace_enabled(self, guid: int, name: str) -> bool:
        """Whether a trace of a resource is to be recorded."""

    def ended(self, guid: int, code: int, token: str | None) -> None:
        """It came to its end."""

    def failed(self, guid: int, why: str, code: int | None, token: str | None) -> None:
        """It failed by itself."""

    def remarked(self, guid: int, what: str) -> None:
        """This is the matter with it."""


_NOTHING: Final[Mapping[Step, Any]] = MappingProxyType({})


class Binding(Struct):
    """What makes a description a manager: its place in an experiment."""

    guid: int
    port: Port
    receipts: Mapping[Step, Any]
    tokens: Mapping[Step, str]


class ResourceManager(Described):
    """What one kind of resource does in the real world.

    A subclass names its type (``class Queue(ResourceManager, rtype="lab::Queue")``), declares attributes with `attr`,
    links with `link` and `traces`, and overrides the hooks that it needs: ``discover reserve provision configure
    deploy start stop release``, each called with an `Intent`. One that returns has succeeded, and may return a receipt.
    One that raises has failed. The hooks of one resource are called one at a time, on any thread. ``stop`` and
    ``release`` must bear being called again: after a crash they are. A hook that is not overridden costs nothing.

    Whoever calls the class makes a description (``Queue(rate=8000)``), in which only attributes can be read. The engine
    makes the manager when it is first needed, and another one after a takeover. `setup` is where a type makes what a
    manager needs; it never overrides ``__init__``.
    """

    traces: ClassVar[tuple[Trace, ...]] = ()
    links: ClassVar[Mapping[str, LinkDeclaration]] = {}
    endless: ClassVar[bool] = False
    """Whether it runs until it is stopped or released, as a network does: nobody waits for its end."""

    critical: bool = attr(default=True, help="Whether its failure aborts the experiment.")
    hard_release: bool = attr(default=False, help="Whether it is forgotten, results and all, once it is released.")

    def __init_subclass__(cls, rtype: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.rtype = rtype if rtype is not None else ""
        check_class(cls, ResourceManager)
        cls.links = _links.collect(cls)

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._binding: Binding | None = None

    def __repr__(self) -> str:
        return super().__repr__() if self._binding is None else f"<{self.rtype} #{self._binding.guid}>"

    # --- for the author of a type -------------------------------------------------------------------------------

    @property
    def guid(self) -> int:
        """The number of the resource."""
        return self._bound.guid

    @property
    def log(self) -> BoundLogger:
        """A structlog logger that is bound to the resource. Never give it a secret."""
        return get_logger(guid=self.guid, rtype=self.rtype)

    @property
    def receipts(self) -> Mapping[Step, Any]:
        """What the hooks before returned, by step."""
        return self._bound.receipts

    @property
    def tokens(self) -> Mapping[Step, str]:
        """The names of the latest attempts, by step. A receipt can be lost in a crash, these never are."""
        return self._bound.tokens

    @property
    def state(self) -> ResourceState:
        """Its state, as it stands in the log."""
        return self._bound.port.state(self.guid)

    @property
    def releasing(self) -> bool:
        """Whether its release was asked for. What ends with it need not end by itself before."""
        return self._bound.port.releasing(self.guid)

    @property
    def run_dir(self) -> Path:
        """Where the files of the run live, on the controller's machine."""
        return self._bound.port.run_dir

    @property
    def epoch(self) -> int:
        """Which controller of the run this is. A higher one on the far end means that this one was replaced."""
        return self._bound.port.epoch

    @property
    def transport(self) -> Transport:
        """The way to its host: the nearest that it is linked to, directly or through others.

        Raises:
            LookupError: there is none.
        """
        ahead, seen = self.linked(), {self.guid}
        while ahead:
            other = ahead.pop(0)
            if other.overrides("transport"):
                return other.transport
            if other.guid not in seen:
                seen.add(other.guid)
                ahead.extend(other.linked())
        raise LookupError(f"#{self.guid} {self.rtype} is not connected to a host")

    def linked(self, name: str | None = None) -> list[ResourceManager]:
        """The managers of those that it is connected to: by the link of that name, or by any link of its type."""
        names = list(self.links) if name is None else [name]
        return [other for key in names for other in self._bound.port.linked(self.guid, self.links[key].rtype)]

    def trace_enabled(self, name: str) -> bool:
        """Whether a trace is to be recorded: as the controller was told, else as the type declares it."""
        return self._bound.port.trace_enabled(self.guid, name)

    def ended(self, code: int = 0, *, token: str | None = None) -> None:
        """Say that it came to its end by itself. May be called from any thread, at any time.

        Args:
            code: its exit status.
            token: of the start that has ended. With it, news of an earlier start that comes late ends no later one.
        """
        self._bound.port.ended(self.guid, code, token)

    def failed(self, why: str, code: int | None = None, *, token: str | None = None) -> None:
        """Say that it failed by itself, and why; otherwise as `ended`."""
        self._bound.port.failed(self.guid, told(str(why)), code, token)

    def remark(self, what: str) -> None:
        """Say what is the matter with it, where no hook runs that could; "" once that is over or it is all right.

        It is said of the resource, so that its name can stand before it: "has not answered since 13:05". The log keeps
        it, and who asks how the resource stands, or what depends on it, is told. May be called from any thread, at any
        time, and does not wait. What was said already is not logged again, nor is what comes after its release.
        """
        self._bound.port.remarked(self.guid, told(str(what)))

    # --- what a type may define ---------------------------------------------------------------------------------

    def setup(self) -> None:
        """Make what the manager needs for its work: locks, caches, clients that connect later.

        Called once, before any hook, and again for the manager that a takeover makes. So it does nothing in the world,
        and as the others may not be made yet, it asks for none of them.
        """

    def discover(self, intent: Intent, /) -> Result:
        """Find out what there is, and whether this can be had. Changes nothing."""

    def reserve(self, intent: Intent, /) -> Result:
        """Keep it for this experiment, so that nobody else takes it."""

    def provision(self, intent: Intent, /) -> Result:
        """Bring there what it needs: files, packages, an image."""

    def configure(self, intent: Intent, /) -> Result:
        """Set it up."""

    def deploy(self, intent: Intent, /) -> Result:
        """Make it ready to start."""

    def start(self, intent: Intent, /) -> Result:
        """Set it going. It has begun when this returns, and goes on by itself."""

    def stop(self, intent: Intent, /) -> Result:
        """End what `start` began, and return when it has ended. May be called again, also if it has long ended."""

    def release(self, intent: Intent, /) -> Result:
        """Leave nothing behind, whatever was begun. May be called again, and by a manager that began nothing itself."""

    def on_set(self, name: str, old: Any, new: Any, /) -> None:
        """An attribute that is declared ``when="live"`` has another value."""

    def on_connect(self, other: ResourceManager, /) -> None:
        """It is connected to `other` now. Told once of each; of those from before, right after `setup`, in order."""

    def on_disconnect(self, other: ResourceManager, /) -> None:
        """It is not connected to `other` any more."""

    def probe(self, intent: Intent, receipt: Receipt, /) -> Outcome:  # noqa: ARG002
        """What became of an attempt of a controller that is gone?

        Called after a takeover, on a fresh object: for a step that had begun and whose outcome is not in the log, and
        for `start` of a resource that was running. Whoever answers `Alive` for a running one has taken care that its
        end will be told.

        Args:
            intent: the attempt that is asked after.
            receipt: what its hook returned, or None if the controller died before that was in the log.
        """
        return Gone("this type cannot be found again")

    def exited(self, code: int, *, token: str | None = None) -> None:
        """Say what an exit status means. By default every end is an end; a type may call some of them a failure."""
        self.ended(code, token=token)

    def trace_path(self, name: str) -> str | None:  # noqa: ARG002
        """Where a trace is, on its host; None if there is none of that name yet."""
        return None

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:  # noqa: ARG002
        """Bytes of a trace, also while it is being written. Called from any thread."""
        return None

    def trace_size(self, name: str) -> int | None:  # noqa: ARG002
        """How many bytes a trace has. Called from any thread."""
        return None

    # --- for the engine -----------------------------------------------------------------------------------------

    @classmethod
    def bind(
        cls,
        guid: int,
        values: Mapping[str, Any],
        port: Port,
        receipts: Mapping[Step, Any] = _NOTHING,
        tokens: Mapping[Step, str] = _NOTHING,
    ) -> Self:
        """The manager of a resource. Its values come from the log, so they are not checked again."""
        manager = cls()
        manager._values = dict(values)
        manager._binding = Binding(guid, port, receipts, tokens)
        manager.setup()
        return manager

    def brief(self, receipts: Mapping[Step, Any], tokens: Mapping[Step, str]) -> None:
        """Take what has come of the steps so far."""
        bound = self._bound
        bound.receipts = receipts
        bound.tokens = tokens

    @classmethod
    def hooks(cls) -> list[Step]:
        """The steps for which it has code."""
        return [step for step in Step if cls.overrides(step)]

    @classmethod
    def overrides(cls, name: str) -> bool:
        """Whether the type has code of its own for what this base class only names."""
        return getattr(cls, name) is not getattr(ResourceManager, name)

    @classmethod
    def lineage(cls) -> list[str]:
        """The names of its type and of those that it extends, nearest first. The last one is that of them all."""
        names = (vars(base).get("rtype", "") for base in cls.__mro__)
        return [*(name for name in names if name), ANY]

    def set_value(self, name: str, old: Any, new: Any) -> None:
        """Take another value of an attribute, and tell the type."""
        self._values[name] = new
        self.on_set(name, old, new)

    @property
    def _bound(self) -> Binding:
        if self._binding is None:
            raise UsageError(
                f"{self!r} only describes a resource, and has nothing but attributes; ec.add() takes it and gives a "
                f"handle, which has a state, traces and the rest"
            )
        return self._binding

"""The base class of all resource types."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from engine.core.states import Step
from engine.core.values import copied
from engine.diagnostics import get_logger
from engine.rm import attributes as _attributes
from engine.rm import links as _links
from engine.rm.attributes import Attribute, attr
from engine.rm.outcomes import Gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.core.states import ResourceState
    from engine.rm.links import LinkDeclaration
    from engine.rm.outcomes import Alive, Ended, NeverBegan
    from engine.rm.traces import Trace
    from engine.rm.transport import Transport


@dataclass(frozen=True, slots=True)
class Intent:
    """Why a hook is called. It was in the log before the hook ran.

    Attributes:
        token: names this attempt. Name everything on the far end after it: a crash can lose the receipt.
        step: the step that is to be taken.
    """

    token: str
    step: Step
    _cancelled: Event = field(default_factory=Event, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted. A hook that takes long looks at it now and then."""
        return self._cancelled.is_set()

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

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        """The managers of those that it is connected to, of that type or of one that extends it."""

    def ended(self, guid: int, code: int, token: str | None) -> None:
        """It came to its end."""

    def failed(self, guid: int, why: str, code: int | None, token: str | None) -> None:
        """It failed by itself."""


class ResourceManager:
    """What one kind of resource does in the real world.

    A subclass names its type (``class Queue(ResourceManager, rtype="lab::Queue")``), declares attributes with `attr`,
    links with `link` and `traces`, and defines the hooks that it needs: ``discover reserve provision configure deploy
    start stop release``, each called with an `Intent`. One that returns has succeeded, and may return a receipt: a
    small plain mapping, whatever a stranger needs to find again what the hook made. One that raises has failed. The
    hooks of one resource are called one at a time, on any thread. ``stop`` and ``release`` must bear being called
    again: after a crash they are.

    Beside these a type may define `probe`, `exited`, and the readers of its traces.

    Attributes:
        guid: the number of the resource.
        rtype: its type.
        receipts: what the hooks before returned, by step.
        tokens: the names of the latest attempts, by step; a receipt can be lost in a crash, these never are.
        log: a structlog logger that is bound to the resource.
    """

    rtype: ClassVar[str] = ""
    traces: ClassVar[tuple[Trace, ...]] = ()
    attributes: ClassVar[Mapping[str, Attribute]] = {}
    links: ClassVar[Mapping[str, LinkDeclaration]] = {}

    critical: bool = attr(default=True, help="Whether its failure aborts the experiment.")

    def __init_subclass__(cls, rtype: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.rtype = rtype if rtype is not None else ""
        cls.links = _links.collect(cls)
        # The types of the annotations are looked up at the first use: while the class is made they may not be there.
        cls.attributes = {}

    def __init__(self, guid: int, values: Mapping[str, Any], port: Port) -> None:
        self.guid = guid
        self.receipts: Mapping[Step, Any] = {}
        self.tokens: Mapping[Step, str] = {}
        self._values = dict(values)
        self._secrets: set[str] = set()
        self._port = port
        self.log = get_logger(guid=guid, rtype=self.rtype)

    # --- for the author of a type -------------------------------------------------------------------------------

    @property
    def state(self) -> ResourceState:
        """Its state, as it stands in the log."""
        return self._port.state(self.guid)

    @property
    def run_dir(self) -> Path:
        """Where the files of the run live, on the controller's machine."""
        return self._port.run_dir

    @property
    def epoch(self) -> int:
        """Which controller of the run this is. A higher one on the far end means that this one was replaced."""
        return self._port.epoch

    @property
    def transport(self) -> Transport:
        """The way to its host: that of the first resource linked to it that has one.

        Raises:
            LookupError: nothing that it is linked to is a host.
        """
        for other in self.linked():
            return other.transport
        raise LookupError(f"#{self.guid} {self.rtype} is not connected to a host")

    def linked(self, name: str | None = None) -> list[ResourceManager]:
        """The managers of those that it is connected to: by the link of that name, or by any link of its type."""
        names = list(self.links) if name is None else [name]
        return [other for key in names for other in self._port.linked(self.guid, self.links[key].rtype)]

    def ended(self, code: int = 0, *, token: str | None = None) -> None:
        """Say that it came to its end by itself. May be called from any thread, at any time.

        Args:
            code: its exit status.
            token: of the start that has ended. With it, news of an earlier start that comes late ends no later one.
        """
        self._port.ended(self.guid, code, token)

    def failed(self, why: str, code: int | None = None, *, token: str | None = None) -> None:
        """Say that it failed by itself, and why; otherwise as `ended`."""
        self._port.failed(self.guid, self.hide_secrets(why), code, token)

    # --- what a type may define ---------------------------------------------------------------------------------

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Alive | Ended | Gone | NeverBegan:  # noqa: ARG002
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
    def declared(cls) -> Mapping[str, Attribute]:
        """Its attributes by name, inherited ones first."""
        if not cls.attributes:
            cls.attributes = _attributes.collect(cls)
        return cls.attributes

    @classmethod
    def hooks(cls) -> list[Step]:
        """The steps for which it has code."""
        return [step for step in Step if callable(getattr(cls, step, None))]

    @classmethod
    def lineage(cls) -> list[str]:
        """The names of its type and of those that it extends, nearest first."""
        names = (vars(base).get("rtype", "") for base in cls.__mro__)
        return [name for name in names if name]

    def set_value(self, name: str, old: Any, new: Any) -> None:
        """Take another value of an attribute, and tell the type if it wants to know."""
        self._values[name] = new
        on_set = getattr(self, "on_set", None)
        if on_set is not None:
            on_set(name, old, new)

    def value_of(self, attribute: Attribute) -> Any:
        """The value of an attribute: the one that was set, or the default. A secret is read where it comes from."""
        value = self._values.get(attribute.name, attribute.default)
        if attribute.secret and value:
            secret = read_secret(value)
            self._secrets.add(secret)
            return secret
        return None if value is _attributes.REQUIRED else copied(value)

    def hide_secrets(self, text: str) -> str:
        """A text without the values of the secrets that were read here."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text


def read_secret(source: str) -> str:
    """The value of a secret, from ``env:NAME`` or ``file:PATH``.

    Raises:
        LookupError: there is no such variable.
        OSError: the file cannot be read.
    """
    kind, _, name = source.partition(":")
    if kind == "file":
        return Path(name).read_text(encoding="utf-8").rstrip("\n")
    if name not in os.environ:
        raise LookupError(f"the secret is to come from the environment variable {name}, which is not set")
    return os.environ[name]

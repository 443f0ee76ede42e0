"""`netns::Node`: a node of an emulated network."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.links import link
from engine.rm.outcomes import Alive, Gone, NeverBegan, Outcome
from rms._patience import until_answered
from rms.linux.host import Host
from rms.netns import _inside
from rms.netns._batch import Make, Place
from rms.netns._kept import kept
from rms.netns._limiting import Limits, joining

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from engine.rm.transport import Transport
    from rms.launch import Launcher
    from rms.linux._archive import Archive
    from rms.linux._layout import Layout
    from rms.linux.node import Node as Machine
    from rms.netns.emulation import Emulation

_ENDED: Final = "its first process has ended, and so have all others that were in it"
_HOSTNAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?")


def _check_hostname(name: str) -> None:
    if not _HOSTNAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a host: up to 64 letters, digits, '-' and '.', no '-' or '.' at an end"
        )


class Node(Host, rtype="netns::Node"):
    """A node of an emulated network: interfaces, processes, mounts and a host name of its own.

    Every ``linux::`` application and tool can be connected to it as to a host. Its files are those of the host that it
    is made on; there, and with that host's network, is also prepared what an application needs.
    """

    endless = True
    hostname: str = attr(check=_check_hostname, help="Its host name.")
    forwarding: bool = attr(default=False, help="Whether it is a router: passes on packets that are not for itself.")
    memory: int | None = attr(
        default=None, ge=2**20, help="Bytes that all that runs in it may use; by default no limit."
    )
    cpu: float | None = attr(
        default=None, ge=0.01, le=10_000, help="Processors that all that runs in it may use; by default no limit."
    )
    emulation = link("netns::Emulation", min=1, max=1)

    def setup(self) -> None:
        """See `ResourceManager.setup`."""
        self._inside: Place | None = None

    # --- what it is ---------------------------------------------------------------------------------------------

    @kept  # who asks is deployed, and from then on no connection is taken back
    def emulated(self) -> Emulation:
        """What it is part of."""
        return cast("Emulation", self.linked("emulation")[0])

    @property
    def inside(self) -> Place:
        """Its network namespace.

        Raises:
            BadState: it was not made.
        """
        if self._inside is None:
            told = (self.receipts.get(Step.DEPLOY) or {}).get("process")
            self._inside = Place(*told) if told else self.emulated.find_node(self.guid)
        if self._inside is None:
            raise BadState(f"#{self.guid} {self.hostname} is not deployed, so nothing can be done in it")
        return self._inside

    @property
    def transport(self) -> Transport:
        """The way into it: scripts run inside, files are those of its machine."""
        return _inside.InsideTransport(self.emulated.transport, self._door)

    @property
    def launcher(self) -> Launcher:
        """Starts commands in it, and finds them again."""
        return self.emulated.launcher.behind(_inside.entrance(self._door))

    @property
    def _door(self) -> _inside.Door:
        return _inside.Door(self.inside, self.emulated.entrance, joining(self._groups))

    @property
    def _groups(self) -> list[str]:
        """The control groups that what runs in it is in."""
        return list((self.receipts.get(Step.DEPLOY) or {}).get("groups", ()))

    @property
    def facts(self) -> dict[str, Any]:
        """What kind of host it is: as its machine, but that whoever is in it is root."""
        return {**self.preparing.facts, "hostname": self.hostname, "privilege": "root"}

    @property
    def layout(self) -> Layout:
        """Where things are: as on its machine."""
        return self.preparing.layout

    @property
    def installing(self) -> threading.Lock:
        """That of its machine."""
        return self.preparing.installing

    @property
    def is_let_go(self) -> bool:
        """Whether nobody is to ask its machine for anything."""
        return self.preparing.is_let_go

    @property
    def preparing(self) -> Machine:
        """Its machine: an emulated network reaches nothing from which a package could come."""
        return self.emulated.host

    def place(self, archive: Archive, directory: str) -> None:
        """See `Host.place`."""
        self.preparing.place(archive, directory)

    # --- hooks --------------------------------------------------------------------------------------------------

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Make its namespaces, and the process that holds them."""
        groups = self._limits.make(intent, self.memory, self.cpu) if self._is_limited else []
        self._inside = yield from self.emulated.make_node(intent, Make(self.guid, self.hostname, self.forwarding))
        return {"process": [self._inside.pid, self._inside.start_time], "groups": groups}

    def start(self, intent: Intent) -> dict[str, Any]:
        """Have its end told."""
        until_answered(intent, self.log, self._watch, intent.token)
        return {"watched": True}

    def release(self, intent: Intent) -> None:
        """End what is in it, and so the namespaces; unless all of the emulation ends. Its limits are taken away."""
        if Step.DEPLOY not in self.tokens or (self.emulated.releasing and not self._is_limited):
            return
        inside = until_answered(intent, self.log, self._find)
        if inside is not None:
            self.emulated.end_node(intent, inside)
        if self._is_limited:
            self._limits.remove(intent)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Ask whether its first process is there. To make one that is there finds it."""
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        if self._find() is None:
            return Gone(_ENDED)
        self._watch(intent.token)
        return Alive()

    @property
    def _is_limited(self) -> bool:
        return self.memory is not None or self.cpu is not None

    @property
    def _limits(self) -> Limits:
        return Limits(self.emulated, self.guid)

    def _find(self) -> Place | None:
        try:
            return self.inside
        except BadState:
            return None

    def _watch(self, token: str) -> None:
        inside = self.inside
        self.emulated.transport.on_exit(inside.pid, inside.start_time, lambda: self._tell(token))

    def _tell(self, token: str) -> None:
        if Step.RELEASE not in self.tokens:
            self.failed(_ENDED, token=token)

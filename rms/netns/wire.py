"""What links and tunnels share: two interfaces, which are made together."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from engine.core.errors import BadState
from engine.core.states import ResourceState
from engine.rm.base import ResourceManager
from engine.rm.links import link
from rms.netns._batch import Lines
from rms.netns._kept import kept

if TYPE_CHECKING:
    from engine.rm.base import Intent
    from rms.netns.emulation import Emulation
    from rms.netns.interface import Interface


class Wire(ResourceManager, rtype="netns::Wire"):
    """What connects two interfaces. It is no type by itself."""

    endless = True
    ends = link("netns::Interface", min=2, max=2, after=ResourceState.PROVISIONED)

    @kept  # who asks is deployed, and from then on no connection is taken back
    def interfaces(self) -> tuple[Interface, Interface]:
        """Its two ends."""
        one, two = cast("list[Interface]", self.linked("ends"))
        return one, two

    @property
    def emulated(self) -> Emulation:
        """What it is part of."""
        return self.interfaces[0].emulated

    def check_ours(self) -> None:
        """See that interfaces that are there already are those of this one, made by an attempt that nobody knows of.

        Raises:
            BadState: one is not.
        """
        for end in self.interfaces:
            if not end.is_there():
                raise BadState(f"#{end.guid}: {end.device} is taken there: two interfaces of a node need two names")

    def take_away(self, intent: Intent) -> None:
        """Remove both interfaces, if they are there; unless all of the emulation ends."""
        if not self.emulated.releasing:
            gone = (Lines(end.inside, "ip", (f"link delete {end.device}",)) for end in self.interfaces)
            for each in gone:  # one by one: with the first one the other may be gone
                self.emulated.undo(intent, each)

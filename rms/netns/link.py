"""`netns::Link`: a cable between two interfaces."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from engine.core.errors import BadState
from engine.core.states import ResourceState, Step
from engine.rm.base import ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import NeverBegan
from engine.rm.transport import CommandFailed
from rms._patience import until_answered
from rms.netns._batch import Lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.base import Intent
    from rms.netns.emulation import Emulation
    from rms.netns.interface import Interface


class Link(ResourceManager, rtype="netns::Link"):
    """A cable between two interfaces: what one sends, the other one gets."""

    ends = link("netns::Interface", min=2, max=2, after=ResourceState.PROVISIONED)

    @property
    def interfaces(self) -> tuple[Interface, Interface]:
        """Its two ends."""
        one, two = cast("list[Interface]", self.linked("ends"))
        return one, two

    @property
    def emulated(self) -> Emulation:
        """What it is part of."""
        return self.interfaces[0].emulated

    def deploy(self, intent: Intent) -> None:
        """Make both interfaces at once, each in its place."""
        one, two = self.interfaces
        one.check_against(two)
        line = f"link add {one.device} {one.birth()} type veth peer name {two.device} {two.birth()}"
        try:
            self.emulated.change(intent, Lines(None, "ip", (line,)))
        except CommandFailed as error:
            if "File exists" not in error.output:
                raise
            until_answered(intent, self.log, self._check_ours)

    def release(self, intent: Intent) -> None:
        """Take it away, and with it both interfaces; unless all of the emulation ends."""
        if Step.DEPLOY not in self.tokens or self.emulated.releasing:
            return
        one = self.interfaces[0]
        with suppress(BadState):  # its node was never made
            self.emulated.undo(intent, Lines(one.inside, "ip", (f"link delete {one.device}",)))

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Making it again finds it."""
        return NeverBegan()

    def _check_ours(self) -> None:
        for end in self.interfaces:
            if not end.is_there():
                raise BadState(f"#{end.guid}: {end.device} is taken there: two interfaces of a node need two names")

"""`netns::Switch`: what connects several links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.links import link
from engine.rm.outcomes import NeverBegan
from engine.rm.transport import CommandFailed
from rms.netns._batch import Lines
from rms.netns._changing import Changing
from rms.netns._kept import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from rms.netns.emulation import Emulation

_SLOW: Final = "forward_delay 200"  # hundredths of a second: the least that the kernel takes with STP


class Switch(Changing, rtype="netns::Switch"):
    """A learning switch: a bridge of the kernel. Interfaces that are connected to it are its ports.

    With the spanning tree protocol a port passes frames some seconds after it has come up.
    """

    stp: bool = attr(default=False, when="live", help="Whether it speaks the spanning tree protocol.")
    vlan_filtering: bool = attr(default=False, when="live", help="Whether it keeps VLANs apart; not every kernel can.")
    emulation = link("netns::Emulation", min=1, max=1)

    inside: ClassVar[None] = None
    """It is in the emulation itself."""

    @property
    def device(self) -> str:
        """What the kernel calls it."""
        return f"s{self.guid}"

    @property
    def hostname(self) -> str:
        """What traces of its ports are called after."""
        return self.device

    @kept  # who asks is deployed, and from then on no connection is taken back
    def emulated(self) -> Emulation:
        """What it is part of."""
        return cast("Emulation", self.linked("emulation")[0])

    def deploy(self, intent: Intent) -> Waiting[None]:
        """Make it. What has this name already is this one: nobody else makes anything there."""
        filtering = self._filtering(on=True) if self.vlan_filtering else []
        settings = (*self._stp(), *filtering, f"link set {self.device} addrgenmode none up")
        try:
            yield from self.emulated.change(
                intent, self._ip(f"link add {self.device} type bridge mcast_snooping 0", *settings)
            )
        except CommandFailed as error:
            if "File exists" not in error.output:
                raise
            yield from self.emulated.change(intent, self._ip(*settings))  # of what is refused only the first was told

    def release(self, intent: Intent) -> None:
        """Take it away; unless all of the emulation ends."""
        if Step.DEPLOY in self.tokens and not self.emulated.releasing:
            self.emulated.undo(intent, self._ip(f"link delete {self.device}"))

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Making it again finds it."""
        return NeverBegan()

    def change(self, name: str, old: Any, new: Any) -> None:  # noqa: ARG002
        """See `Changing.change`."""
        self.emulated.change_once(self._ip(*(self._stp() if name == "stp" else self._filtering(on=new))))

    def _stp(self) -> list[str]:
        # In this order, since with STP the kernel refuses a delay that is shorter.
        first, second = (_SLOW, "stp_state 1") if self.stp else ("stp_state 0", "forward_delay 0")
        return [f"link set {self.device} type bridge {each}" for each in (first, second)]

    def _filtering(self, *, on: bool) -> list[str]:
        return [f"link set {self.device} type bridge vlan_filtering {int(on)}"]

    def _ip(self, *lines: str) -> Lines:
        return Lines(None, "ip", lines)

"""`netns::Tap` and `netns::Tun`: devices of a node that a program of the user reads and writes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from engine.core.errors import BadState
from engine.core.states import Step
from rms.netns import _tapping
from rms.netns.device import Device

if TYPE_CHECKING:
    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent


class Opened(Device):
    """What both share. A device lasts, whether or not a program has it open; one at a time can."""

    mode: ClassVar[Literal["tap", "tun"]]

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Make it, and set it up."""
        _tapping.make(intent, self, self.mode)
        yield from self.emulated.change(intent, self._ip(*self.described()))
        return (yield from super().deploy(intent))

    def described(self) -> list[str]:
        """What is said of it before it comes up."""
        return [] if self.mtu is None else [f"link set {self.device} mtu {self.mtu}"]

    def release(self, intent: Intent) -> None:
        """End its capture, and take it away; unless all of the emulation ends."""
        super().release(intent)
        if Step.DEPLOY in self.tokens and not self.emulated.releasing:
            with suppress(BadState):  # its node was never made
                self.emulated.undo(intent, self._ip(f"link delete {self.device}"))


class Tap(Opened, rtype="netns::Tap"):
    """A device of a node whose frames a program reads and writes.

    A program of that node opens /dev/net/tun, and has it by its name and IFF_TAP.
    """

    mode = "tap"

    def described(self) -> list[str]:
        """See `Opened.described`."""
        return [f"link set {self.device} address {self.address}", *super().described()]


class Tun(Opened, rtype="netns::Tun"):
    """A device of a node whose IP packets a program reads and writes.

    A program of that node opens /dev/net/tun, and has it by its name and IFF_TUN.
    """

    mode = "tun"

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """See `Opened.deploy`."""
        if self.mac is not None:
            raise BadState(f"#{self.guid} {self.device} has packets and no frames, so no MAC address: take a Tap")
        return super().deploy(intent)

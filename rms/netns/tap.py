"""`netns::Tap` and `netns::Tun`: devices of a node that a program of the user reads and writes."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.transport import CommandFailed
from rms.netns.device import Device

if TYPE_CHECKING:
    from engine.rm.base import Intent


class Opened(Device):
    """What both share. A device lasts, whether or not a program has it open; one at a time can."""

    def deploy(self, intent: Intent) -> dict[str, Any]:
        """Make it, and set it up. One that is there is it, also if a program has opened it already."""
        if self.inside is None:
            raise BadState(f"#{self.guid} {self.device} is at a switch, where no programs run: connect it to a node")
        try:
            self.emulated.change(intent, self._ip(*self.made()))
        except CommandFailed as error:
            if "Device or resource busy" not in error.output:
                raise
        return super().deploy(intent)

    @abstractmethod
    def made(self) -> list[str]:
        """The words that make it."""

    def release(self, intent: Intent) -> None:
        """End its capture, and take it away; unless all of the emulation ends."""
        super().release(intent)
        if Step.DEPLOY in self.tokens and not self.emulated.releasing:
            with suppress(BadState):  # its node was never made
                self.emulated.undo(intent, self._ip(f"link delete {self.device}"))

    def _sized(self) -> list[str]:
        return [] if self.mtu is None else [f"link set {self.device} mtu {self.mtu}"]


class Tap(Opened, rtype="netns::Tap"):
    """A device of a node whose frames a program reads and writes.

    A program of that node opens /dev/net/tun, and has it by its name and IFF_TAP.
    """

    def made(self) -> list[str]:
        """See `Opened.made`."""
        return [
            f"tuntap add dev {self.device} mode tap",
            f"link set {self.device} address {self.address}",
            *self._sized(),
        ]


class Tun(Opened, rtype="netns::Tun"):
    """A device of a node whose IP packets a program reads and writes.

    A program of that node opens /dev/net/tun, and has it by its name and IFF_TUN.
    """

    def made(self) -> list[str]:
        """See `Opened.made`."""
        if self.mac is not None:
            raise BadState(f"#{self.guid} {self.device} has packets and no frames, so no MAC address: take a Tap")
        return [f"tuntap add dev {self.device} mode tun", *self._sized()]

"""`netns::Interface`: where a node, or a switch, is connected to a link or a tunnel."""

from __future__ import annotations

from ipaddress import ip_interface

from engine.core.errors import BadState
from engine.rm.links import link
from rms.netns._batch import Question
from rms.netns.device import Device


class Interface(Device, rtype="netns::Interface"):
    """One end of a link, or of a tunnel: at a node, or a port of a switch."""

    wire = link("netns::Wire", min=1, max=1)

    def birth(self) -> str:
        """How it is described when its link is made: the words after its name."""
        mtu = "" if self.mtu is None else f" mtu {self.mtu}"
        netns = "" if self.inside is None else f" netns {self.inside.file}"
        return f"address {self.address}{mtu}{netns}"

    def is_there(self) -> bool:
        """Whether there is an interface of this name and address: then it is this one."""
        (said,) = self.emulated.ask(Question(self.inside, ("ip", "-o", "link", "show", self.device)))
        return f"link/ether {self.address.lower()} " in said

    def check_against(self, other: Interface) -> None:
        """See that the two ends of a link do not have an address in common.

        Raises:
            BadState: they do.
        """
        mine, theirs = ({ip_interface(text).ip for text in end.addresses} for end in (self, other))
        if mine & theirs:
            twice = ", ".join(sorted(map(str, mine & theirs)))
            raise BadState(
                f"#{self.guid} and #{other.guid}, the two ends of a link, both have {twice}: give each its own"
            )
        if self.address.lower() == other.address.lower():
            raise BadState(
                f"#{self.guid} and #{other.guid}, the two ends of a link, both have the MAC address {self.address}"
            )

"""`netns::Interface`: where a node, or a switch, is connected to a link or a tunnel."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import TYPE_CHECKING, cast

from engine.core.errors import BadState
from engine.rm.attributes import attr
from engine.rm.links import link
from rms.netns._batch import Lines, Question
from rms.netns._kept import kept
from rms.netns.device import Device

if TYPE_CHECKING:
    from rms.netns.node import Node
    from rms.netns.switch import Switch


def _check_vlans(vlans: list[int]) -> None:
    for vlan in vlans:
        if not 1 <= vlan <= 4094:
            raise ValueError(f"a VLAN is a number from 1 to 4094, not {vlan}")


class Interface(Device, rtype="netns::Interface"):
    """One end of a link, or of a tunnel: at a node, or a port of a switch."""

    vlan: int | None = attr(
        default=None, ge=1, le=4094, help="At a switch: VLAN of frames without a tag; by default 1."
    )
    tagged: list[int] = attr(default=[], check=_check_vlans, help="At a switch: VLANs whose frames have a tag here.")

    node = link("netns::Node", max=1, before="provision")
    switch = link("netns::Switch", max=1, before="provision")
    wire = link("netns::Wire", min=1, max=1)

    @kept  # who asks is deployed, and from then on no connection is taken back
    def _owner(self) -> Node | Switch:
        """What it is an interface of.

        Raises:
            BadState: it is connected to none, or to two.
        """
        owners = cast("list[Node | Switch]", [*self.linked("node"), *self.linked("switch")])
        if len(owners) != 1:
            found = "both a node and a switch" if owners else "neither a node nor a switch"
            raise BadState(f"#{self.guid} {self.device} is connected to {found}: connect it to one of them")
        return owners[0]

    def _plugged_in(self) -> list[Lines]:
        """What makes it a port of its switch, if it is at one."""
        owner = self._owner
        if owner.inside is not None:
            if self.vlan is not None or self.tagged:
                raise BadState(f"#{self.guid} {self.device} is at a node, which knows no VLANs; set vlan at a switch")
            return []
        if self.addresses:
            raise BadState(f"#{self.guid} {self.device} is a port of a switch, which has no addresses")
        port = self._ip(f"link set {self.device} master {owner.device} addrgenmode none")
        vlans = [f"vlan add dev {self.device} vid {vlan}" for vlan in self.tagged]
        if self.vlan is not None:
            own = f"vlan add dev {self.device} vid {self.vlan} pvid untagged"
            vlans += [f"vlan delete dev {self.device} vid 1", own]
        return [port, Lines(None, "bridge", tuple(vlans))] if vlans else [port]

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

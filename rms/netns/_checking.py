"""What cannot be, of all that is described of an emulation: looked for before any of it is made."""

from __future__ import annotations

from collections import defaultdict
from ipaddress import ip_interface
from typing import TYPE_CHECKING, cast

from engine.core.errors import BadState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.rm.base import Port
    from rms.netns.device import Device
    from rms.netns.node import Node
    from rms.netns.switch import Switch


def check(port: Port, emulation: int) -> None:
    """See that no two interfaces of a node have one name, and no two that hear each other have one address.

    Args:
        port: knows what is connected to what.
        emulation: the number of the emulation.

    Raises:
        BadState: they do; the message names them.
    """
    owners: dict[str, list[Device]] = defaultdict(list)
    for node in cast("list[Node]", port.linked(emulation, "netns::Node")):
        names: dict[str, Device] = {}
        for each in cast("list[Device]", port.linked(node.guid, "netns::Device")):
            other = names.setdefault(each.device, each)
            if other is not each:
                raise BadState(
                    f"#{other.guid} and #{each.guid} of node {node.hostname} are both called {each.device}: give each "
                    f"a name of its own"
                )
            for address in {str(ip_interface(text).ip) for text in each.addresses} | {each.address.lower()}:
                owners[address].append(each)
    for address, having in owners.items():
        _check_apart(port, address, having)


def _check_apart(port: Port, address: str, having: list[Device]) -> None:
    """One address in two places is nothing wrong, unless they hear each other."""
    for number, one in enumerate(having[:-1], 1):
        heard = _heard(port, one.guid)
        for other in having[number:]:
            if other.guid in heard:
                raise BadState(
                    f"#{one.guid} {one.device} and #{other.guid} {other.device}, which hear each other, both have "
                    f"{address}: give each its own"
                )


def _heard(port: Port, guid: int) -> set[int]:
    """Those interfaces that frames of this one come to by links and switches. One with VLANs keeps some from others."""
    heard, ahead = {guid}, [guid]
    while ahead:
        new = set(_next(port, ahead.pop())) - heard
        heard |= new
        ahead += new
    return heard


def _next(port: Port, guid: int) -> Iterator[int]:
    switches = cast("list[Switch]", port.linked(guid, "netns::Switch"))
    passing = [each.guid for each in switches if not each.vlan_filtering]
    for connecting in (*passing, *(each.guid for each in port.linked(guid, "netns::Wire"))):
        yield from (each.guid for each in port.linked(connecting, "netns::Device"))

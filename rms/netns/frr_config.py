"""What FRR is told: attributes as lines of its configuration."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rms.netns.frr import Frr

_INTERFACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_AS: Final = 2**32 - 1
_COST: Final = 65535
_SOURCES: Final = ("babel", "bgp", "connected", "eigrp", "isis", "kernel", "ospf", "rip", "static")


def check_interfaces(names: Iterable[str]) -> None:
    """Refuse what is no name of an interface."""
    for name in names:
        if not _INTERFACE.fullmatch(name):
            raise ValueError(f"{name!r} is no name of an interface, such as 'eth0'")


def check_areas(areas: Mapping[str, str]) -> None:
    """Refuse what is no area of OSPF."""
    check_interfaces(areas)
    for area in areas.values():
        try:
            IPv4Address(int(area) if area.isdecimal() else area)
        except ValueError:
            raise ValueError(f"{area!r} is no area of OSPF: write it as '0' or '0.0.0.0'") from None


def check_costs(costs: Mapping[str, int]) -> None:
    """Refuse what is no cost of OSPF."""
    check_interfaces(costs)
    for name, cost in costs.items():
        if not 1 <= cost <= _COST:
            raise ValueError(f"{name}: a cost is a number from 1 to {_COST}, not {cost}")


def check_router_id(text: str) -> None:
    """Refuse what is not written as an IPv4 address."""
    IPv4Address(text)


def check_neighbours(neighbours: Mapping[str, int]) -> None:
    """Refuse what is no neighbour of BGP."""
    for address, asn in neighbours.items():
        ip_address(address)
        if not 1 <= asn <= _AS:
            raise ValueError(f"{address}: the number of an AS is from 1 to {_AS}, not {asn}")


def check_networks(networks: Iterable[str]) -> None:
    """Refuse what is no network."""
    for network in networks:
        ip_network(network)


def check_sources(sources: Iterable[str]) -> None:
    """Refuse what routes do not come from."""
    for source in sources:
        if source not in _SOURCES:
            raise ValueError(f"no routes come from {source!r}; there are {', '.join(_SOURCES)}")


def text(router: Frr, hostname: str) -> str:
    """The whole configuration; the user's own part comes last, so that it has the last word."""
    lines = [f"hostname {hostname}", *_interfaces(router), *_ospf(router), *_bgp(router)]
    return "\n".join([*lines, router.config or "", ""])


def _interfaces(router: Frr) -> list[str]:
    lines: list[str] = []
    for name, area in router.ospf_areas.items():
        lines += [f"interface {name}", f" ip ospf area {area}", f" ip ospf network {router.ospf_network}"]
        lines += [f" ip ospf cost {router.ospf_costs[name]}"] if name in router.ospf_costs else []
        lines += [" ip ospf passive"] if name in router.ospf_passive else []
        lines += _value(" ip ospf hello-interval", router.ospf_hello)
        lines += _value(" ip ospf dead-interval", router.ospf_dead)
        lines.append("exit")
    return lines


def _ospf(router: Frr) -> list[str]:
    if not router.ospf_areas:
        return []
    lines = ["router ospf", *_value(" ospf router-id", router.router_id)]
    if router.ospf_lsa_interval is not None:
        milliseconds = round(router.ospf_lsa_interval * 1000)
        lines += [f" timers throttle lsa all {milliseconds}", f" timers lsa min-arrival {milliseconds}"]
    return [*lines, *_shared(router.ospf_redistribute), "exit"]


def _bgp(router: Frr) -> list[str]:
    if router.bgp_as is None:
        return []
    lines = [f"router bgp {router.bgp_as}", *_value(" bgp router-id", router.router_id)]
    lines.append(" no bgp ebgp-requires-policy")  # else nothing is told to another AS until that has been allowed
    lines.append(" no bgp default ipv4-unicast")
    if router.bgp_keepalive is not None and router.bgp_hold is not None:
        lines.append(f" timers bgp {router.bgp_keepalive} {router.bgp_hold}")
    lines += [f" neighbor {address} remote-as {asn}" for address, asn in router.bgp_neighbours.items()]
    for version in (4, 6):
        lines += _family(router, version)
    return [*lines, "exit"]


def _family(router: Frr, version: int) -> list[str]:
    """What is told of one version of IP: to neighbours that are reached by it."""
    active = [address for address in router.bgp_neighbours if ip_address(address).version == version]
    networks = [network for network in router.bgp_networks if ip_network(network).version == version]
    told = [f"  network {network}" for network in networks]
    told += [f" {line}" for line in _shared(router.bgp_redistribute)] if active else []
    if not active and not told:
        return []
    begun = [f" address-family ipv{version} unicast", *(f"  neighbor {address} activate" for address in active)]
    return [*begun, *told, " exit-address-family"]


def _shared(sources: Iterable[str]) -> list[str]:
    return [f" redistribute {source}" for source in sources]


def _value(words: str, value: object) -> list[str]:
    return [] if value is None else [f"{words} {value}"]

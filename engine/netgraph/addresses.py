"""Addresses for the two ends of each edge: one small subnet an edge."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFAULTS: Final = {4: ("10.0.0.0", 8), 6: ("fd00::", 64)}
"""By version, from where subnets are taken: private (RFC 1918) and unique local (RFC 4193) addresses."""

_SIZES: Final = {4: (30, 31), 6: (126, 127)}
"""By version, the prefixes of a subnet with two hosts. The longer ones (RFC 3021, RFC 6164) leave no address over, but
not every system takes them; so the first of each pair is the default."""

_Network = IPv4Network | IPv6Network


class P2PInfo(NamedTuple):
    """The addresses of an edge.

    Attributes:
        ip1: the address of the node that was named first,
        ip2: and of the other one.
        mask: the subnet's mask, such as 255.255.255.252.
        network: the subnet's own address.
        prefix: the length of the subnet's prefix, in bits.
    """

    ip1: str
    ip2: str
    mask: str
    network: str
    prefix: int


def split(
    network: str | None, prefix: int | None, version: int | None, p2p_prefix: int | None, needed: int
) -> Iterator[P2PInfo]:
    """Consecutive subnets of a network, from its beginning.

    Args:
        network: the address of the network that they are taken from; None for 10.0.0.0 or fd00::.
        prefix: the length of its prefix; None for 8 or 64.
        version: of IP, 4 or 6; None for that of `network`, or 4.
        p2p_prefix: the length of each subnet's prefix, 30 or 31, or 126 or 127; None for the shorter one.
        needed: how many.

    Raises:
        UsageError: there is no such network, or not as many subnets in it. Said before the first is taken.
    """
    base = _base(network, prefix, version)
    size = _size(p2p_prefix, base.version)
    available = 2 ** (size - base.prefixlen) if size >= base.prefixlen else 0
    if available < needed:
        raise UsageError(
            f"{base} is too small: subnets of /{size} in it: {available}, needed, one for each edge: {needed}; "
            f"take a network of /{size - (needed - 1).bit_length()} or larger"
        )
    subnets: Iterator[_Network] = base.subnets(new_prefix=size)
    return (_info(subnet) for subnet in islice(subnets, needed))


def _base(network: str | None, prefix: int | None, version: int | None) -> _Network:
    family = 6 if ":" in str(network) else 4
    if version is None:
        version = family
    if version not in _DEFAULTS:
        raise UsageError(f"version={version!r}: there is no such version of IP here; give 4 or 6")
    if network is not None and version != family:
        raise UsageError(f"network={network!r} is no IPv{version}, but version={version}; leave one of them out")
    default_network, default_prefix = _DEFAULTS[version]
    return _read(default_network if network is None else network, default_prefix if prefix is None else prefix)


def _read(network: str, prefix: int) -> _Network:
    try:
        return ip_network(f"{network}/{prefix}")
    except ValueError as error:
        right = 'write network="10.0.0.0", prefix=8, or network="fd00::", prefix=64'
        raise UsageError(f"network={network!r}, prefix={prefix!r}: {error}; {right}") from None


def _size(p2p_prefix: int | None, version: int) -> int:
    sizes = _SIZES[version]
    if p2p_prefix is None:
        return sizes[0]
    if p2p_prefix not in sizes:
        raise UsageError(f"p2p_prefix={p2p_prefix!r}: for IPv{version} give {sizes[0]} or {sizes[1]}")
    return p2p_prefix


def _info(subnet: _Network) -> P2PInfo:
    ip1, ip2 = islice(subnet.hosts(), 2)
    return P2PInfo(str(ip1), str(ip2), str(subnet.netmask), str(subnet.network_address), subnet.prefixlen)


def checked_address(ip: Any, where: str) -> str:
    """An address as it is usually written.

    Raises:
        UsageError: it is none.
    """
    try:
        return str(ip_address(str(ip)))
    except ValueError:
        raise UsageError(f'{where}: {ip!r} is no IP address; write it as "10.0.0.1" or "fd00::1"') from None


def checked_info(given: P2PInfo, where: str) -> P2PInfo:
    """The addresses of an edge as they are usually written.

    Raises:
        UsageError: they are none, or do not lie in the subnet, or its mask is another.
    """
    try:
        subnet = ip_network(f"{given.network}/{given.prefix}")
    except ValueError as error:
        raise UsageError(f'{where}: {error}; write the subnet as network="10.0.0.0", prefix=30') from None
    ip1, ip2, mask = (checked_address(ip, where) for ip in given[:3])
    for ip in (ip1, ip2):
        if ip_address(ip) not in subnet:
            raise UsageError(f"{where}: {ip} is not in {subnet}; its addresses go from {subnet[0]} to {subnet[-1]}")
    if ip1 == ip2:
        raise UsageError(f"{where}: both ends have the address {ip1}; give each its own")
    if mask != str(subnet.netmask):
        raise UsageError(f"{where}: the mask of {subnet} is {subnet.netmask}, not {mask}")
    return P2PInfo(ip1, ip2, mask, str(subnet.network_address), subnet.prefixlen)

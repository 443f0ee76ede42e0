"""`netns::Tunnel`: two interfaces whose frames are carried over another network."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING, Any, Final, cast

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed
from rms._patience import until_answered
from rms.netns import _tapping, _wireguard
from rms.netns._batch import Lines
from rms.netns._carrying import Carrier
from rms.netns._kept import kept
from rms.netns.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from rms.netns._batch import Place
    from rms.netns.device import Device
    from rms.netns.interface import Interface

_MTU: Final = 1400  # bytes: what is around a frame fits into one packet of the usual size, whatever it is
_VXLAN_PORT: Final = 4789  # RFC 7348
_FIRST_PORT: Final = 20_000
_ENDED: Final = "a process that carried its frames has ended: none arrives any more"
_NOT_KNOWN: Final = ("Unknown device type", "Operation not supported", "Not supported")


def _check_between(between: list[str]) -> None:
    if len({ip_address(each) for each in between}) != 2:
        raise ValueError(f"a tunnel is between two addresses, one of each node, not {between}")
    if len({ip_address(each).version for each in between}) != 1:
        raise ValueError(f"of {between} one is IPv4 and one is IPv6: a tunnel goes by one of them")


class Tunnel(Wire, rtype="netns::Tunnel"):
    """What connects two interfaces of nodes that reach each other by IP already: a network on top of a network.

    That in UDP is carried by a process at each end, and can be had everywhere; the others are the kernel's.
    """

    kind: str = attr(
        default="udp",
        choices=("udp", "vxlan", "gre", "wireguard"),
        help="How: frames in UDP by a process, in VXLAN or GRE by the kernel; or IP packets, by its WireGuard.",
    )
    between: list[str] = attr(check=_check_between, help="The two addresses that it goes between, one of each node.")
    number: int | None = attr(
        default=None, ge=1, le=2**24 - 1, help="VNI of VXLAN, key of GRE; by default the number of the resource."
    )
    port: int | None = attr(
        default=None, ge=1, le=65535, help="Port at both ends; by default 4789 for VXLAN, else one made of its number."
    )

    def birth(self, end: Interface) -> Lines:
        """What makes one end of it, if it is the kernel's, or what is said of one that is there."""
        own, other = self._way(end)
        way, number, mtu = f"local {own} remote {other}", self.number or self.guid, f"mtu {end.mtu or _MTU}"
        addressed = f"{end.device} address {end.address} {mtu}"
        lines = {
            "udp": f"link set {addressed}",
            "vxlan": f"link add {addressed} type vxlan id {number} {way} dstport {self._port}",
            "gre": f"link add {addressed} type {'ip6gretap' if ':' in own else 'gretap'} {way} key {number}",
            "wireguard": f"link add {end.device} {mtu} type wireguard",
        }
        return Lines(end.inside, "ip", (lines[self.kind],))

    @property
    def _port(self) -> int:
        made = _VXLAN_PORT if self.kind == "vxlan" else _FIRST_PORT + self.guid % _FIRST_PORT
        return self.port or made

    def _way(self, end: Interface) -> tuple[str, str]:
        """The address of the node of an end, and that of the other one's."""
        return self._ways[end.guid]

    @kept  # who asks is deployed, and from then on no connection is taken back
    def _ways(self) -> dict[int, tuple[str, str]]:
        """By the addresses that both nodes have; where these are not described, by the order of the ends.

        Raises:
            BadState: an end is at a switch.
        """
        one, two = self.interfaces
        for end in (one, two):
            if end.inside is None:
                raise BadState(f"#{end.guid} {end.device} is at a switch; a tunnel is between nodes")
        first, second = self.between
        if ip_address(first) in self._addresses(two) or ip_address(second) in self._addresses(one):
            first, second = second, first
        return {one.guid: (first, second), two.guid: (second, first)}

    def _addresses(self, end: Interface) -> set[Any]:
        """Those of the node of an end."""
        devices = cast("list[Device]", self._bound.port.linked(end.linked("node")[0].guid, "netns::Device"))
        return {ip_interface(text).ip for each in devices for text in each.addresses}

    # --- hooks --------------------------------------------------------------------------------------------------

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Make both interfaces, and what carries their frames.

        Raises:
            BadState: the kernel has no such tunnels, or somebody else has the port.
        """
        one, two = self.interfaces
        one.check_against(two)
        births = [self.birth(end) for end in self.interfaces]
        if self.kind == "udp":
            for end in self.interfaces:
                _tapping.make(intent, end, "tap")
        yield from self._make(intent, births)
        if self.kind == "wireguard":
            ends = [(cast("Place", end.inside), end.device, self._way(end)[1]) for end in self.interfaces]
            until_answered(intent, self.log, _wireguard.set_up, self.emulated, ends, self._port)
        for carrier, end in self._carriers():
            own, other = self._way(end)
            carrier.start(intent, cast("Place", end.inside), end.device, own, str(self._port), other)
        return {}

    def _make(self, intent: Intent, births: Sequence[Lines]) -> Waiting[None]:
        try:
            yield from self.emulated.change(intent, *births)
        except CommandFailed as error:
            if any(why in error.output for why in _NOT_KNOWN):
                host, why = self.emulated.host.hostname, error.output.strip()
                raise BadState(f"the kernel of {host} has no {self.kind}: {why} Take kind='udp'.") from error
            if "File exists" not in error.output:
                raise
            until_answered(intent, self.log, self.check_ours)

    def start(self, intent: Intent) -> dict[str, Any]:
        """Have the ends of its processes told, if it has some."""
        for carrier, _ in self._carriers():
            until_answered(intent, self.log, carrier.watch, partial(self._tell, intent.token))
        return {"watched": self.kind == "udp"}

    def release(self, intent: Intent) -> None:
        """Take it away, and with it both interfaces; unless all of the emulation ends."""
        if Step.DEPLOY not in self.tokens:
            return
        with suppress(BadState):  # its nodes were never made
            for carrier, _ in self._carriers():
                carrier.stop(intent)
            self.take_away(intent)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Making it again finds it. Its processes are asked for."""
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        for carrier, _ in self._carriers():
            if not carrier.runs():
                return Gone(_ENDED)
            carrier.watch(partial(self._tell, intent.token))
        return Alive()

    def check_ours(self) -> None:
        """See `Wire.check_ours`. Devices of WireGuard have no address to be known by."""
        if self.kind != "wireguard":
            super().check_ours()

    def _carriers(self) -> list[tuple[Carrier, Interface]]:
        if self.kind != "udp":
            return []
        return [(Carrier(self.emulated, self.guid, end.guid), end) for end in self.interfaces]

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if Step.RELEASE not in self.tokens:
            code = outcome.code if isinstance(outcome, Ended) else None
            self.failed(_ENDED, code, token=token)

"""What interfaces of links, taps and tunnels share: a device of the kernel, with a name, addresses, captures."""

from __future__ import annotations

import re
from functools import partial
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final, cast

from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.links import link
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.traces import Trace
from rms._fetch import fetch
from rms._patience import until_answered
from rms.netns._batch import Lines
from rms.netns._capturing import Capture
from rms.netns._changing import Changing
from rms.netns._kept import kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from engine.rm.transport import Transport
    from rms.netns._batch import Place
    from rms.netns.emulation import Emulation
    from rms.netns.node import Node
    from rms.netns.switch import Switch

_CAPTURED: Final = "its capture has ended by itself; packets from then on are not in it"
_MTU: Final = 1500
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")  # the kernel takes 15 bytes (IFNAMSIZ - 1)
_MAC: Final = re.compile(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}")  # not of a group


def _check_name(name: str) -> None:
    if name and not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of an interface: 1 to 15 letters, digits, '_', '.' and '-'")


def _check_mac(mac: str) -> None:
    if not _MAC.fullmatch(mac) or int(mac.replace(":", ""), 16) == 0:
        raise ValueError(f"{mac!r} is no MAC address of one interface; write it as '02:00:00:00:00:01'")


def _check_addresses(addresses: list[str]) -> None:
    for text in addresses:
        if "/" not in text:
            raise ValueError(f"{text!r} has no length of a prefix; write it as '10.0.0.1/24' or 'fd00::1/64'")
        ip_interface(text)
    if len({ip_interface(text).ip for text in addresses}) < len(addresses):
        raise ValueError("it has an address twice")


class Device(Changing, rtype="netns::Device"):
    """A network device of a node. It is no type by itself."""

    endless = True
    name: str = attr(default="", check=_check_name, help="What it is called there; by default eth and its number.")
    mac: str | None = attr(default=None, check=_check_mac, help="MAC address; by default one made from its number.")
    mtu: int | None = attr(
        default=None, ge=68, le=65535, when="live", help="Bytes that a frame may carry; by default 1500."
    )
    addresses: list[str] = attr(
        default=[], check=_check_addresses, when="live", help="IPv4 and IPv6 addresses, each with its prefix."
    )
    up: bool = attr(default=True, when="live", help="Whether it is up; going down it loses its routes.")

    node = link("netns::Node", min=1, max=1, before="provision")
    traces = (*Changing.traces, Trace("pcap", "All packets, as tcpdump has them; enable it first.", enabled=False))

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def device(self) -> str:
        """What the kernel calls it."""
        return self.name or f"eth{self.guid}"

    @property
    def address(self) -> str:
        """Its MAC address. One that is made is the same in each run."""
        return self.mac or ":".join(f"{byte:02x}" for byte in (2, *self.guid.to_bytes(5, "big")))

    @property
    def emulated(self) -> Emulation:
        """What it is part of."""
        return self._owner.emulated

    @property
    def inside(self) -> Place | None:
        """Where it is: in a node; None is the emulation itself, where switches are."""
        return self._owner.inside

    @kept  # who asks is deployed, and from then on no connection is taken back
    def _owner(self) -> Node | Switch:
        """What it is a device of."""
        return cast("Node", self.linked("node")[0])

    # --- hooks --------------------------------------------------------------------------------------------------

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Set it up; it is there."""
        yield from self.emulated.change(intent, *self._plugged_in(), self._ip(*self._brought_up()))
        captured = self.trace_enabled("pcap")
        if captured:
            self._capture.start(intent, self.inside, self.device, self._file)
        return {"captured": captured, "held": self.held()}

    def start(self, intent: Intent) -> dict[str, Any]:
        """Have the end of its capture told, if there is one."""
        if self._is_captured:
            until_answered(intent, self.log, self._capture.watch, partial(self._tell, intent.token))
        return {"watched": self._is_captured}

    def stop(self, intent: Intent) -> None:
        """End its capture, if there is one: then the trace is complete. The interface stays."""
        if self._is_captured:
            self._capture.stop(intent)

    def release(self, intent: Intent) -> None:
        """The same, if it was never started. A capture on another host is fetched: nobody asks that any more."""
        if Step.DEPLOY not in self.tokens:
            return
        self.stop(intent)
        is_far = self._is_captured and not self.emulated.host.is_local and not self.hard_release
        if is_far and until_answered(intent, self.log, self.trace_size, "pcap") is not None:
            fetch(intent, self, "pcap", self.run_dir / f"{self.guid}.{self._file}")

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Setting it up can be done again at any time. Its capture is asked for."""
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        if self._is_captured:
            if not self._capture.runs():
                return Gone(_CAPTURED)
            self._capture.watch(partial(self._tell, intent.token))
        self.catch_up()
        return Alive()

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if Step.STOP not in self.tokens and Step.RELEASE not in self.tokens:
            self.failed(_CAPTURED, outcome.code if isinstance(outcome, Ended) else None, token=token)

    @property
    def _is_captured(self) -> bool:
        """Whether it has a capture, as it was when it was deployed."""
        told = self.receipts.get(Step.DEPLOY)
        return self.trace_enabled("pcap") if told is None else bool(told["captured"])

    @property
    def _capture(self) -> Capture:
        return Capture(self.emulated, self.guid)

    @property
    def _file(self) -> str:
        """What its capture is called."""
        return f"{self._owner.hostname}-{self.device}.pcap"

    @property
    def transport(self) -> Transport:
        """The way to the host that its captures are on."""
        return self.emulated.transport

    # --- traces -------------------------------------------------------------------------------------------------

    def trace_path(self, name: str) -> str | None:
        """Where a trace is: that of packets on the host."""
        if name == "pcap" and Step.DEPLOY in self.tokens and self._is_captured:
            return self._capture.path(self._file)
        return super().trace_path(name)

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        if name != "pcap":
            return super().read_trace(name, offset, size)
        path = self.trace_path(name)
        return None if path is None else self.emulated.transport.read(path, offset, size)

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        if name != "pcap":
            return super().trace_size(name)
        path = self.trace_path(name)
        return None if path is None else self.emulated.transport.size(path)

    # --- how it is done -----------------------------------------------------------------------------------------

    def change(self, name: str, old: Any, new: Any) -> None:
        """See `Changing.change`."""
        self.emulated.change_once(self._ip(*self._changed(name, old, new)))

    def _plugged_in(self) -> list[Lines]:
        """What is done before it comes up."""
        return []

    def _brought_up(self) -> list[str]:
        if not self.up:
            return [f"link set {self.device} down"]
        return [f"link set {self.device} up", *self._addressed(self.addresses)]

    def _addressed(self, addresses: Iterable[str]) -> list[str]:
        # Nobody else on the link has it: there is no reason to wait until that has been asked.
        how = {4: "brd +", 6: "nodad"}
        return [f"address replace {each} dev {self.device} {how[ip_interface(each).version]}" for each in addresses]

    def _changed(self, name: str, old: Any, new: Any) -> list[str]:
        if name == "mtu":
            return [f"link set {self.device} mtu {new or _MTU}"]
        if name == "addresses":
            kept = {ip_interface(each) for each in new}
            gone = [each for each in old if ip_interface(each) not in kept]
            return [*(f"address delete {each} dev {self.device}" for each in gone), *self._addressed(new)]
        return self._brought_up()  # one that was down has lost its IPv6 addresses

    def _ip(self, *lines: str) -> Lines:
        return Lines(self.inside, "ip", lines)

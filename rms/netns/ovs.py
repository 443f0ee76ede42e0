"""`netns::OvsSwitch` and `netns::OvsPort`: Open vSwitch in an emulation."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any, Final, cast

from engine.core.errors import BadState
from engine.core.states import ResourceState, Step
from engine.rm.attributes import attr
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.traces import Trace
from engine.rm.transport import CommandFailed
from rms._patience import until_answered
from rms.netns.interface import Interface
from rms.netns.ovs_daemons import Daemons
from rms.netns.switch import Switch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from rms.netns._batch import Lines

_ENDED: Final = "Open vSwitch has ended: no frame is passed on any more"
_LEARN: Final = "priority=0 actions=NORMAL"
_CONTROLLER: Final = re.compile(r"(tcp|ssl|unix|ptcp|pssl|punix):\S+")


def _check_controllers(targets: list[str]) -> None:
    for target in targets:
        if not _CONTROLLER.fullmatch(target):
            raise ValueError(f"{target!r} is no controller: write it as 'tcp:10.0.0.1:6653' or 'ptcp:6653'")


def _check_flows(flows: list[str]) -> None:
    for flow in flows:
        if "actions=" not in flow or "\n" in flow:
            raise ValueError(f"{flow!r} is no flow: write it as 'in_port=1 actions=output:2', one in each text")


def _check_addresses(addresses: list[str]) -> None:
    for text in addresses:
        ip_interface(text)


class OvsSwitch(Switch, rtype="netns::OvsSwitch"):
    """A switch of Open vSwitch, with VLANs and OpenFlow. Its ports are of the type OvsPort.

    All of an emulation share one Open vSwitch of their own, which ends with the emulation. Frames are passed on by the
    kernel, if it has the module for that, else by a process.
    """

    endless = True
    vlan_filtering: bool = attr(default=True, choices=(True,), help="It always keeps VLANs apart.")
    flows: list[str] = attr(
        default=[],
        check=_check_flows,
        when="live",
        help="OpenFlow rules, as ovs-ofctl has them, in place of those of a learning switch; from START on.",
    )
    controllers: list[str] = attr(
        default=[], check=_check_controllers, when="live", help="OpenFlow controllers, as 'tcp:10.0.0.1:6653'."
    )
    fail_mode: str = attr(
        default="standalone",
        choices=("standalone", "secure"),
        when="live",
        help="While no controller answers: it learns as if there were none, or keeps to its rules.",
    )
    addresses: list[str] = attr(
        default=[], check=_check_addresses, help="Its own addresses, by which controllers in nodes are reached."
    )
    datapath: str | None = attr(
        default=None, choices=("system", "netdev"), help="The kernel, or a process; by default what there is."
    )
    traces = (*Switch.traces, Trace("rules", "All OpenFlow rules with their counters: now, or when it was stopped."))

    # --- hooks --------------------------------------------------------------------------------------------------

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:  # type: ignore[override]  # a bridge has no receipt
        """Make it. One that is there is this one."""
        self._check_ports()
        there = self._daemons.start(intent)
        if self.datapath == "system" != there:
            raise BadState("the kernel has no Open vSwitch (module openvswitch): leave datapath out, or say netdev")
        kind = f"datapath_type={self.datapath or there}"
        made = ("--may-exist", "add-br", self.device, "--", "set", "bridge", self.device, kind)
        until_answered(intent, self.log, self._daemons.configure, *made)
        until_answered(intent, self.log, self._configure)
        if self.addresses:
            own = (f"address replace {each} dev {self.device}" for each in self.addresses)
            yield from self.emulated.change(intent, self._ip(f"link set {self.device} addrgenmode none up", *own))
        return {"held": self.held()}

    def start(self, intent: Intent) -> dict[str, Any]:
        """Give it its rules, now that its ports are there, and have the end of Open vSwitch told."""
        if self.flows:
            until_answered(intent, self.log, self._daemons.rule, self.device, self.flows)
        until_answered(intent, self.log, self._daemons.watch, partial(self._tell, intent.token))
        return {"watched": True}

    def stop(self, intent: Intent) -> None:
        """Note its rules. It goes on until it is released."""
        try:
            rules = until_answered(intent, self.log, self._daemons.rules, self.device)
        except CommandFailed as error:  # it has ended, or was never made
            self.log.debug("nothing is noted", error=str(error))
        else:
            self._rules.write_text(rules)

    def release(self, intent: Intent) -> None:
        """Take it away; unless all of the emulation ends."""
        if Step.DEPLOY in self.tokens and not self.emulated.releasing:
            with suppress(CommandFailed):  # Open vSwitch has ended
                until_answered(intent, self.log, self._daemons.configure, "--if-exists", "del-br", self.device)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:  # type: ignore[override]  # a bridge has no process
        """Making it again finds it, and so do its rules. Open vSwitch is asked for."""
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        if not isinstance(self._daemons.probe(), Alive):
            return Gone(_ENDED)
        self.catch_up()
        self._daemons.watch(partial(self._tell, intent.token))
        return Alive()

    def change(self, name: str, old: Any, new: Any) -> None:  # noqa: ARG002
        """See `Changing.change`."""
        if name == "flows":
            self._daemons.rule(self.device, new or [_LEARN])
        else:
            self._configure()

    # --- for its ports ------------------------------------------------------------------------------------------

    def plug(self, intent: Intent, port: OvsPort) -> None:
        """Make an interface a port, which is there."""
        words = ["--may-exist", "add-port", self.device, port.device, "--", "set", "port", port.device, *port.vlans()]
        if port.number is not None:
            words += ["--", "set", "interface", port.device, f"ofport_request={port.number}"]
        until_answered(intent, self.log, self._daemons.configure, *words)

    def unplug(self, intent: Intent, port: OvsPort) -> None:
        """Forget a port."""
        words = ("--if-exists", "del-port", self.device, port.device)
        with suppress(CommandFailed):  # Open vSwitch has ended
            until_answered(intent, self.log, self._daemons.configure, *words)

    # --- traces -------------------------------------------------------------------------------------------------

    def trace_path(self, name: str) -> str | None:
        """Where a trace is, on the controller's machine."""
        if name != "rules":
            return super().trace_path(name)
        return str(self._rules) if self._rules.exists() else None

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        if name != "rules":
            return super().read_trace(name, offset, size)
        content: bytes | None = None
        if self.state is ResourceState.STARTED:
            content = self._daemons.rules(self.device).encode()
        elif self._rules.exists():
            content = self._rules.read_bytes()
        return None if content is None else content[offset : None if size is None else offset + size]

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        if name != "rules":
            return super().trace_size(name)
        content = self.read_trace(name)
        return None if content is None else len(content)

    @property
    def _rules(self) -> Path:
        return self.run_dir / f"rules-{self.guid}.txt"

    # --- how it is done -----------------------------------------------------------------------------------------

    @property
    def _daemons(self) -> Daemons:
        return Daemons(self.emulated)

    def _configure(self) -> None:
        """What can be set while it is in use, but for its rules."""
        stp = f"stp_enable={str(self.stp).lower()}"
        mode = ("set-fail-mode", self.device, self.fail_mode)
        controllers = ("set-controller", self.device, *self.controllers)
        asked = controllers if self.controllers else ("del-controller", self.device)
        self._daemons.configure("set", "bridge", self.device, stp, "--", *mode, "--", *asked)

    def _check_ports(self) -> None:
        """Refuse what is connected to it and is no port of Open vSwitch."""
        for each in self._bound.port.linked(self.guid, "netns::Device"):
            if not isinstance(each, OvsPort):
                raise BadState(f"#{each.guid} is a {each.rtype}; what is connected to an OvsSwitch is an OvsPort")

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if Step.RELEASE not in self.tokens:
            self.failed(_ENDED, outcome.code if isinstance(outcome, Ended) else None, token=token)


class OvsPort(Interface, rtype="netns::OvsPort"):
    """A port of an OvsSwitch, and an end of a link. Without `vlan` and `tagged` it passes frames of all VLANs."""

    number: int | None = attr(default=None, ge=1, le=65279, help="By which OpenFlow knows it; by default the next one.")

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Make it a port, and set it up; its link has made it."""
        if not isinstance(self._owner, OvsSwitch):
            raise BadState(f"#{self.guid} {self.device} is a port of Open vSwitch: connect it to an OvsSwitch")
        receipt = yield from super().deploy(intent)
        self._owner.plug(intent, self)
        return receipt

    def release(self, intent: Intent) -> None:
        """End its capture, and have its switch forget it; unless all of the emulation ends."""
        super().release(intent)
        if Step.DEPLOY in self.tokens and not self.emulated.releasing:
            cast("OvsSwitch", self._owner).unplug(intent, self)

    def vlans(self) -> list[str]:
        """What Open vSwitch is told of its VLANs."""
        tag = "[]" if self.vlan is None else str(self.vlan)
        trunks = ",".join(map(str, self.tagged))
        mode = "[]" if self.vlan is None and not self.tagged else "access" if not self.tagged else "trunk"
        if self.vlan is not None and self.tagged:
            mode = "native-untagged"
        return [f"tag={tag}", f"trunks=[{trunks}]", f"vlan_mode={mode}"]

    def _plugged_in(self) -> list[Lines]:
        if self.addresses:
            raise BadState(f"#{self.guid} {self.device} is a port of a switch, which has no addresses")
        return [self._ip(f"link set {self.device} addrgenmode none")]

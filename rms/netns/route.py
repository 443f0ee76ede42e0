"""`netns::Route`: by which way a node reaches others."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, cast

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.links import link
from engine.rm.outcomes import NeverBegan
from rms.netns._batch import Lines
from rms.netns._changing import Changing
from rms.netns._kept import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from rms.netns.device import Device


def _check_destination(given: str | list[str]) -> None:
    for text in _listed(given):
        if text != "default":
            ip_network(text)


def _listed(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given


def _check_gateway(text: str) -> None:
    ip_address(text)


class Route(Changing, rtype="netns::Route"):
    """A route of a node, or several that lead to one router, through one of its interfaces."""

    destination: str | list[str] = attr(
        default="default", check=_check_destination, help="Network, as 10.2.0.0/16, or several of them; or default."
    )
    via: str | None = attr(
        default=None, check=_check_gateway, when="live", help="Address of the router; by default all are on the link."
    )
    metric: int | None = attr(default=None, ge=1, le=2**32 - 1, help="Of two to one network, the lower one is taken.")
    interface = link("netns::Device", min=1, max=1)

    def deploy(self, intent: Intent) -> Waiting[None]:
        """Enter it, in place of one to the same network with the same metric."""
        yield from self._device.emulated.change(intent, self._ip("replace", self.via))

    def release(self, intent: Intent) -> None:
        """Take it out; unless all of the emulation ends."""
        if Step.DEPLOY in self.tokens and not self._device.emulated.releasing:
            with suppress(BadState):  # its node was never made
                self._device.emulated.undo(intent, self._ip("delete", self.via))

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Entering it can be done again at any time."""
        return NeverBegan()

    def change(self, name: str, old: Any, new: Any) -> None:  # noqa: ARG002
        """See `Changing.change`."""
        self._device.emulated.change_once(self._ip("replace", new))

    @kept  # who asks is deployed, and from then on no connection is taken back
    def _device(self) -> Device:
        return cast("Device", self.linked("interface")[0])

    def _ip(self, verb: str, via: str | None) -> Lines:
        through = "" if via is None else f" via {via}"
        metric = "" if self.metric is None else f" metric {self.metric}"
        how = f"{through} dev {self._device.device}{metric}"
        return Lines(
            self._device.inside, "ip", tuple(f"route {verb} {each}{how}" for each in _listed(self.destination))
        )

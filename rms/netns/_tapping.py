"""Devices that programs read and write: they last, whether or not one has them open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from engine.core.errors import BadState
from engine.rm.transport import CommandFailed
from rms._patience import until_answered
from rms.netns._batch import Lines, Question

if TYPE_CHECKING:
    from engine.rm.base import Intent
    from rms.netns.device import Device


def make(intent: Intent, device: Device, mode: Literal["tap", "tun"]) -> None:
    """Have there be one of this name. One that is there is it: a name is not given twice.

    Raises:
        BadState: the name is that of something else, or there can be no such devices.
        CommandFailed: the kernel refused for another reason.
    """
    emulation, name = device.emulated, device.device
    try:
        made = Lines(device.inside, "ip", (f"tuntap add dev {name} mode {mode}",))
        until_answered(intent, device.log, emulation.change_once, made)
    except CommandFailed as error:
        if error.output.startswith("open: "):
            why = error.output.removeprefix("open: ").strip()
            raise BadState(
                f"a {mode} needs /dev/net/tun on {emulation.host.hostname}, to read and write: {why}"
            ) from error
        if "Device or resource busy" not in error.output:
            raise
        look = Question(device.inside, ("ip", "-d", "-o", "link", "show", name))
        (said,) = until_answered(intent, device.log, emulation.ask, look)
        if f"tun type {mode} " not in said:
            raise BadState(f"#{device.guid}: {name} is taken there, by something that is no {mode}") from error

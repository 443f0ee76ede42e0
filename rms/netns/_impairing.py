"""What a link does to frames: rate and loss by the kernel, and all that takes time by a relay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from engine.rm.transport import CommandFailed
from rms.netns._batch import Lines

if TYPE_CHECKING:
    from rms.netns.emulation import Emulation
    from rms.netns.interface import Interface

_ALL: Final = 2**32
_RANDOM: Final = 2**32 - 0x1000 + 56  # where a filter finds a random number (SKF_AD_OFF + SKF_AD_RANDOM)
_LEAST_BURST: Final = 5000  # bytes: some frames
_BURST_TIME: Final = 0.01  # seconds that a burst lasts at its rate


def threshold(loss: float) -> int:
    """The random number of 32 bits from which on a frame is passed."""
    return min(round(loss * _ALL), _ALL - 1)


def steps(end: Interface, rate: float | None, queue: int, loss: float) -> tuple[Lines, ...]:
    """What makes one end of a link send at most so fast, and lose so many of the frames that it gets.

    Args:
        end: the interface.
        rate: bits per second; None for no limit.
        queue: bytes that wait for the rate.
        loss: probability.
    """
    # Else many frames are one to the kernel, which would be lost together.
    whole = Lines(end.inside, "ip", (f"link set {end.device} gso_max_segs 1",))
    # A classic BPF program: load a random number; if it is large enough, pass (0), else drop (2).
    program = f"4,32 0 0 {_RANDOM},53 0 1 {threshold(loss)},6 0 0 0,6 0 0 2"
    lines = (
        f"qdisc replace dev {end.device} root {_limit(rate, queue)}",
        f"qdisc replace dev {end.device} clsact",
        f'filter replace dev {end.device} ingress pref 1 handle 1 protocol all bpf da bytecode "{program}"',
    )
    return whole, Lines(end.inside, "tc", lines)


def _limit(rate: float | None, queue: int) -> str:
    if rate is None:
        return "noqueue"
    burst = max(_LEAST_BURST, round(rate / 8 * _BURST_TIME))
    return f"tbf rate {round(rate)}bit burst {burst} limit {queue + burst}"


def check(emulation: Emulation, end: Interface, rate: float | None, loss: float) -> None:
    """See that the kernel holds it.

    Raises:
        CommandFailed: it holds something else.
    """
    held = _held(emulation, end)
    wanted = {"rate": None if rate is None else round(rate / 8), "threshold": threshold(loss)}
    if held != wanted:
        why = f"the kernel holds {held} in place of {wanted} (rate in bytes per second, loss as a part of 2^32)"
        raise CommandFailed(emulation.transport.host, f"impairing {end.device}", 1, why)


def _held(emulation: Emulation, end: Interface) -> dict[str, int | None]:
    """What there is at one end of a link."""
    queues = _told(emulation, end, "qdisc", "show", "dev", end.device)
    filters = _told(emulation, end, "filter", "show", "dev", end.device, "ingress")
    rates = [it["options"]["rate"] for it in queues if it["kind"] == "tbf"]
    programs = [it["options"]["bytecode"]["insns"] for it in filters if "bytecode" in it.get("options", {})]
    return {"rate": rates[0] if rates else None, "threshold": programs[0][1]["k"] if programs else None}


def _told(emulation: Emulation, end: Interface, *words: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(emulation.ask(end.inside, "tc", "-j", *words) or "[]")
    return told

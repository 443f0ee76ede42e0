"""What a link does to frames: by the kernel's netem where there is one, else by what any kernel has and a relay.

In both cases the rate is that of a token bucket (tbf), since its queue is measured in bytes. All the rest is done by
one netem at each end, for the frames that leave there. Without netem a filter at each end loses of the frames that come
in there, and what takes time is the relay's.
"""

from __future__ import annotations

import json
from math import isclose
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from engine.rm.transport import CommandFailed
from rms.netns._batch import Lines, Question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rms.netns.emulation import Emulation
    from rms.netns.interface import Interface

TIMED: Final = ("delay", "jitter", "duplication", "corruption", "reordering")
"""The attributes of a link that a kernel without netem has nothing for."""

_ALL: Final = 2**32
_RANDOM: Final = 2**32 - 0x1000 + 56  # where a filter finds a random number (SKF_AD_OFF + SKF_AD_RANDOM)
_LEAST_BURST: Final = 5000  # bytes: some frames
_BURST_TIME: Final = 0.01  # seconds that a burst lasts at its rate
_LONGEST_TOLD: Final = 4000.0  # seconds
_UNDER_WAY: Final = 1_000_000  # frames that a netem holds at the most: it is the rate that has a queue
_LEAST_DELAY: Final = 1e-6  # seconds: of a jitter without any delay nothing is told
# A frame leaves a netem that has a rate after those that came before it, whatever the jitter: so it is given one that
# nothing exceeds.
_NO_RATE: Final = "rate 1tbit"


class Impairments(Struct, frozen=True):
    """What frames of a link suffer.

    Attributes:
        rate: bits per second; None for no limit.
        queue: bytes that wait for the rate.
        loss: probability, as those below; 1 for a link that is down.
        timed: what `TIMED` names, in seconds or as probabilities.
    """

    rate: float | None
    queue: int
    loss: float
    timed: Mapping[str, float]

    def __bool__(self) -> bool:
        return bool(self.rate or self.loss or any(self.timed.values()))


def steps(end: Interface, wanted: Impairments, *, netem: bool) -> tuple[Lines, ...]:
    """What makes one end of a link do so, but for what is a relay's."""
    # Else many frames are one to the kernel, which would be lost together.
    whole = Lines(end.inside, "ip", (f"link set {end.device} gso_max_segs 1",))
    lines = _by_netem(end.device, wanted) if netem else _by_filter(end.device, wanted)
    return whole, Lines(end.inside, "tc", lines)


def _by_netem(device: str, wanted: Impairments) -> tuple[str, ...]:
    # All of it is named each time: what is not named stays as it was.
    fate = " ".join(f"{word} {100 * value:.9f}%" for word, value in _fate(wanted).items())
    delay, jitter = _times(wanted).values()
    netem = f"netem limit {_UNDER_WAY} delay {delay:.9f}s {jitter:.9f}s {fate} {_NO_RATE}"
    return (
        f"qdisc replace dev {device} root handle 1: {netem}",
        f"qdisc replace dev {device} parent 1: {_limit(wanted) or f'pfifo limit {_UNDER_WAY}'}",
    )


def _times(wanted: Impairments) -> dict[str, float]:
    """The seconds that netem is given, by its own words."""
    delay, jitter = wanted.timed["delay"], wanted.timed["jitter"]
    return {"delay": max(delay, _LEAST_DELAY) if jitter else delay, "jitter": jitter}


def _fate(wanted: Impairments) -> dict[str, float]:
    """The probabilities that netem is given, by its own words."""
    timed = wanted.timed
    delayed = timed["delay"] or timed["jitter"]
    overtaking = timed["reordering"] if delayed else 0.0  # there is nothing to overtake, and netem refuses it
    return {
        "loss": wanted.loss,
        "duplicate": timed["duplication"],
        "corrupt": timed["corruption"],
        "reorder": overtaking,
    }


def _by_filter(device: str, wanted: Impairments) -> tuple[str, ...]:
    # A classic BPF program: load a random number; if it is large enough, pass (0), else drop (2).
    program = f"4,32 0 0 {_RANDOM},53 0 1 {_threshold(wanted.loss)},6 0 0 0,6 0 0 2"
    return (
        f"qdisc replace dev {device} root {_limit(wanted) or 'noqueue'}",
        f"qdisc replace dev {device} clsact",
        f'filter replace dev {device} ingress pref 1 handle 1 protocol all bpf da bytecode "{program}"',
    )


def _threshold(loss: float) -> int:
    """The random number of 32 bits from which on a frame is passed."""
    return min(round(loss * _ALL), _ALL - 1)


def _limit(wanted: Impairments) -> str | None:
    if wanted.rate is None:
        return None
    burst = max(_LEAST_BURST, round(wanted.rate / 8 * _BURST_TIME))
    return f"tbf rate {round(wanted.rate)}bit burst {burst} limit {wanted.queue + burst}"


def check(emulation: Emulation, ends: Sequence[Interface], wanted: Impairments, *, netem: bool) -> None:
    """See that the kernel holds it at both ends.

    Raises:
        CommandFailed: it holds something else.
        TransportLost: nobody answered.
    """
    words = [("qdisc", "show", "dev")] if netem else [("qdisc", "show", "dev"), ("filter", "show", "ingress", "dev")]
    questions = [Question(end.inside, ("tc", "-j", *each, end.device)) for end in ends for each in words]
    told = [json.loads(said or "[]") for said in emulation.ask(*questions)]
    for number, end in enumerate(ends):
        if wrong := _differences(told[number * len(words) :], wanted, netem=netem):
            why = f"the kernel holds {', '.join(wrong)}"
            raise CommandFailed(emulation.transport.host, f"impairing {end.device}", 1, why)


def _differences(told: list[list[dict[str, Any]]], wanted: Impairments, *, netem: bool) -> list[str]:
    """What the kernel holds in place of what it is to hold, going by what it says of queues, and then of filters."""
    held = _limit_held(told[0]) | (_netem_held(told[0]) if netem else _filter_held(told[1]))
    asked = _asked(wanted, netem=netem)
    wrong = [name for name, value in asked.items() if not _is_same(name, held.get(name), value)]
    return [f"{name} {held.get(name)} in place of {asked[name]}" for name in wrong]


def _asked(wanted: Impairments, *, netem: bool) -> dict[str, float | None]:
    """What the kernel is to hold, as `_limit_held` and the others say it."""
    waiting = None if wanted.rate is None else 8 * wanted.queue / wanted.rate
    limit = {"rate": wanted.rate, "latency": waiting}
    if not netem:
        return {**limit, "loss": wanted.loss}
    return {**limit, **_times(wanted), **_fate(wanted)}


def _is_same(name: str, held: float | None, asked: float | None) -> bool:
    """Whether a value is what was asked for, as exactly as the kernel keeps it and the tool says it."""
    if held is None or asked is None:
        return held == asked
    if name == "latency":  # the longest that a frame waits: the tool knows it in whole microseconds, of 32 bits
        return asked > _LONGEST_TOLD or isclose(held, asked, rel_tol=0.01, abs_tol=2e-6)
    return isclose(held, asked, rel_tol=1e-5, abs_tol=2e-6 if name in ("delay", "jitter") else 1e-9)


def _limit_held(qdiscs: list[dict[str, Any]]) -> dict[str, float | None]:
    for each in qdiscs:
        if each["kind"] == "tbf":
            return {"rate": 8 * each["options"]["rate"], "latency": each["options"]["lat"] / 1e6}
    return {"rate": None, "latency": None}


def _netem_held(qdiscs: list[dict[str, Any]]) -> dict[str, float]:
    """By the words of `_fate`; netem does not speak of what is 0."""
    told = next((each["options"] for each in qdiscs if each["kind"] == "netem"), None)
    if told is None:
        return {}
    words = {"delay": "delay", "jitter": "delay", "loss": "loss-random"}
    words |= {word: word for word in ("duplicate", "corrupt", "reorder")}
    return {word: told.get(group, {}).get(word, 0.0) for word, group in words.items()}


def _filter_held(filters: list[dict[str, Any]]) -> dict[str, float]:
    programs = [it["options"]["bytecode"]["insns"] for it in filters if "bytecode" in it.get("options", {})]
    return {"loss": programs[0][1]["k"] / _ALL} if programs else {}

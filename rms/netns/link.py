"""`netns::Link`: a cable between two interfaces."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.transport import CommandFailed
from rms._patience import until_answered
from rms.netns import _impairing
from rms.netns._batch import Lines
from rms.netns._changing import Changing
from rms.netns._impairing import TIMED, Impairments
from rms.netns._relaying import Relay
from rms.netns.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome

_ENDED: Final = "its relay has ended: no frame arrives any more"
_LONGEST: Final = 60.0  # seconds
_MOST_JITTER: Final = 2.0  # seconds: netem has 32 bits for the nanoseconds


class Link(Changing, Wire, rtype="netns::Link"):
    """A cable between two interfaces: what one sends, the other one gets; both ways alike.

    What frames suffer is the kernel's doing. Where that has no netem, what takes time is done by a process that passes
    the frames on, a relay; a link has one from the beginning, or never.
    """

    up: bool = attr(default=True, when="live", help="Whether frames arrive; if not, both ends stay up all the same.")
    rate: float | None = attr(default=None, ge=1000, le=1e12, when="live", help="Bits per second; by default no limit.")
    queue: int = attr(default=150_000, ge=1600, le=2**31 - 1, when="live", help="Bytes that may wait for the rate.")
    loss: float = attr(default=0.0, ge=0, le=1, when="live", help="Probability that a frame is lost.")
    delay: float = attr(default=0.0, ge=0, le=_LONGEST, when="live", help="Seconds from one end to the other.")
    jitter: float = attr(
        default=0.0,
        ge=0,
        le=_MOST_JITTER,
        when="live",
        help="Seconds that it is more or less by; frames keep their order.",
    )
    duplication: float = attr(default=0.0, ge=0, le=1, when="live", help="Probability that a frame arrives twice.")
    corruption: float = attr(default=0.0, ge=0, le=1, when="live", help="Probability that one of its bits is wrong.")
    reordering: float = attr(default=0.0, ge=0, le=1, when="live", help="Probability that it has no delay at all.")
    relay: bool = attr(default=False, help="Where delays are a relay's: whether it has one from the beginning.")

    def setup(self) -> None:
        """See `ResourceManager.setup`."""
        self._made_relayed: bool | None = None  # until its receipt says so

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def is_relayed(self) -> bool:
        """Whether it has a relay."""
        told = (self.receipts.get(Step.DEPLOY) or {}).get("relayed", self._made_relayed)
        return self._needs_relay() if told is None else bool(told)

    def _needs_relay(self) -> bool:
        return not self.emulated.has_netem and (self.relay or any(self._settings().values()))

    @property
    def _relay(self) -> Relay:
        return Relay(self.emulated, self.guid)

    def _settings(self) -> dict[str, float]:
        return {name: self.value_of(self.declared()[name]) for name in TIMED}

    @property
    def _wanted(self) -> Impairments:
        return Impairments(self.rate, self.queue, self.loss if self.up else 1.0, self._settings())

    # --- hooks --------------------------------------------------------------------------------------------------

    def deploy(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Make both interfaces at once, each in its place, and what frames suffer between them."""
        one, two = self.interfaces
        one.check_against(two)
        relayed = self._made_relayed = self._needs_relay()
        try:
            yield from self.emulated.change(intent, Lines(None, "ip", self._pairs(relayed=relayed)))
        except CommandFailed as error:
            if "File exists" not in error.output:
                raise
            until_answered(intent, self.log, self.check_ours)
        if relayed:
            self._relay.start(intent, self._settings())
        if relayed or self._wanted:
            until_answered(intent, self.log, self._impair)
        return {"relayed": relayed, "held": self.held()}

    def start(self, intent: Intent) -> dict[str, Any]:
        """Have the end of its relay told, if it has one."""
        if self.is_relayed:
            until_answered(intent, self.log, self._relay.watch, partial(self._tell, intent.token))
        return {"watched": self.is_relayed}

    def release(self, intent: Intent) -> None:
        """Take it away, and with it both interfaces; unless all of the emulation ends."""
        if Step.DEPLOY not in self.tokens:
            return
        with suppress(BadState):  # its nodes were never made
            if self.is_relayed:
                self._relay.stop(intent)
            self.take_away(intent)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Making it again finds it. Its relay is asked for, and holds what was set in the end."""
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        if self.is_relayed:
            if not isinstance(self._relay.probe(), Alive):
                return Gone(_ENDED)
            self._relay.watch(partial(self._tell, intent.token))
        self.catch_up()
        return Alive()

    def change(self, name: str, old: Any, new: Any) -> None:  # noqa: ARG002
        """See `Changing.change`."""
        if name not in TIMED or self.emulated.has_netem:
            self._impair()
        elif self.is_relayed:
            self._relay.set(self._settings())
        elif new:
            raise BadState(
                f"#{self.guid} {self.rtype} has no relay, and there is no netem, so it cannot have a {name}: describe "
                f"it with relay=True, or with a {name} from the beginning"
            )

    # --- how it is done -----------------------------------------------------------------------------------------

    def _pairs(self, *, relayed: bool) -> tuple[str, ...]:
        ends = [f"link add {end.device} {end.birth()} type veth peer name" for end in self.interfaces]
        if relayed:
            return tuple(f"{end} {device}" for end, device in zip(ends, self._relay.devices, strict=True))
        two = self.interfaces[1]
        return (f"{ends[0]} {two.device} {two.birth()}",)

    def _impair(self) -> None:
        wanted, netem = self._wanted, self.emulated.has_netem
        steps = (step for end in self.interfaces for step in _impairing.steps(end, wanted, netem=netem))
        self.emulated.change_once(*steps)
        _impairing.check(self.emulated, self.interfaces, wanted, netem=netem)

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if Step.RELEASE not in self.tokens:
            code = outcome.code if isinstance(outcome, Ended) else None
            self.failed(_ENDED, code, token=token)

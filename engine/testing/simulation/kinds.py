"""Resource types on simulated hosts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from engine.core.states import ResourceState, Step
from engine.rm.attributes import attr
from engine.rm.base import Intent, ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.registry import ResourceFactory
from engine.rm.transport import TransportLost
from engine.testing.simulation.faults import Injected
from engine.testing.simulation.launching import Command
from engine.testing.simulation.simulation import current

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.awaited import Waiting
    from engine.rm.outcomes import Outcome
    from engine.testing.simulation.hosts import Host

_LOOKS = 0.1
"""Seconds between two looks of a hook that heeds whether it was cancelled."""


class SimHost(ResourceManager, rtype="sim::Host"):
    """A simulated host."""

    name: str = attr(default="host", help="Which host of the simulation.")

    @property
    def host(self) -> Host:
        """The host itself."""
        return current().host(self.name)

    def provision(self, intent: Intent) -> None:
        """See that the host answers."""
        with current().acting(self, intent):
            self.host.open(self.epoch)

    def release(self, intent: Intent) -> None:
        """Let go of the host."""
        with current().acting(self, intent):
            pass

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Preparing a host can be done again at any time."""
        return NeverBegan()


class _Running(ResourceManager):
    """What runs as a command on a simulated host, and is found again there by its token."""

    seconds: float | None = attr(default=1.0, help="How long it runs; None until it is stopped.")
    code: int = attr(default=0, ge=0, le=255, help="Its exit status if nobody stops it.")
    on_term: float | None = attr(default=0.0, help="Seconds that it takes to end when told to; None: it does not.")
    grace: float = attr(default=10.0, help="Seconds from the request to end to the end by force.")
    ok_codes: list[int] = attr(default=[0], help="Exit statuses that are no failure.")

    @property
    def host(self) -> Host:
        """Where it runs."""
        return cast("SimHost", self.linked("host")[0]).host

    def start(self, intent: Intent) -> Waiting[dict[str, Any]]:
        """Start the command. It has begun when this returns."""
        with current().acting(self, intent):
            yield from self._before(intent)
            command = Command(self.seconds, self.code, self.on_term)
            pid = self.host.start(intent.token, command, self.epoch, partial(self._tell, intent.token))
        return {"pid": pid}

    def stop(self, intent: Intent) -> Waiting[None]:
        """End the command."""
        with current().acting(self, intent):
            yield from self._before(intent)
            self._end()

    def release(self, intent: Intent) -> Waiting[None]:
        """See that nothing of it runs."""
        with current().acting(self, intent):
            yield from self._before(intent)
            self._end()

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:  # noqa: ARG002
        """Ask the host what became of the command."""
        if intent.step is not Step.START:
            return NeverBegan()
        outcome = self.host.probe(intent.token, self.epoch)
        if isinstance(outcome, Alive):
            self.host.watch(intent.token, self.epoch, partial(self._tell, intent.token))
        return outcome

    def exited(self, code: int, *, token: str | None = None) -> None:
        """A status that is not in `ok_codes` is a failure, unless it was told to end."""
        if Step.STOP in self.tokens or Step.RELEASE in self.tokens or code in self.ok_codes:
            self.ended(code, token=token)
        else:
            self.failed(f"it ended with exit status {code}", code, token=token)

    def _before(self, intent: Intent) -> Waiting[None]:  # noqa: ARG002
        """What else a hook does, first."""
        yield from ()

    def _end(self) -> None:
        token = self.tokens.get(Step.START)
        if token is not None:
            self._tell(token, self.host.stop(token, self.epoch, self.grace))

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if isinstance(outcome, Ended):
            self.exited(outcome.code, token=token)
        else:
            self.failed(outcome.why, token=token)


class SimApp(_Running, rtype="sim::App"):
    """A command on a simulated host."""

    host_link = link("sim::Host", min=1, max=1, after=ResourceState.READY, before="deploy")

    @property
    def host(self) -> Host:
        """Where it runs."""
        return cast("SimHost", self.linked("host_link")[0]).host


class SimTask(_Running, rtype="sim::Task"):
    """Does what its plan says, in every step. Needs no host: what it starts runs on one of its own.

    The plan has an entry for each step of which anything is expected: ``{"deploy": {"takes": 2.0, "how": "fails"}}``.
    ``takes`` are seconds. ``how`` it goes is one of

    - ``"ok"``, the default: it is done after that time, whether or not it was cancelled meanwhile;
    - ``"waits"``: the same, but it holds no worker meanwhile; not for ``probe``, which is no hook;
    - ``"heeds"``: as ``"ok"``, but it gives up once it is cancelled;
    - ``"fails"``: it raises after that time;
    - ``"hangs"``: it never returns;
    - ``"lost"``: nobody answers;
    - ``"gone"``: for ``probe``: it cannot be found again.
    """

    plan: dict[str, Any] = attr(default={}, help="What its hooks do, by step; also for probe.")

    @property
    def host(self) -> Host:
        """Where what it starts runs."""
        return current().host("tasks")

    def _act(self, intent: Intent) -> Waiting[None]:
        with current().acting(self, intent):
            yield from self._before(intent)

    discover = reserve = provision = configure = deploy = _act

    def _before(self, intent: Intent) -> Waiting[None]:
        if self._how(intent.step) == "waits":
            yield from current().waiting(self, intent, self._takes(intent.step))
        else:
            self._follow_plan(intent, intent.step)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Follow the plan, and ask the host. Another step than `start` can be taken again, unless it is known done."""
        self._follow_plan(intent, "probe")
        if self._how("probe") == "gone":
            return Gone("the plan says so")
        if intent.step is not Step.START and current().record.of("hook.returned", token=intent.token):
            return Alive()
        return super().probe(intent, receipt)

    def _how(self, step: str) -> str:
        how: str = self.plan.get(step, {}).get("how", "ok")
        return how

    def _takes(self, step: str) -> float:
        takes: float = self.plan.get(step, {}).get("takes", 0.0)
        return takes

    def _follow_plan(self, intent: Intent, step: str) -> None:
        how, takes = self._how(step), self._takes(step)
        if how == "heeds":
            self._heed(intent, takes)
        else:
            current().sleep(None if how == "hangs" else takes)
        if how == "fails":
            raise Injected(f"{step} of #{self.guid} fails: its plan says so")
        if how == "lost":
            raise TransportLost(self.host.name, "the plan says so")

    def _heed(self, intent: Intent, seconds: float) -> None:
        while seconds > 0:
            if intent.cancelled:
                raise Injected(f"{intent.step} of #{self.guid} was cancelled, and heeds that")
            current().sleep(min(seconds, _LOOKS))
            seconds -= _LOOKS


KINDS = (SimHost, SimApp, SimTask)

for _kind in KINDS:
    ResourceFactory.register_type(_kind)

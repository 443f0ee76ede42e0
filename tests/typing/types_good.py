# pyright: strict
"""Resource types as their authors write them: both checkers find nothing."""

import threading
from collections.abc import Mapping
from typing import Any, assert_type

from engine import (
    Alive,
    Ended,
    Gone,
    Intent,
    NeverBegan,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
    attr,
    link,
)
from engine.core.states import Step


def even(value: int) -> None:
    if value % 2:
        raise ValueError(f"{value} is odd")


class Interface(ResourceManager, rtype="lab::Interface"):
    """The shortest type."""

    name: str = attr(help="As the host calls it.")


class Queue(ResourceManager, rtype="lab::Queue"):
    """A token-bucket queue on an interface."""

    rate: int = attr(ge=1, help="Rate in bits per second.", check=even)
    colour: str | None = attr(default=None, choices=("green", "red"), help="Marking.")
    limits: dict[str, int] = attr(default={}, help="Packets, by class.", when="live")
    names: list[str] = attr(default=[], help="What it is called.")
    token: str = attr(default="", secret=True, help="Password of the switch.")
    interface = link("lab::Interface", min=1, max=1, after=ResourceState.READY, before="deploy")
    traces = (Trace("drops", "One line for each dropped packet.", enabled=False),)

    def setup(self) -> None:
        self._lock = threading.Lock()
        self._handle: str | None = None

    def deploy(self, intent: Intent) -> dict[str, Any]:
        assert_type(self.rate, int)
        assert_type(self.colour, str | None)
        assert_type(self.limits, dict[str, int])
        assert_type(self.critical, bool)
        with self._lock:
            self._handle = intent.token
        return {"handle": self._handle}

    def start(self, _intent: Intent) -> Mapping[str, str]:
        self.log.debug("starting", state=self.state.name, others=len(self.linked("interface")))
        return {"handle": str(self.receipts[Step.DEPLOY]["handle"])}

    def stop(self, intent: Intent) -> None:
        if intent.cancelled:
            return
        self.ended(0, token=self.tokens[Step.START])

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Alive | Ended | Gone | NeverBegan:
        if receipt is None:
            return NeverBegan()
        return Gone("lost") if intent.step is Step.START else Ended(0)

    def on_set(self, name: str, old: Any, new: Any) -> None:
        self.log.debug("set", name=name, old=old, new=new)

    def on_connect(self, other: ResourceManager) -> None:
        self.log.debug("connected", other=other.guid)

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        return b"" if self.trace_enabled(name) else None


class FairQueue(Queue, rtype="lab::FairQueue"):
    """A queue with more to say."""

    flows: int = attr(default=1024, help="How many flows.")

    def start(self, intent: Intent) -> Mapping[str, str]:
        return {**super().start(intent), "flows": str(self.flows)}


ResourceFactory.register_type(FairQueue)
assert_type(FairQueue(rate=2), FairQueue)
FairQueue(rate=2, colour="red", limits={"a": 1}, token="env:TOKEN", flows=1, critical=False, hard_release=True)

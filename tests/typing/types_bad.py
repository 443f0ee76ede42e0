# pyright: strict
"""What both checkers refuse in a type. After `error:`, what mypy and then what pyright calls it."""

from types_good import Queue

from engine import Alive, Intent, ResourceManager, Trace, attr
from engine.rm.base import Receipt


class Bad(ResourceManager, rtype="lab::Bad"):
    size: int = attr(default=1)
    speed: float = attr(lowest=3)  # error: call-arg reportCallIssue
    mode: str = attr(when="sometimes")  # error: arg-type reportArgumentType
    traces = (Trace(name="log", on=True),)  # error: call-arg reportCallIssue

    def start(self, intent: Intent) -> int:  # error: override reportIncompatibleMethodOverride
        return self.size

    def stop(self) -> None:  # error: override reportIncompatibleMethodOverride
        self.ended("0")  # error: arg-type reportArgumentType

    def release(self, intent: int) -> None:  # error: override reportIncompatibleMethodOverride
        pass

    def probe(self, intent: Intent, receipt: Receipt) -> bool:  # error: override reportIncompatibleMethodOverride
        return bool(Alive())

    def deploy(self, intent: Intent) -> None:
        self.failed(intent.why)  # error: attr-defined reportAttributeAccessIssue
        self.ended(self.shape)  # error: attr-defined reportAttributeAccessIssue


queue = Queue(rate=2)
queue.rate = "fast"  # error: assignment reportAttributeAccessIssue
print(queue.interfaces)  # error: attr-defined reportAttributeAccessIssue
Queue(rate="fast")  # error: arg-type reportArgumentType
Queue(rate=2, color="red")  # error: call-arg reportCallIssue
Queue()  # error: call-arg reportCallIssue
Queue(rate=2, limits={"a": "b"})  # error: dict-item reportArgumentType
Queue(rate=2, critical="no")  # error: arg-type reportArgumentType

"""For tests of experiments, and of resource types. Needs the extra ``testing``.

`engine.testing.simulation` runs whole controllers in a world of its own, with its own time, order, hosts and faults.
`ResourceContract` is what every resource type must keep to; with a `Bench` one is tried without a controller.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.testing.bench import Bench, Subject
    from engine.testing.contract import ResourceContract
    from engine.testing.fakes import FakePort, FakeTransport, Told

_HOME = {
    "Bench": "bench",
    "FakePort": "fakes",
    "FakeTransport": "fakes",
    "ResourceContract": "contract",
    "Subject": "bench",
    "Told": "fakes",
}

__all__ = ["Bench", "FakePort", "FakeTransport", "ResourceContract", "Subject", "Told"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'engine.testing' has no attribute {name!r}")
    if name == "ResourceContract":
        import pytest  # noqa: PLC0415 - the fakes and the simulation do without it

        pytest.register_assert_rewrite("engine.testing.contract")  # a broken rule is told with its values
    return getattr(import_module(f"engine.testing.{_HOME[name]}"), name)

"""netreel's engine: describe a network experiment, run it, and have it recorded as it runs.

    from engine import ExperimentController, ResourceAction, ResourceState

    with ExperimentController("hello") as ec:
        host = ec.register_resource("linux::Node", hostname="localhost")
        hello = ec.register_resource("linux::Application", command="echo hello", connectedTo=host)
        ec.deploy()
        ec.wait_finished(hello)
        print(ec.trace(hello, "stdout"))

Importing this starts no thread and loads no resource type, no pykka and no paramiko: each name is fetched from its
module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.controller import ExperimentController
    from engine.core.errors import (
        BadAttribute,
        BadCondition,
        BadConnection,
        BadState,
        Closed,
        EngineBug,
        ExperimentAborted,
        ExperimentError,
        ExperimentWarning,
        Interrupted,
        ResourceFailed,
        ScriptDiverged,
        UnknownGuid,
        UnknownResourceType,
        UsageError,
        WaitTimeout,
    )
    from engine.core.states import ResourceAction, ResourceState
    from engine.description import SFormats
    from engine.failure import ECState, FailureLevel, FailureManager
    from engine.handles import Handle
    from engine.netgraph import NetGraph, TopologyType
    from engine.plot import PFormats
    from engine.rm.attributes import attr
    from engine.rm.awaited import Awaited, Waiting
    from engine.rm.base import Intent, ResourceManager
    from engine.rm.links import link
    from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
    from engine.rm.registry import ResourceFactory
    from engine.rm.traces import Trace, TraceAttr
    from engine.rm.transport import CommandFailed, TransportLost
    from engine.runner import ExperimentRunner
    from engine.tasks import Task, TaskStatus

_HOMES = {
    "engine.controller": ["ExperimentController"],
    "engine.core.errors": [
        "BadAttribute",
        "BadCondition",
        "BadConnection",
        "BadState",
        "Closed",
        "EngineBug",
        "ExperimentAborted",
        "ExperimentError",
        "ExperimentWarning",
        "Interrupted",
        "ResourceFailed",
        "ScriptDiverged",
        "UnknownGuid",
        "UnknownResourceType",
        "UsageError",
        "WaitTimeout",
    ],
    "engine.core.states": ["ResourceAction", "ResourceState"],
    "engine.description": ["SFormats"],
    "engine.failure": ["ECState", "FailureLevel", "FailureManager"],
    "engine.handles": ["Handle"],
    "engine.netgraph": ["NetGraph", "TopologyType"],
    "engine.plot": ["PFormats"],
    "engine.rm.attributes": ["attr"],
    "engine.rm.awaited": ["Awaited", "Waiting"],
    "engine.rm.base": ["Intent", "ResourceManager"],
    "engine.rm.links": ["link"],
    "engine.rm.outcomes": ["Alive", "Ended", "Gone", "NeverBegan"],
    "engine.rm.registry": ["ResourceFactory"],
    "engine.rm.traces": ["Trace", "TraceAttr"],
    "engine.rm.transport": ["CommandFailed", "TransportLost"],
    "engine.runner": ["ExperimentRunner"],
    "engine.tasks": ["Task", "TaskStatus"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Alive",
    "Awaited",
    "BadAttribute",
    "BadCondition",
    "BadConnection",
    "BadState",
    "Closed",
    "CommandFailed",
    "ECState",
    "Ended",
    "EngineBug",
    "ExperimentAborted",
    "ExperimentController",
    "ExperimentError",
    "ExperimentRunner",
    "ExperimentWarning",
    "FailureLevel",
    "FailureManager",
    "Gone",
    "Handle",
    "Intent",
    "Interrupted",
    "NetGraph",
    "NeverBegan",
    "PFormats",
    "ResourceAction",
    "ResourceFactory",
    "ResourceFailed",
    "ResourceManager",
    "ResourceState",
    "SFormats",
    "ScriptDiverged",
    "Task",
    "TaskStatus",
    "TopologyType",
    "Trace",
    "TraceAttr",
    "TransportLost",
    "UnknownGuid",
    "UnknownResourceType",
    "UsageError",
    "WaitTimeout",
    "Waiting",
    "attr",
    "link",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'engine' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__

"""Every event of an experiment: the vocabulary of the log.

An event is a fact, in the past tense. Its kind is a word of ours, never the name of a class, so a class may be
renamed and old logs still load. Its fields are its data in the log, except `guid`, which stands beside it (0 is the
experiment itself). To add a kind, see CONTRIBUTING.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from msgspec import Struct

from engine.core.states import ResourceState, Step  # noqa: TC001 - `engine.core.encoding` evaluates the annotations

if TYPE_CHECKING:
    from collections.abc import Callable


class Event(Struct, frozen=True, gc=False):
    """What all events have: plain values in which no circle can be, so the collector need not look."""

    kind: ClassVar[str]
    version: ClassVar[int]
    guid: int


class Entry(Struct, frozen=True, gc=False):
    """An event with its place in the log.

    Attributes:
        seq: 1, 2, 3, ...
        time: nanoseconds since 1970, UTC.
        cause: the seq of the event that led to it, 0 for the user.
        epoch: which controller wrote it: 1 is the first, 2 took over from it, and so on.
        event: what happened.
        at: where in his script the user asked for it, such as ``"script.py:12"``; "" if he did not, or nobody knows.
        call: of the first event of a script's call: which one it is, and what was seen; see `engine.runtime.script`.
    """

    seq: int
    time: int
    cause: int
    epoch: int
    event: Event
    at: str = ""
    call: int | list[Any] | None = None


KINDS: Final[dict[str, type[Event]]] = {}
"""Every kind that can be written, by its word."""

UPCASTERS: Final[dict[tuple[str, int], Callable[[dict[str, Any]], dict[str, Any]]]] = {
    ("controller.opened", 1): lambda data: {**data, "persist": False},
    ("type.declared", 1): lambda data: {**data, "traces": dict.fromkeys(data["traces"], True)},
    ("type.declared", 2): lambda data: {**data, "waiting": []},
    ("resource.registered", 1): lambda data: {**data, "label": None},
    ("attribute.set", 1): lambda data: {**data, "plan": 0},
}
"""How the data of an old version becomes that of the next: (kind, version) -> function. Never removed."""

_E = TypeVar("_E", bound=Event)


def _event(kind: str, version: int = 1) -> Callable[[type[_E]], type[_E]]:
    """Enter an event in `KINDS`."""

    def enter(cls: type[_E]) -> type[_E]:
        cls.kind = kind
        cls.version = version
        KINDS[kind] = cls
        return cls

    return enter


# --- the controller ---------------------------------------------------------------------------------------------


@_event("controller.opened", version=2)
class ControllerOpened(Event, frozen=True):
    """A controller took charge. The first event of every epoch; `holder` says who: host, pid, versions, workers.

    `persist`: whether the description is to be saved when the experiment is released.
    """

    exp_id: str
    run_id: str
    holder: dict[str, Any]
    persist: bool


@_event("run.closed")
class RunClosed(Event, frozen=True):
    """The controller was shut down; everything is released and nothing follows."""


@_event("experiment.warned")
class ExperimentWarned(Event, frozen=True):
    """Something that only the user can do anything about, such as a wait for what nobody has deployed."""

    message: str


@_event("experiment.aborted")
class ExperimentAborted(Event, frozen=True):
    """The failure policy decided to abort: nothing further is deployed or started. `by` is what failed."""

    by: int


# --- the description --------------------------------------------------------------------------------------------


@_event("topology.described")
class TopologyDescribed(Event, frozen=True):
    """A part of the graph that the experiment is described from, as `NetGraph.to_data` has it: there may be several."""

    part: dict[str, Any]


@_event("type.declared", version=3)
class TypeDeclared(Event, frozen=True):
    """What the engine knows of a resource type, written when it is first used: logs are read without the types.

    `lineage` are the names of the type and of those that it extends, `hooks` the steps that need its code, `links`
    what it says about connections, `attributes` the default of each, `required` those that have none, `traces` whether
    each is recorded unless the user says otherwise, `waiting` those of the hooks that hold no worker while they wait.
    """

    rtype: str
    lineage: list[str]
    hooks: list[str]
    links: list[dict[str, Any]]
    attributes: dict[str, Any]
    required: list[str]
    traces: dict[str, bool]
    waiting: list[str] = []


@_event("resource.registered", version=2)
class ResourceRegistered(Event, frozen=True):
    """A resource was described. `attributes` are those that were given a value; `label` is the user's name for it."""

    rtype: str
    attributes: dict[str, Any]
    label: str | None


@_event("resource.removed")
class ResourceRemoved(Event, frozen=True):
    """These are forgotten: from here on it is as if they had never been described."""

    guids: list[int]


@_event("resource.connected")
class ResourceConnected(Event, frozen=True):
    """Two resources were connected. Connections have no direction."""

    other: int


@_event("resource.disconnected")
class ResourceDisconnected(Event, frozen=True):
    """Two resources are connected no more."""

    other: int


@_event("attribute.set", version=2)
class AttributeSet(Event, frozen=True):
    """An attribute got a value: from the user, or because what the event `plan` planned has come (0: from the user)."""

    name: str
    value: Any
    plan: int


@_event("attribute.planned")
class AttributePlanned(Event, frozen=True):
    """Each of `guids` gets a value while it is STARTED, `delay` ns after all of `on` have reached `state`."""

    guids: list[int]
    name: str
    value: Any
    on: list[int]
    state: ResourceState
    delay: int


@_event("global.set")
class GlobalSet(Event, frozen=True):
    """Every resource of a type, or of one that extends it, has this value if it was given none of its own."""

    rtype: str
    name: str
    value: Any


@_event("trace.switched")
class TraceSwitched(Event, frozen=True):
    """A trace of a resource is to be recorded, or is not."""

    name: str
    enabled: bool


@_event("condition.registered")
class ConditionRegistered(Event, frozen=True):
    """`step` of each of `guids` comes only `delay` ns after all of `on` have reached `state`."""

    guids: list[int]
    step: Step
    on: list[int]
    state: ResourceState
    delay: int


@_event("condition.reduced")
class ConditionReduced(Event, frozen=True):
    """For these `guids` the condition that the event `condition` made waits only for `on`; for nobody: it is gone."""

    condition: int
    guids: list[int]
    on: list[int]


# --- what the user asks for -------------------------------------------------------------------------------------


@_event("group.deployed")
class GroupDeployed(Event, frozen=True):
    """These are to be deployed and started. `wait_all_ready`: none is started before all are READY."""

    group: int
    guids: list[int]
    wait_all_ready: bool


@_event("step.requested")
class StepRequested(Event, frozen=True):
    """The user asks for one step now, whatever the conditions."""

    step: Step


@_event("release.requested")
class ReleaseRequested(Event, frozen=True):
    """The user asks for these to be undone."""

    guids: list[int]


@_event("task.scheduled")
class TaskScheduled(Event, frozen=True):
    """A function of the user's is to be called at `due` (ns since 1970)."""

    task: int
    due: int


@_event("task.begun")
class TaskBegun(Event, frozen=True):
    """The function is called right after this."""

    task: int


@_event("task.done")
class TaskDone(Event, frozen=True):
    """The function returned, or raised `error`; `lost` if it was in a controller that is gone."""

    task: int
    error: str | None
    lost: bool


@_event("effect.begun")
class EffectBegun(Event, frozen=True):
    """The script is about to do something of its own, which is to be done once: `name` is the function's."""

    name: str


@_event("effect.done")
class EffectDone(Event, frozen=True):
    """What the event `begun` announced returned `result`, or raised `error`."""

    begun: int
    result: Any
    error: dict[str, Any] | None


@_event("script.looked")
class ScriptLooked(Event, frozen=True):
    """The script has only looked for long: what it saw is in `call`, as beside the events that it asks for."""


# --- what the resources do --------------------------------------------------------------------------------------


@_event("step.passed")
class StepPassed(Event, frozen=True):
    """Steps for which the type has no code: nothing is done, and the state moves on."""

    steps: list[Step]


@_event("step.begun")
class StepBegun(Event, frozen=True):
    """The intent: it is on disk before the hook runs. Everything on the far end is named after `token`."""

    step: Step
    token: str


@_event("step.told")
class StepTold(Event, frozen=True):
    """The hook that runs said what it is doing."""

    step: Step
    doing: str


@_event("step.done")
class StepDone(Event, frozen=True):
    """The hook returned. `receipt` is what a stranger needs to find again what it made."""

    step: Step
    receipt: dict[str, Any] | None


@_event("step.failed")
class StepFailed(Event, frozen=True):
    """The hook raised. A release that fails is a release all the same, with the error kept."""

    step: Step
    error: dict[str, Any]


@_event("step.voided")
class StepVoided(Event, frozen=True):
    """An attempt that a controller left behind had no effect, may simply be made again, or is waited for no longer."""

    step: Step
    why: str


@_event("resource.found")
class ResourceFound(Event, frozen=True):
    """A controller that took over found it running."""


@_event("resource.unknown")
class ResourceUnknown(Event, frozen=True):
    """A controller that took over asked after it, and nobody answers: its state is that of before, until somebody does.

    Written once per silence, however often it is asked.
    """

    why: str


@_event("resource.remarked")
class ResourceRemarked(Event, frozen=True):
    """It said by itself what is the matter with it, such as "has not answered since noon"; "" once that is over."""

    remark: str


@_event("resource.ended")
class ResourceEnded(Event, frozen=True):
    """It came to its end by itself, or while it was being stopped: with exit status `code`, or `why` there is none."""

    code: int | None
    why: str | None


@_event("resource.failed")
class ResourceFailed(Event, frozen=True):
    """It failed by itself, or because of `by`, which it waited for (0: by itself)."""

    error: dict[str, Any]
    code: int | None
    by: int

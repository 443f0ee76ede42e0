"""What a plot shows of an experiment: nodes, wires and rules, with neither places nor colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from engine.core import story
from engine.core.naming import called
from engine.core.states import GATE, ResourceState
from engine.dates import NS
from engine.plots.folding import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.core.events import AttributePlanned
    from engine.core.world import Condition, Plan, Resource, World
    from engine.plots.folding import Folds

_ACTIONS: Final = {step: action.name for action, step in GATE.items()}


class Node(Struct, frozen=True):
    """A resource.

    Attributes:
        name: its number, and what it is called, if it is: see `engine.core.naming`.
        story: its state and what it waits for, or why it failed, in a line.
        failed: whether it did, or its release: that stays so after it was released.
        is_base: whether others depend on it, as applications do on their host.
        depends_on: the guids of those that it depends on itself.
    """

    guid: int
    name: str
    rtype: str
    story: str
    state: ResourceState
    critical: bool
    failed: bool
    is_base: bool
    depends_on: tuple[int, ...]


class Rule(Struct, frozen=True):
    """A condition, or a value that is planned: something comes to each of `guids` after all of `on`.

    Attributes:
        what: what comes, such as "START" or "rate = 5".
        when: after what, such as "STARTED + 2 s".
        is_plan: whether it is a planned value.
    """

    what: str
    when: str
    on: tuple[int, ...]
    guids: tuple[int, ...]
    is_plan: bool

    @property
    def text(self) -> str:
        """All of it in words."""
        return f"{self.what} after {self.when}"

    @property
    def is_direct(self) -> bool:
        """Whether one resource waits for one other: then it is a single arrow."""
        return len(self.on) == len(self.guids) == 1


class Drawing(Struct, frozen=True):
    """An experiment as a plot shows it.

    Attributes:
        name: of the experiment and its run, as a file is called after them.
        title: the same for people.
        moment: which moment it shows.
        wires: the connections, each with the one that is needed first, else with the lower number; cables as well.
    """

    name: str
    title: str
    moment: str
    nodes: Mapping[int, Node]
    wires: tuple[tuple[int, int], ...]
    rules: tuple[Rule, ...]


def draw(world: World) -> Drawing:
    """What a plot shows of an experiment. It needs no resource type, and no longer changes with the world."""
    ids = [text for text in (world.exp_id, world.run_id) if text]
    folds = fold(world)
    return Drawing(
        name="_".join(ids) or "experiment",
        title="  ".join(ids) or "experiment",
        moment=_moment(world) + _told(folds),
        nodes={guid: _node(world, guid, folds) for guid in sorted(world.resources) if guid not in folds.hidden},
        wires=tuple(sorted({*_wires(world, folds), *folds.cables})),
        rules=_merged(_rules(world)),
    )


def _moment(world: World) -> str:
    if not world.seq:
        return "not begun"
    aborted = ", aborted" if world.aborted else ""
    return f"after event {world.seq}, {(world.time - world.start) / NS:.2f} s from its start{aborted}"


def _told(folds: Folds) -> str:
    return f"; {len(folds.hidden)} more resources are the lines between others" if folds.hidden else ""


def _node(world: World, guid: int, folds: Folds) -> Node:
    resource = world.resources[guid]
    name = clean(called(world, resource))
    return Node(
        guid=guid,
        name=f"#{guid} {name}" if name else f"#{guid}",
        rtype=clean(resource.rtype),
        story=clean(_story(world, resource)),
        state=resource.state,
        critical=resource.critical,
        failed=resource.error is not None or resource.state is ResourceState.FAILED,
        is_base=resource.is_needed,
        depends_on=tuple(sorted(set(resource.depends_on) - folds.hidden - folds.wholes.get(guid, set()))),
    )


def _story(world: World, resource: Resource) -> str:
    told = story.tell(world, resource.guid)
    if resource.error is None or resource.state is ResourceState.FAILED:
        return told
    return f"{told}; it had failed: {resource.error['message']}"


def clean(text: str) -> str:
    """A text on one line, without what no file format can hold and no font can show."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in " ".join(text.split()))


def _wires(world: World, folds: Folds) -> Iterator[tuple[int, int]]:
    for resource in world.resources.values():
        unseen = folds.hidden | folds.wholes.get(resource.guid, set())
        for other in set(resource.connections) - unseen if resource.guid not in folds.hidden else ():
            if resource.guid in folds.wholes.get(other, ()):
                continue
            if other in resource.depends_on:
                yield other, resource.guid
            elif resource.guid < other and resource.guid not in world.resources[other].depends_on:
                yield resource.guid, other


# --- rules ------------------------------------------------------------------------------------------------------


def _rules(world: World) -> Iterator[Rule]:
    """The user's conditions and planned values. What links and groups imply is told by their wires."""
    for condition in world.conditions.values():
        if condition.origin == "user" and condition.step is not None:
            yield _rule(_ACTIONS[condition.step], condition, is_plan=False)
    for plan in world.plans.values():
        yield _rule(_value(plan), plan.condition, is_plan=True)


def planned(events: Iterable[AttributePlanned]) -> tuple[Rule, ...]:
    """What the user has planned: a world knows only what of it has not come yet."""
    return _merged(_rule(_value(event), event, is_plan=True) for event in events)


def _value(plan: Plan | AttributePlanned) -> str:
    return f"{plan.name} = {clean(repr(plan.value))}"


def _rule(what: str, condition: Condition | AttributePlanned, *, is_plan: bool) -> Rule:
    delay = f" + {condition.delay / NS:g} s" if condition.delay else ""
    return Rule(what, f"{condition.state.name}{delay}", _sorted(condition.on), _sorted(condition.guids), is_plan)


def _merged(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The same rules, fewer: scripts state for each of many alone what holds for all of them."""
    waiting: dict[Rule, set[int]] = {}
    for rule in rules:
        waiting.setdefault(replace(rule, guids=()), set()).update(rule.guids)
    awaited: dict[Rule, set[int]] = {}
    for rule, guids in waiting.items():
        awaited.setdefault(replace(rule, on=(), guids=_sorted(guids)), set()).update(rule.on)
    return tuple(replace(rule, on=_sorted(on)) for rule, on in awaited.items())


def _sorted(guids: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(guids)))

"""The resources of an experiment as a tree, line by line."""

from __future__ import annotations

from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from replay.cli import words

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.core.world import Resource, World

_MANY: Final = 200
"""In an experiment of more resources what is below another one is folded, unless somebody unfolds it."""


class By(StrEnum):
    """What the tree is made by."""

    CONNECTION = "connection"
    GROUP = "group"
    TYPE = "type"


Key = int | str
"""What a line is known by: the number of its resource, or the name of what it puts together."""


class Line(Struct, frozen=True):
    """A line of the tree.

    Attributes:
        depth: how far in it stands.
        is_open: whether what stands below it is shown; None if nothing does.
        hidden: the numbers of the resources below it, if they are not shown.
    """

    key: Key
    depth: int
    is_open: bool | None
    hidden: tuple[int, ...] = ()


def outline(world: World, by: By, toggled: Collection[Key] = (), wanted: str = "") -> list[Line]:
    """The lines of the tree.

    Args:
        world: the experiment.
        by: what the tree is made by.
        toggled: the lines that are not folded, or unfolded, as they would be by themselves.
        wanted: words that a resource must have, each of them, to be in the tree; empty for all. What stands above it is
            there as well, and nothing is folded.
    """
    places = _places(_children(world, by))
    shown = set(world.resources) if not wanted.strip() else _wanted(world, wanted.lower().split())
    before = [0, *accumulate(place.key in shown for place in places)]
    opens = bool(wanted.strip()) or len(world.resources) <= _MANY
    lines: list[Line] = []
    number = 0
    while number < len(places):
        key, depth, end = places[number]
        below = before[end] > before[number + 1]
        is_open = below and opens is not (key in toggled)
        if below or key in shown:
            hidden = () if is_open else tuple(each.key for each in places[number + 1 : end] if each.key in shown)
            lines.append(Line(key, depth, is_open if below else None, hidden))
        number = number + 1 if is_open else end
    return lines


class _Place(NamedTuple):
    """A line of the whole tree, and the number of the line behind all that stand below it."""

    key: Key
    depth: int
    end: int


def _places(children: Mapping[Key, list[Key]]) -> list[_Place]:
    """The whole tree. It may be as deep as there are resources, so nothing here calls itself."""
    places: list[_Place] = []
    ahead: list[tuple[Key, int, int | None]] = [(key, 0, None) for key in reversed(children.get("", ()))]
    while ahead:
        key, depth, number = ahead.pop()
        if number is not None:
            places[number] = _Place(key, depth, len(places))
            continue
        ahead.append((key, depth, len(places)))
        places.append(_Place(key, depth, 0))
        ahead += [(child, depth + 1, None) for child in reversed(children.get(key, ()))]
    return places


def _children(world: World, by: By) -> Mapping[Key, list[Key]]:
    """What stands below each line; below "" what stands below nothing."""
    found: dict[Key, list[Key]] = {}
    for guid, resource in sorted(world.resources.items()):
        above = _above(world, resource, by)
        if isinstance(above, str) and above and above not in found:
            found.setdefault("", []).append(above)
            found[above] = []
        found.setdefault(above, []).append(guid)
    return found


def _above(world: World, resource: Resource, by: By) -> Key:
    if by is By.GROUP:
        return "not deployed" if resource.group is None else f"group {resource.group}"
    if by is By.TYPE:
        return resource.rtype
    return next((guid for guid in resource.depends_on if guid in world.resources), "")


def _wanted(world: World, wanted: list[str]) -> set[int]:
    """The resources that have all of these words."""
    return {
        guid for guid, each in world.resources.items() if all(word in _all_of(world, each).lower() for word in wanted)
    }


def _all_of(world: World, resource: Resource) -> str:
    """All that a resource can be found by."""
    values = (value for value in (resource.label, *resource.attributes.values()) if isinstance(value, str))
    notes = words.failure(resource), words.waiting(world, resource)
    return " ".join([f"#{resource.guid}", resource.rtype, resource.state.name, *values, *notes])

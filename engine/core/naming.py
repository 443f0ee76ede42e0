"""What people call a resource that was given no label: by its own name, and by where it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.world import describe

if TYPE_CHECKING:
    from engine.core.world import Resource, TypeInfo, World


def called(world: World, resource: Resource) -> str:
    """Its label, or the name of a host; of an end of a cable where it is, such as ``r1:eth0``; of a cable its two ends.

    What has no name there goes by its number. Empty if nothing of this is known, as of a command.
    """
    return _called(world, resource, frozenset())


def named(world: World, resource: Resource) -> str:
    """How a message names it: as `engine.core.world.describe`; of cables and their ends also where they are."""
    if resource.label is None and (is_cable(world.types[resource.rtype]) or is_end(world, resource)):
        place = called(world, resource)
        return f"{describe(resource)} ({place})" if place else describe(resource)
    return describe(resource)


def _called(world: World, resource: Resource, seen: frozenset[int]) -> str:
    if resource.label is not None:
        return resource.label
    given = (resource.attributes.get(key) for key in ("hostname", "name"))
    host, own = (text if isinstance(text, str) else "" for text in given)
    if host:
        return host
    seen |= {resource.guid}
    there = [world.resources[guid] for guid in resource.depends_on if guid not in seen and guid in world.resources]
    if is_cable(world.types[resource.rtype]) and len(there) == 2:
        return " - ".join(_called(world, each, seen) or f"#{each.guid}" for each in there)
    if is_end(world, resource):
        where = next((each for each in there if not is_cable(world.types[each.rtype])), None)
        if where is not None:
            return f"{_called(world, where, seen) or f'#{where.guid}'}:{own or f'#{resource.guid}'}"
    return own


def is_cable(info: TypeInfo) -> bool:
    """Whether all that a resource of this type is for is to connect two others."""
    return any(link.min == link.max == 2 for link in info.links)


def is_end(world: World, resource: Resource) -> bool:
    """Whether a resource belongs to the one cable that it is connected to, as an interface does."""
    ones = {link.rtype for link in world.types[resource.rtype].links if link.min == link.max == 1}
    cables = (world.types[world.resources[guid].rtype] for guid in resource.connections) if ones else ()
    return any(is_cable(info) and not ones.isdisjoint(info.lineage) for info in cables)

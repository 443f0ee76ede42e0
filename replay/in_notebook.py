"""How what was read back looks in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import notebook
from replay.views import since_start

if TYPE_CHECKING:
    from replay.views import ResourceView, World


def resource(view: ResourceView) -> str:
    """A resource as it stood, as HTML."""
    return notebook.resource(_row(view, f"{view.times[view.state]:%H:%M:%S}"), view.attributes)


def experiment(world: World) -> str:
    """An experiment as it stood, as HTML."""
    rows = [
        _row(each, f"{since_start(world, each.times[each.state]):.2f}\N{NO-BREAK SPACE}s")
        for each in world.resources.values()
    ]
    moment = f"after event {world.seq}, {since_start(world, world.time):.2f} s from its start"
    return notebook.experiment(f"{world.exp_id}  {world.run_id}", moment, rows)


def _row(view: ResourceView, since: str) -> notebook.Row:
    note = "; ".join(view.waiting_for) if view.error is None else str(view.error["message"])
    return notebook.Row(view.guid, view.label, view.rtype, view.state, since, note)

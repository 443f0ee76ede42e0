"""What stands above the resources: which run, who is in charge of it, which moment, and how many are in which state."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.text import Text

from engine.dates import NS
from replay.cli import screen, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.core.world import World
    from replay.watch.cursor import Cursor


def heading(
    world: World, last: World, holder: Mapping[str, Any] | None, cursor: Cursor, loaded: float, trouble: str
) -> Text:
    """Two lines, and one more if there is trouble.

    Args:
        world: how the experiment stood at the moment.
        last: how it stands now.
        holder: who is in charge.
        cursor: the moment.
        loaded: how much of the log has been read, of 1.
        trouble: what keeps more of it from being read.
    """
    first = Text("  ").join([Text(world.exp_id, "bold"), _moment(last, holder, cursor), _charge(last, holder)])
    first.append("" if loaded >= 1 or trouble else f"  reading, {loaded:.0%}")
    first.append(f"  {world.run_id}", "dim")
    lines = [first, screen.counts(world)]
    if trouble:
        lines.append(Text(f"nothing more can be read: {trouble}", "bold red"))
    return screen.cut(Text("\n").join(lines))


def _charge(world: World, holder: Mapping[str, Any] | None) -> Text:
    """Who is in charge now."""
    aborted = Text(", aborted", "bold red") if world.aborted else Text()
    if world.closed:
        return Text("over") + aborted
    if holder is None:
        return Text("controller gone", "yellow") + aborted
    return Text(f"running, pid {holder.get('pid')}", "green") + aborted


def _moment(world: World, holder: Mapping[str, Any] | None, cursor: Cursor) -> Text:
    if cursor.time is not None:
        return Text(f"at {(cursor.time - world.start) / NS:.2f} s, after event {cursor.seq}", "bold reverse")
    running = holder is not None and not world.closed
    end = time.time_ns() if running else world.time
    return Text(f"{words.duration(max(0, end - world.start))}{', live' if running else ''}")

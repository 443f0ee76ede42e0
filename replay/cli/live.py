"""A run as it goes on, on a terminal: read from its log, as any other reader would."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Final, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

import eventlog
from engine import journal
from engine.core.apply import apply
from engine.core.errors import ExperimentError
from engine.core.world import World
from replay.cli import screen, words

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

_PAUSE: Final = 0.1
"""Seconds from one picture to the next, at least."""

_FRAME: Final = 6
"""Lines of the terminal that are not for resources."""


class Follower:
    """Keeps the world of a run up to date in a thread of its own, which ends with the process or the run.

    Args:
        run_dir: the directory of the run.
        changed: set whenever there is something new.
    """

    def __init__(self, run_dir: Path, changed: threading.Event) -> None:
        self._run_dir = run_dir
        self._changed = changed
        self._lock = threading.Lock()
        self._world = World()
        self._last: eventlog.Event | None = None
        self._trouble = ""
        threading.Thread(target=self._follow, name="netreel-follow", daemon=True).start()

    def _follow(self) -> None:
        try:
            with eventlog.open(self._run_dir) as log:
                for record in log.follow():
                    self._take(record)
                    if record.kind == "run.closed":
                        break
        except (eventlog.LogError, ExperimentError, OSError) as error:
            self._trouble = f"the view stops here: {error}"
            self._changed.set()

    def catch_up(self) -> None:
        """Read what the thread has not come to."""
        with eventlog.open(self._run_dir) as log:
            for record in log.read(after=self._world.seq):
                self._take(record)

    def _take(self, record: eventlog.Event) -> None:
        with self._lock:
            if record.seq == self._world.seq + 1:
                apply(self._world, journal.to_entry(record))
                self._world.touched.clear()
                self._last = record
        self._changed.set()

    def picture(self, width: int, height: int) -> RenderableType:
        """The run as it stands, for a terminal of that size."""
        with self._lock:
            return Group("", self._heading(), self._resources(width, height), self._footing())

    def _heading(self) -> Text:
        world = self._world
        text = Text(no_wrap=True, overflow="ellipsis").append(world.exp_id, style="bold")
        if world.start and not world.closed:
            text.append(f"  {words.duration(max(0, time.time_ns() - world.start))}")
        return text.append(f"  {world.run_id}", style="dim")

    def _resources(self, width: int, height: int) -> RenderableType:
        if len(self._world.resources) > height - _FRAME:
            return screen.counts(self._world)
        return screen.resource_lines(self._world, width)

    def _footing(self) -> Text:
        if self._trouble:
            return Text(self._trouble, style="red")
        if self._last is None:
            return Text()
        who = f" #{self._last.guid}" if self._last.guid else ""
        text = f"{self._last.seq} {self._last.kind}{who}  {words.in_words(self._last)}"
        return Text(text, style="dim", no_wrap=True, overflow="ellipsis")


class Progress:
    """Shows the newest of the runs that it is told of, on a terminal; elsewhere nothing. A context manager.

    Args:
        console: where to.
        quiet: show nothing at all.

    Attributes:
        shown: whether there is anything to be seen.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.shown = console.is_interactive and console.file.isatty() and not quiet
        self._console = console
        # What the script prints must stay on its own stream if that is not this terminal.
        self._live = Live(console=console, auto_refresh=False, redirect_stdout=sys.stdout.isatty())
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._beginning = threading.Lock()  # a script may make its controllers in threads
        self._follower: Follower | None = None
        self._painter = threading.Thread(target=self._paint_on, name="netreel-progress", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._follower is None:
            return
        self._ended.set()
        self._changed.set()
        self._painter.join()
        try:
            self._follower.catch_up()
            self._paint(self._follower)
        finally:
            self._live.stop()

    def watch(self, run_dir: Path) -> None:
        """Show this run from now on."""
        if not self.shown:
            return
        with self._beginning:
            first, self._follower = self._follower is None, Follower(run_dir, self._changed)
            if first:
                self._live.start()
                # Who kills this process from elsewhere, as one may, is not left without a cursor.
                self._console.show_cursor(True)
                self._painter.start()

    def _paint_on(self) -> None:
        while not self._ended.wait(_PAUSE):
            self._changed.wait(1.0)  # the time that has gone by is shown, too
            self._changed.clear()
            if self._follower is not None:
                self._paint(self._follower)

    def _paint(self, follower: Follower) -> None:
        self._live.update(follower.picture(self._console.width, self._console.height), refresh=True)

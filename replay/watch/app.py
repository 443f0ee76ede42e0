"""`netreel watch` on a terminal."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.widgets import Footer, Input, Static

import eventlog
from engine.core.apply import apply
from engine.core.world import World
from replay.traces import Traces
from replay.watch import style
from replay.watch.bar import Bar
from replay.watch.cursor import Cursor
from replay.watch.heading import heading
from replay.watch.help import HelpScreen
from replay.watch.marks import Marks
from replay.watch.moments import Asked, Look, Moments, told
from replay.watch.outline import By
from replay.watch.panel import Panel
from replay.watch.source import Source
from replay.watch.table import Table
from replay.watch.tail import Tail

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from engine.core.world import Resource

_PAINT: Final = 0.1
"""Seconds from one picture to the next, at least."""

_SHARE: Final = 4
"""From one picture to the next also go by so many times as many seconds as the last one took."""

_EVENTS: Final = 200
"""So many events are listed."""

INTERRUPTED: Final = 130
"""Exit status: Ctrl-C."""


class Watch(App[None]):
    """A run on the screen: live, or as it stood at any moment.

    Args:
        run_dir: the directory of the run.
        world: how it stood last, or at a moment; its log is read from the beginning meanwhile.
        at: that moment, in ns since 1970; None to go on with it.

    Attributes:
        settled: set while everything that was asked for is on the screen.
    """

    CSS = style.CSS
    TITLE = "netreel watch"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (150, "-wide")]  # noqa: RUF012 - as it is declared by textual
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Time", key_display="←→"),
        Binding("right", "move(1)", show=False),
        Binding("shift+left,comma", "step(-1)", show=False),
        Binding("shift+right,full_stop", "step(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "live", "Live", key_display="End"),
        Binding("w", "tell('why')", "Why"),
        Binding("e", "tell('events')", "Events"),
        Binding("o", "only", show=False),
        Binding("t", "trace", "Trace"),
        Binding("g", "group", "Tree"),
        # Before whatever has the focus: keys that are typed right after it must find the field for words.
        Binding("slash", "filter", "Filter", key_display="/", priority=True),
        Binding("escape", "clear", show=False),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
    ]

    class News(Message):
        """There is something to take from the source."""

    class Piece(Message):
        """Something has come of a trace."""

        def __init__(self, tail: Tail, text: str, *, is_remark: bool) -> None:
            super().__init__()
            self.tail, self.text, self.is_remark = tail, text, is_remark

    def __init__(self, run_dir: Path, world: World, at: int | None = None) -> None:
        super().__init__()
        self.settled = asyncio.Event()
        self._run_dir = run_dir
        self._shown = world
        self._expected = world.seq
        self._live = World()
        self._marks = Marks()
        self._moments = Moments(run_dir)
        self._cursor = Cursor(self._marks)
        if at is not None:
            self._cursor.pin(world.seq, at)
        self._source = Source(run_dir, lambda: self.post_message(self.News()))
        self._holder = eventlog.holder(run_dir)
        self._asked = Asked.WHY
        self._only = False
        self._tail: Tail | None = None
        self._is_painting, self._took = False, 0.0
        self._wanted = asyncio.Event()
        self._last_look: Look | None = None
        # Kept, since to ask for them by name finds nothing while the keys are explained in front of them.
        self._heading, self._table, self._panel, self._bar = Static(id="heading"), Table(), Panel(), Bar(self._marks)
        self._words = Input(id="filter", placeholder="only what has these words: a state, label, type, #number")

    # --- the parts of the screen ----------------------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        """The parts, from above to below."""
        yield self._heading
        with Container(id="body"):
            yield self._table
            yield self._panel
        yield self._bar
        yield self._words
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to read."""
        self._words.display = False
        self._table.show(self._shown)
        self._table.focus()
        gc.disable()  # what is read makes a great many objects and no garbage: to look for some takes a third of it
        self._source.start()
        self.set_interval(1, self._tick)
        self.run_worker(self._look_on(), name="look")
        self._paint()

    def on_unmount(self) -> None:
        """Let go of the log."""
        gc.enable()
        self._source.stop()
        self._let_go_of_trace()

    def _tick(self) -> None:
        """Time goes by. And nobody is told when whoever held the lock of a run is gone."""
        if not self._live.closed:
            self._holder = eventlog.holder(self._run_dir)
            self._change()

    # --- what comes from the log ----------------------------------------------------------------------------------

    def on_watch_news(self) -> None:
        """Take what was heard."""
        for record, entry in self._source.take():
            apply(self._live, entry)
            self._marks.note(self._live, entry, {*self._live.take_touched(), entry.event.guid})
            if self._tail is not None:
                self._tail.hear(record)
        self._moments.note(self._live)
        if self._is_loaded and not gc.isenabled():
            gc.freeze()
            gc.enable()
        self._change()

    @property
    def _is_loaded(self) -> bool:
        return self._live.seq >= self._expected or bool(self._source.trouble)

    @property
    def _is_running(self) -> bool:
        return self._holder is not None and not self._live.closed

    @property
    def _now(self) -> int:
        """Where the time line ends, in ns since 1970."""
        return max(self._marks.end, time.time_ns() if self._is_running else 0)

    # --- what is shown --------------------------------------------------------------------------------------------

    def _change(self) -> None:
        """Something is different: it is shown soon."""
        self.settled.clear()
        if not self._is_painting:
            self._is_painting = True
            self.set_timer(max(_PAINT, _SHARE * self._took), self._paint)

    def _go(self) -> None:
        """Somebody wants to see something else: at once."""
        self.settled.clear()
        self._paint()

    def _paint(self) -> None:
        began = time.monotonic()
        self._is_painting = False
        if self._cursor.is_live and self._is_loaded and self._live.seq:
            self._shown = self._live
        self._table.show(self._shown)
        self._bar.show(self._now, self._cursor.time)
        self._show_heading()
        self._wanted.set()
        self._took = time.monotonic() - began

    def _show_heading(self) -> None:
        loaded = self._live.seq / max(1, self._expected)
        last = self._live if self._is_loaded else self._shown
        text = heading(self._shown, last, self._holder, self._cursor, loaded, self._source.trouble)
        self._heading.update(text)

    async def _look_on(self) -> None:
        """Look at what is wanted, one after the other: only at the latest, if that changes meanwhile."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            look = self._look()
            if look != self._last_look:
                await self._look_at(look)
            if not self._is_painting and not self._wanted.is_set() and self._is_loaded:
                self.settled.set()

    async def _look_at(self, look: Look) -> None:
        try:
            world = await asyncio.to_thread(self._moments.at, look.seq)
        except (eventlog.LogError, OSError) as error:
            self._show_lines([str(error)])
            return
        if not self._cursor.is_live:
            self._shown = world
            self._table.show(world)
            self._show_heading()
        if not self._cursor.is_live and self._cursor.seq != look.seq:
            return  # whoever moves on does not wait for what takes longer
        self._last_look = look
        self._show_lines(await asyncio.to_thread(told, self._run_dir, world, look))

    def _look(self) -> Look:
        """What is wanted now."""
        seq = self._shown.seq if self._cursor.is_live else self._cursor.seq
        guid = self._chosen.guid if self._chosen is not None else 0
        tick = int(time.time()) if self._is_running and self._cursor.is_live and self._asked is Asked.WHY else 0
        return Look(seq, self._cursor.time, guid, self._asked, tuple(self._events(seq, guid)), tick)

    def _events(self, seq: int, guid: int) -> list[int]:
        """The events to list."""
        if self._asked is not Asked.EVENTS:
            return []
        if self._only:
            return list(self._marks.of(guid, seq)[-_EVENTS:])
        return list(range(max(1, seq - _EVENTS + 1), seq + 1))

    def _show_lines(self, lines: list[str]) -> None:
        lines = lines or ["nothing is chosen" if self._asked is Asked.WHY else "no event so far"]
        self._panel.tell(lines, to_the_end=self._asked is Asked.EVENTS)
        self._show_title()

    def _show_title(self) -> None:
        who = "" if self._chosen is None else _called(self._chosen)
        if self._tail is not None:
            resource = self._live.resources.get(self._tail.guid)
            text = f"trace {self._tail.name} of {_called(resource) if resource else self._tail.guid}, as it is now"
        elif self._asked is Asked.EVENTS:
            text = f"events of {who}" if self._only else "events"
        else:
            text = f"why {who}".rstrip()
        self._panel.caption(text)

    @property
    def _chosen(self) -> Resource | None:
        key = self._table.chosen
        return self._shown.resources.get(key) if isinstance(key, int) else None

    def on_table_chosen(self) -> None:
        """Another resource is to be told about."""
        self._panel.rewind()
        self.settled.clear()
        self._wanted.set()

    # --- time -----------------------------------------------------------------------------------------------------

    def action_move(self, by: int) -> None:
        """Go back or forth by columns of the time line."""
        if self._may_move():
            self._cursor.move(by * self._bar.step, self._now)
            self._go()

    def action_step(self, by: int) -> None:
        """Go back or forth by events."""
        if self._may_move():
            self._cursor.step(by)
            self._go()

    def _may_move(self) -> bool:
        """Whether it is known what happened when."""
        if not self._is_loaded:
            self.notify("the log is still being read: one moment", timeout=2)
        return self._is_loaded

    def action_first(self) -> None:
        """Go to the beginning."""
        if self._may_move():
            self._cursor.go(self._marks.start, self._now)
            self._go()

    def action_live(self) -> None:
        """Go to now."""
        self._cursor.live()
        self._go()

    def on_bar_clicked(self, event: Bar.Clicked) -> None:
        """Go there."""
        if self._may_move():
            self._cursor.go(event.moment, self._now)
            self._go()

    # --- what is told ---------------------------------------------------------------------------------------------

    def action_tell(self, what: str) -> None:
        """Tell why, or the events."""
        self._asked = Asked(what)
        self._let_go_of_trace()
        self._panel.show_told()
        self._go()

    def action_only(self) -> None:
        """List the events of the chosen resource only, or all of them."""
        self._only = not self._only
        self.action_tell("events")

    def action_trace(self) -> None:
        """Show a trace of the chosen resource; if one is shown, its next one."""
        chosen = self._chosen
        if chosen is None or chosen.guid not in self._live.resources:
            self.notify("choose a resource first", severity="warning")
            return
        names = Traces(self._run_dir, self._live).names(self._live.resources[chosen.guid])
        if not names:
            self.notify(f"#{chosen.guid} {chosen.rtype} records no trace", severity="warning")
            return
        shown = names.index(self._tail.name) if self._tail and self._tail.guid == chosen.guid else -1
        self._follow(chosen.guid, names[(shown + 1) % len(names)])

    def _follow(self, guid: int, name: str) -> None:
        self._let_go_of_trace()
        self._panel.show_trace()
        self._tail = Tail(self._run_dir, self._live.seq, guid, name, self._hear_piece)
        self._show_title()

    def _hear_piece(self, tail: Tail, text: str, *, is_remark: bool) -> None:
        """Called from the thread of the tail."""
        self.post_message(self.Piece(tail, text, is_remark=is_remark))

    def on_watch_piece(self, event: Piece) -> None:
        """Show it, if it is still wanted."""
        event.tail.shown()
        if event.tail is self._tail:
            self._panel.write(event.text, is_remark=event.is_remark)

    def _let_go_of_trace(self) -> None:
        if self._tail is not None:
            self._tail.stop()
            self._tail = None

    # --- which resources ------------------------------------------------------------------------------------------

    def action_group(self) -> None:
        """Make the tree by something else."""
        ways = list(By)
        self._table.group_by(ways[(ways.index(self._table.by) + 1) % len(ways)])
        self.notify(f"by {self._table.by}", timeout=2)
        self._go()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool:  # noqa: ARG002 - textual's signature
        """Whether a key does something now: where words are typed, and where keys are explained, `/` does nothing."""
        return action != "filter" or not (self.focused is self._words or isinstance(self.screen, HelpScreen))

    def action_filter(self) -> None:
        """Ask for words."""
        self._words.display = True
        self.screen.set_focus(self._words)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Show what has these words."""
        self._table.filter(event.value)
        self._go()

    def on_input_submitted(self) -> None:
        """Back to the resources, with what was found."""
        self._words.display = bool(self._table.wanted)
        self._table.focus()

    def action_clear(self) -> None:
        """Show all resources again."""
        self._words.value = ""
        self._words.display = False
        self._table.focus()

    # --- the rest -------------------------------------------------------------------------------------------------

    def action_help(self) -> None:
        """Show what the keys do."""
        self.push_screen(HelpScreen())

    def action_interrupt(self) -> None:
        """Ctrl-C."""
        self.exit(return_code=INTERRUPTED)


def _called(resource: Resource) -> str:
    return f"#{resource.guid} {resource.label or resource.rtype}"

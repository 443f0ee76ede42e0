"""The tree of resources on the screen: one line each, with a line that is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.core.world import World
from replay.cli import screen, words
from replay.watch.notes import note
from replay.watch.outline import By, outline

if TYPE_CHECKING:
    from textual import events

    from engine.core.world import Resource
    from replay.watch.outline import Key, Line

_INDENT: Final = 2
_WIDEST_NAME: Final = 34
_STATE: Final = 12
_SINCE: Final = 14
_TYPE: Final = 20
_SHOWS_SINCE: Final = 64
_SHOWS_TYPE: Final = 110
"""From so many columns on there is one for it."""

_MARKS: Final = {None: " ", True: "▾", False: "▸"}


class Table(ScrollView, can_focus=True, inherit_bindings=False):
    """The resources of an experiment."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("space,enter", "fold", show=False),
    ]

    class Chosen(Message):
        """Another line was chosen.

        Attributes:
            key: which one; None if there is none.
        """

        def __init__(self, key: Key | None) -> None:
            super().__init__()
            self.key = key

    def __init__(self) -> None:
        super().__init__(id="resources")
        self.by = By.CONNECTION
        self.wanted = ""
        self._world = World()
        self._toggled: set[Key] = set()
        self._lines: list[Line] = []
        self._cursor = 0
        self._name_width = 0

    # --- what is shown

    @property
    def chosen(self) -> Key | None:
        """The line that is chosen; None if there is none."""
        return self._lines[self._cursor].key if self._lines else None

    def show(self, world: World) -> None:
        """Show how an experiment stands. The same resource stays chosen, if it is there."""
        before, self._world = self.chosen, world
        self._lines = outline(world, self.by, self._toggled, self.wanted)
        keys = [line.key for line in self._lines]
        self._cursor = keys.index(before) if before in keys else max(0, min(self._cursor, len(keys) - 1))
        self._name_width = min(_WIDEST_NAME, max((len(self._called(line)) for line in self._lines), default=0))
        self.virtual_size = Size(0, len(self._lines))
        self.refresh()
        if self.chosen != before:
            self._follow_cursor()

    def group_by(self, by: By) -> None:
        """Make the tree by something else."""
        self.by = by
        self.show(self._world)

    def filter(self, wanted: str) -> None:
        """Show only resources that show these words."""
        self.wanted = wanted
        self.show(self._world)

    def choose(self, key: Key) -> None:
        """Choose a line, if it is there."""
        number = next((number for number, line in enumerate(self._lines) if line.key == key), None)
        if number is not None:
            self._go_to(number)

    # --- keys and clicks

    def action_move(self, by: int) -> None:
        """Choose the next line, or the one before."""
        self._go_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Choose a line a page further down, or up."""
        self._go_to(self._cursor + by * max(1, self.size.height - 1))

    def action_fold(self) -> None:
        """Fold or unfold the line that is chosen."""
        if self._lines and self._lines[self._cursor].is_open is not None:
            self._toggled ^= {self._lines[self._cursor].key}
            self.show(self._world)

    def on_click(self, event: events.Click) -> None:
        """Choose the line that was clicked; on its mark, fold or unfold it."""
        number = int(event.y) + round(self.scroll_y)
        if number < len(self._lines):
            self._go_to(number)
            if event.x <= self._lines[number].depth * _INDENT + 1:
                self.action_fold()

    def _go_to(self, number: int) -> None:
        number = max(0, min(number, len(self._lines) - 1))
        if number != self._cursor:
            self._cursor = number
            self.refresh()
            self._follow_cursor()

    def _follow_cursor(self) -> None:
        self.scroll_to_region(Region(0, self._cursor, 1, 1), animate=False, force=True)
        self.post_message(self.Chosen(self.chosen))

    # --- how it looks

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        number = y + round(self.scroll_y)
        width = self.size.width
        if number >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        text = self._text(self._lines[number], width)
        text.truncate(width, overflow="ellipsis", pad=True)
        if number == self._cursor:
            text.stylize("bold on #264f78" if self.has_focus else "on #3a3a3a")
        return Strip(text.render(self.app.console), width).apply_style(self.rich_style)

    def _text(self, line: Line, width: int) -> Text:
        text = _fitted(self._called(line), self._name_width)
        resource = self._world.resources.get(line.key) if isinstance(line.key, int) else None
        if resource is not None:
            self._append(text, resource, width)
        if line.hidden:
            present = (self._world.resources.get(guid) for guid in line.hidden)
            text.append_text(screen.counted(words.counts_of(each for each in present if each is not None)))
            text.append("  ")
        return text.append(note(self._world, resource), "dim") if resource is not None else text

    def _called(self, line: Line) -> str:
        # The world goes on: what has been taken back meanwhile is still a line until all are made anew.
        resource = self._world.resources.get(line.key) if isinstance(line.key, int) else None
        label = "" if resource is None or resource.label is None else f" {words.one_line(resource.label)}"
        name = f"#{line.key}{label}" if isinstance(line.key, int) else line.key
        return f"{' ' * _INDENT * line.depth}{_MARKS[line.is_open]} {name}"

    def _append(self, text: Text, resource: Resource, width: int) -> None:
        if width >= _SHOWS_TYPE:
            text.append_text(_fitted(resource.rtype, _TYPE))
        text.append_text(screen.state(resource))
        text.append(" " * (_STATE - len(resource.state.name)))
        if width >= _SHOWS_SINCE:
            since = words.duration(resource.times[resource.state] - self._world.start)
            text.append(f"{f'+{since}':<{_SINCE}}", "dim")


def _fitted(text: str, width: int) -> Text:
    """A text that is exactly so wide, with two blanks behind it."""
    fitted = Text(text, no_wrap=True)
    fitted.truncate(width, overflow="ellipsis", pad=True)
    return fitted.append("  ")

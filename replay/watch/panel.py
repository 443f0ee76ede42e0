"""What is told below the resources: why, the events, or the end of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import ContentSwitcher, Log, Static

from replay.cli import words

if TYPE_CHECKING:
    from textual.app import ComposeResult

_TRACE_LINES: Final = 2000
_NARROWEST: Final = 20
_MARGINS: Final = 3
"""Columns that what is told does not have: one on each side, and that of the scroll bar."""

_SCROLLING: Final = [
    Binding("up,k", "scroll_up", show=False),
    Binding("down,j", "scroll_down", show=False),
    Binding("pageup", "page_up", show=False),
    Binding("pagedown", "page_down", show=False),
]
"""The keys of what is scrolled; those to the left and to the right go through time, here as everywhere."""


class Told(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Where it is told why, and what happened."""

    BINDINGS: ClassVar[list[BindingType]] = [*_SCROLLING]


class Trace(Log, can_focus=True, inherit_bindings=False):
    """Where the end of a trace is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*_SCROLLING]


class Panel(Container):
    """A line that says what is told, and that."""

    def __init__(self) -> None:
        super().__init__(id="below")
        self._lines: list[str] = []
        self._caption, self._text, self._told = Static(id="title"), Static(id="text"), Told(id="told")
        self._trace = Trace(id="trace", max_lines=_TRACE_LINES)
        self._switcher = ContentSwitcher(initial="told", id="panel")

    def compose(self) -> ComposeResult:
        """The parts."""
        yield self._caption
        with self._switcher:
            with self._told:
                yield self._text
            yield self._trace

    def caption(self, text: str) -> None:
        """Say what is told."""
        self._caption.update(Text(text, "bold", no_wrap=True, overflow="ellipsis"))

    def tell(self, lines: list[str], *, to_the_end: bool) -> None:
        """Tell something, folded to the width of the screen; of what is long the beginning or the end."""
        self._lines = lines
        self._fold()
        if to_the_end:
            self._told.scroll_end(animate=False)

    def on_resize(self) -> None:
        """Fold it anew."""
        self.call_after_refresh(self._fold)

    def _fold(self) -> None:
        width = max(_NARROWEST, self.size.width - _MARGINS)
        self._text.update(Text(words.folded("\n".join(self._lines), width)))

    def show_told(self) -> None:
        """Show what is told, in place of a trace."""
        self._switcher.current = "told"
        self.rewind()

    def rewind(self) -> None:
        """Go to the beginning of what is told."""
        self._told.scroll_home(animate=False)

    def show_trace(self) -> None:
        """Show a trace, of which nothing has come so far."""
        self._trace.clear()
        self._switcher.current = "trace"

    def write(self, text: str, *, is_remark: bool) -> None:
        """Show what comes of the trace, or a remark about it."""
        self._trace.write_line(f"[{text}]") if is_remark else self._trace.write(text)

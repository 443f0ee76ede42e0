"""What the keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult

KEYS: Final = (
    ("← →", "back and forth in time, by a column of the time line"),
    ("shift+← →, or , .", "by one event"),
    ("Home, End", "to the beginning; to now, and on with it"),
    ("↑ ↓, PgUp PgDn", "choose a resource, or scroll what has the focus"),
    ("space, Enter", "fold or unfold"),
    ("w", "why the chosen one is in its state, what it waits for"),
    ("e", "the events up to that moment"),
    ("o", "those of the chosen one only; all again"),
    ("t", "the end of its trace, as it grows; again: its next one"),
    ("g", "the tree by connection, by group, by type"),
    ("/, Esc", "show only what has these words; show all again"),
    ("Tab", "move the focus between the resources and what is below"),
    ("q, Ctrl-C", "leave: the run does not notice"),
)
"""The keys, and what each does."""


class HelpScreen(ModalScreen[None]):
    """The keys, in front of everything else."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter,space", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        """All of them, in two columns."""
        widest = max(len(keys) for keys, _ in KEYS)
        text = Text()
        for keys, what in KEYS:
            text.append(f"{keys:<{widest}}", "bold").append(f"  {what}\n")
        text.append("\nIt only reads: nothing here changes the run. Escape closes this.", "dim")
        with VerticalScroll(id="help"):
            yield Static(text)

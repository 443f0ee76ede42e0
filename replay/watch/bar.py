"""The time line on the screen: how much ran when, where something failed, and which moment is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual.message import Message
from textual.widget import Widget

from engine.dates import NS
from replay.cli.words import duration

if TYPE_CHECKING:
    from textual import events

    from replay.watch.marks import Marks

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_IDLE: Final = "·"


class Bar(Widget):
    """The time line of a run: two lines."""

    class Clicked(Message):
        """Somebody has pointed at a moment.

        Attributes:
            moment: which one, in ns since 1970.
        """

        def __init__(self, moment: int) -> None:
            super().__init__()
            self.moment = moment

    def __init__(self, marks: Marks) -> None:
        super().__init__(id="time")
        self._marks = marks
        self._end = 0
        self._time: int | None = None

    def show(self, end: int, time: int | None) -> None:
        """Show the time up to `end`, and the moment that is looked at; None for now. In ns since 1970."""
        self._end, self._time = end, time
        self.refresh()

    @property
    def step(self) -> int:
        """The time that a column stands for, in ns."""
        return max(1, (self._end - self._marks.start) // max(1, self.size.width))

    def on_click(self, event: events.Click) -> None:
        """Go there."""
        length = self._end - self._marks.start
        self.post_message(self.Clicked(self._marks.start + length * (int(event.x) + 1) // max(1, self.size.width)))

    def render(self) -> Text:
        """Above, a block for each piece of the time, as high as many resources were STARTED; below, when that was."""
        width = self.size.width
        if not len(self._marks) or not width:
            return Text()
        here = self._column(width)
        return Text("\n", no_wrap=True, end="").join([self._blocks(width, here), self._axis(width, here)])

    def _column(self, width: int) -> int:
        """Where the moment stands that is looked at."""
        if self._time is None:
            return width - 1
        length = max(1, self._end - self._marks.start)
        return max(0, min(width - 1, (self._time - self._marks.start) * width // length))

    def _blocks(self, width: int, here: int) -> Text:
        text = Text()
        for number, column in enumerate(self._marks.columns(width, self._end)):
            height = -(-column.started * (len(_BLOCKS) - 1) // max(1, self._marks.most))
            block = _IDLE if column.busy and not height else _BLOCKS[height]
            style = "red" if column.failed else "green" if height else "dim"
            mark = "✗" if column.failed else block
            text.append(mark, "bold white on #264f78" if number == here else style)
        return text

    def _axis(self, width: int, here: int) -> Text:
        """The start and the end at their ends, and an arrow at the moment that is looked at, with its time."""
        first, last = "0 s", duration(self._end - self._marks.start)
        if self._time is None:
            return Text(f"{first}{last:>{width - len(first)}}", "dim")
        told = f"{(self._time - self._marks.start) / NS:.2f} s"
        to_the_right = here + len(told) + 2 < width
        arrow = f"▲ {told}" if to_the_right else f"{told} ▲"
        begin = here if to_the_right else max(0, here - len(told) - 1)
        text = Text(first if begin > len(first) else "", "dim")
        text.append(" " * (begin - len(text))).append(arrow, "bold")
        room = width - len(text)
        return text.append(f"{last:>{room}}" if room > len(last) else "", "dim")

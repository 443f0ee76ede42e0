"""What is written where there is no terminal is what a terminal would show, uncut."""

import io

from rich.console import Console
from rich.text import Text

from replay.cli import screen


def test_a_table_is_as_rich_draws_it(capsys):
    table = screen.grid("#", "STATE", "SIZE", "WHAT")
    table.columns[2].justify = "right"
    table.add_row("1", Text("READY", style="blue"), "5", "a\nand b")
    table.add_row("", "größe 漢字", "1234", Text("x" * 300))
    table.add_row("12", "", "")
    shown = io.StringIO()
    Console(file=shown, width=10_000).print(table)
    screen.put(table)
    assert capsys.readouterr().out.splitlines() == [line.rstrip() for line in shown.getvalue().splitlines()]


def test_parts_come_one_below_the_other(capsys):
    screen.put(Text("one\ntwo", style="bold"), "", screen.grid("#", "WHAT"), "three")
    assert capsys.readouterr().out.splitlines() == ["one", "two", "", "#  WHAT", "three"]


def test_colours_that_are_asked_for_are_there(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen.put(Text("one", style="bold"))
    assert capsys.readouterr().out == "\x1b[1mone\x1b[0m\n"

"""Makes the manual pages of docs/man from the commands, so that they cannot say anything else.

python tools/man.py            # writes them
python tools/man.py --check    # exits with 1 if one is not up to date
"""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click_man.core import generate_man_page

from replay.cli.program import main as program

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = Path(__file__).parent.parent / "docs" / "man"
VERSION = metadata.version("netreel")


def main() -> int:
    pages = dict(make_pages())
    kept = {path.name: path.read_text(encoding="utf-8") for path in PAGES.glob("*.1")}
    if "--check" in sys.argv:
        if pages != kept:
            print("docs/man is not up to date: run tools/man.py")
        return pages != kept
    PAGES.mkdir(exist_ok=True)
    for name in kept.keys() - pages.keys():
        (PAGES / name).unlink()
    for name, text in pages.items():
        (PAGES / name).write_text(text, encoding="utf-8")
    return 0


def make_pages() -> Iterator[tuple[str, str]]:
    """The pages, by the names of their files: one for the program and one for each command."""
    lazy = click.Context(program)
    commands = {name: program.get_command(lazy, name) for name in program.list_commands(lazy)}
    whole = click.Group("netreel", commands, help=program.help, epilog=program.epilog, params=program.params)
    whole.short_help = whole.get_short_help_str(limit=200)  # else it is cut to 45 characters
    top = click.Context(whole, info_name="netreel")
    yield "netreel.1", page(top)
    for name, command in commands.items():
        yield f"netreel-{name}.1", page(click.Context(command, info_name=name, parent=top))


def page(ctx: click.Context) -> str:
    """One page. It has no date, so that it changes only when what it says does."""
    made = generate_man_page(ctx, version=VERSION, date="netreel " + VERSION)
    return plain(f"{made}\n{examples(ctx.command.epilog or '')}")


def examples(epilog: str) -> str:
    """What stands below the options of a command's help: lines as they are, and paragraphs."""
    head, _, rest = epilog.replace("\b", "").strip().partition("\n\n")
    lines = head.removeprefix("Example:").strip("\n")
    return f".SH EXAMPLE\n.nf\n{escaped(lines)}\n.fi\n" + (f".PP\n{escaped(rest)}\n" if rest else "")


def escaped(text: str) -> str:
    """A text that troff shows as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.splitlines())


def plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.replace("\b", "").splitlines()) + "\n"


if __name__ == "__main__":
    sys.exit(main())

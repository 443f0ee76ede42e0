"""`netreel types`. The one command that loads resource types to look at them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem
from rich.text import Text

from engine.core.errors import UnknownResourceType
from engine.rm.attributes import describe_type
from engine.rm.base import ANY
from engine.rm.registry import ResourceFactory
from replay.cli import screen, words
from replay.cli.completing import Offered
from replay.cli.program import common

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.table import Table

    from engine.rm.attributes import Attribute
    from engine.rm.base import ResourceManager
    from engine.rm.links import LinkDeclaration
    from engine.rm.traces import Trace
    from replay import answers

_WHEN: Final = {"design": [], "live": ["can be set while it runs"], "never": ["cannot be set"]}
"""When an attribute can be set, where that is not just before it is deployed."""

RTYPE: Final = Offered("rtype", lambda _: map(CompletionItem, ResourceFactory.resource_types()))


@click.command(
    "types",
    epilog="""\b
Example:
  netreel types
  netreel types linux::Application
  netreel types --json | jq '.[].rtype'""",
)
@click.argument("rtype", required=False, type=RTYPE)
@common
def types(rtype: str | None, home: Path, as_json: bool) -> None:  # noqa: ARG001 - an option of all commands
    """List the resource types that are installed, or show what one of them takes and does."""
    if rtype is not None:
        cls = ResourceFactory.get_resource_type(rtype)
        if as_json:
            click.echo(words.to_json(_page_json(cls)))
        else:
            screen.put(*_page(cls))
        return
    listed = [_listed(name) for name in ResourceFactory.resource_types()]
    if as_json:
        click.echo(words.to_json(listed))
    else:
        screen.put(_list(listed))


# --- the list ---------------------------------------------------------------------------------------------------


def _listed(rtype: str) -> answers.ListedType:
    """A type in the list; one that cannot be loaded has the reason in place of what it is."""
    try:
        cls = ResourceFactory.get_resource_type(rtype)
    except UnknownResourceType as error:
        return {"rtype": rtype, "help": None, "problem": str(error)}
    return {"rtype": rtype, "help": _help(cls).partition("\n")[0], "problem": None}


def _list(listed: list[answers.ListedType]) -> Table:
    table = screen.grid("TYPE", "WHAT")
    for entry in listed:
        problem = entry["problem"]
        table.add_row(entry["rtype"], Text(entry["help"] or "") if problem is None else Text(problem, style="red"))
    return table


def _help(cls: type[ResourceManager]) -> str:
    """What a type says of itself; it need not say anything."""
    return inspect.cleandoc(cls.__doc__ or "")


# --- one type ---------------------------------------------------------------------------------------------------


def _page(cls: type[ResourceManager]) -> Iterator[Text | Table | str]:
    above = [name for name in cls.lineage() if name not in {cls.rtype, ANY}]
    yield Text(cls.rtype, style="bold") + Text(f"  extends {', '.join(above)}" if above else "", style="dim")
    yield from _paragraphs(_help(cls))
    yield from _section("ATTRIBUTE", ((name, _told(attribute)) for name, attribute in cls.declared().items()))
    yield from _section("LINK", ((name, Text(_link(link))) for name, link in cls.links.items()))
    yield from _section("TRACE", ((trace.name, Text(_trace(trace.help, trace.enabled))) for trace in cls.traces))
    hooks = ", ".join(map(str, cls.hooks())) or "none: its states just follow each other"
    yield Text("\nHooks: ", style="dim") + Text(hooks)


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a docstring, each with an empty line before it. The terminal breaks the lines anew."""
    for paragraph in filter(None, text.split("\n\n")):
        is_set = "\n " in paragraph  # an example, or a list
        yield "\n" + (paragraph if is_set else " ".join(paragraph.split()))


def _section(heading: str, rows: Iterator[tuple[str, Text]]) -> Iterator[Table | str]:
    table = screen.grid(heading, "")
    for name, text in rows:
        table.add_row(name, text)
    if table.row_count:
        yield ""
        yield table


def _told(attribute: Attribute) -> Text:
    """An attribute in words: its type and default, what it takes, and what it is for."""
    default = "must be set" if attribute.required else f"default {attribute.default!r}"
    ends = ("at least", attribute.ge), ("at most", attribute.le)
    bounds = [f"{word} {bound}" for word, bound in ends if bound is not None]
    choices = [] if attribute.choices is None else [f"one of {', '.join(map(repr, attribute.choices))}"]
    secret = ["secret: give env:NAME or file:PATH"] if attribute.secret else []
    facts = [describe_type(attribute.type), default, *bounds, *choices, *secret, *_WHEN[attribute.when]]
    return Text("; ".join(facts), style="dim") + Text(f"\n{attribute.help}" if attribute.help else "", style="not dim")


def _link(link: LinkDeclaration) -> str:
    most = "any number" if link.max is None else str(link.max)
    number = most if link.min == link.max else f"{link.min} to {most}"
    return f"{number} of {link.rtype}; its {link.before} waits until they are {link.after.name}"


def _trace(text: str, enabled: bool) -> str:
    return text if enabled else f"{text} Off unless it is switched on.".strip()


def _page_json(cls: type[ResourceManager]) -> answers.ResourceType:
    return {
        "rtype": cls.rtype,
        "help": _help(cls),
        "lineage": [name for name in cls.lineage() if name != ANY],
        "attributes": {name: _attribute_json(attribute) for name, attribute in cls.declared().items()},
        "links": [_link_json(link) for link in cls.links.values()],
        "traces": [_trace_json(trace) for trace in cls.traces],
        "hooks": [str(hook) for hook in cls.hooks()],
    }


def _link_json(link: LinkDeclaration) -> answers.Link:
    after, before = link.after.name, str(link.before)
    return {"name": link.name, "rtype": link.rtype, "min": link.min, "max": link.max, "after": after, "before": before}


def _trace_json(trace: Trace) -> answers.DeclaredTrace:
    return {"name": trace.name, "help": trace.help, "enabled": trace.enabled}


def _attribute_json(attribute: Attribute) -> answers.Attribute:
    return {
        "type": describe_type(attribute.type),
        "required": attribute.required,
        "default": attribute.initial(),
        "choices": None if attribute.choices is None else list(attribute.choices),
        "ge": attribute.ge,
        "le": attribute.le,
        "when": attribute.when,
        "secret": attribute.secret,
        "help": attribute.help,
    }

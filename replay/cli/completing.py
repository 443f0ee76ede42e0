"""What the Tab key offers: which runs there are, and what is in them; and the command that switches it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem, get_completion_class

import eventlog
from engine.core.errors import ExperimentError
from replay.cli import runs, words
from replay.cli.program import Refused, common, main
from replay.views import find

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from engine.core.world import World
    from replay import answers

_SHELLS: Final = ("bash", "zsh", "fish")
_UNREADABLE: Final = (Refused, ExperimentError, eventlog.LogError, OSError)


class Offered(click.ParamType):  # type: ignore[type-arg]  # it takes arguments only in later versions
    """Any text. What there is that begins as was typed is offered; nothing where that cannot be found out."""

    def __init__(self, name: str, items: Callable[[click.Context], Iterable[CompletionItem]]) -> None:
        self.name = name
        self._items = items

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """What may stand where this was typed."""
        try:
            return [item for item in self._items(ctx) if item.value.startswith(incomplete)]
        except _UNREADABLE:
            return []


def _runs(ctx: click.Context) -> Iterator[CompletionItem]:
    seen = set[str]()
    for run in runs.all_runs(ctx.params["home"]):
        if run.exp_id not in seen:
            seen.add(run.exp_id)
            yield CompletionItem(run.exp_id, help="its latest run")
        yield CompletionItem(run.short_id, help=run.exp_id)


def _resources(ctx: click.Context) -> Iterator[CompletionItem]:
    world = _world(ctx)
    for guid, resource in world.resources.items():
        yield CompletionItem(resource.label or str(guid), help=f"{resource.rtype} {words.label(world, resource)}")


def _traces(ctx: click.Context) -> Iterator[CompletionItem]:
    world = _world(ctx)
    resources = [find(world, ctx.params["guid"])] if ctx.params.get("guid") else world.resources.values()
    for name in sorted({name for resource in resources for name in world.types[resource.rtype].traces}):
        yield CompletionItem(name)


def _world(ctx: click.Context) -> World:
    run = ctx.params.get("run")
    if run is None:  # as behind an option that still lacks its value: then click has not looked at the words before it
        raise Refused("of which run?")
    return runs.world(runs.find(ctx.params["home"], run))


RUN: Final = Offered("run", _runs)
GUID: Final = Offered("guid", _resources)
"""A resource of the run that stands before it, as is a trace."""
TRACE: Final = Offered("name", _traces)


@click.command(
    epilog="""\b
Example:
  netreel completion bash > ~/.local/share/bash-completion/completions/netreel
  netreel completion fish > ~/.config/fish/completions/netreel.fish
  source <(netreel completion zsh)"""
)
@click.argument("shell", type=click.Choice(_SHELLS))
@common
def completion(shell: str, home: Path, as_json: bool) -> None:  # noqa: ARG001 - an option of all commands
    """Write a script for your shell, by which the Tab key completes commands, options, runs, resources and traces."""
    script = get_completion_class(shell)
    assert script is not None
    text = script(main, {}, "netreel", "_NETREEL_COMPLETE").source()
    told: answers.Completion = {"shell": shell, "script": text}
    click.echo(words.to_json(told) if as_json else text)

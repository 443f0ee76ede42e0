"""`netreel validate`."""

from __future__ import annotations

from pathlib import Path

import click

from engine import description
from engine.core.errors import UsageError
from replay.cli import words
from replay.cli.program import REFUSED, common, say


@click.command(
    epilog="""\b
Example:
  netreel validate experiment.json"""
)
@click.argument("file", type=click.Path(path_type=Path))
@common
def validate(file: Path, home: Path, as_json: bool) -> int:  # noqa: ARG001 - an option that all commands have
    """See whether the description in FILE (.xml, .json, .clab.yml) can be loaded and deployed. Nothing is made of it.

    If it cannot, each reason is one line on standard error, and the exit status is 2.
    """
    found = None
    try:
        found = description.read(file)
        problems = description.problems(found)
    except description.BadDescription as error:
        problems = error.problems
    except UsageError as error:
        problems = (str(error),)
    if as_json:
        click.echo(words.to_json({"file": str(file), "valid": not problems, "problems": list(problems)}))
    elif problems or found is None:
        for problem in problems:
            say(problem)
    else:
        for remark in found.remarks:
            say(f"{file}: {remark}")
        click.echo(f"{file}: {found.exp_id} with {words.count(len(found.resources), 'resource')} is in order")
    return REFUSED if problems else 0

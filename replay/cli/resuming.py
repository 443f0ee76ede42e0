"""`netreel resume`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from replay.cli import runs, scripts
from replay.cli.charge import Charge
from replay.cli.completing import RUN
from replay.cli.program import INTERRUPTED, TERMINATED, common, say
from replay.cli.running import conclude, printing, quiet_option
from replay.resumption import origin_of, playing_back

if TYPE_CHECKING:
    from pathlib import Path

    from replay.resumption import Origin


@click.command(
    epilog="""\b
Example:
  netreel resume hello
  netreel resume hello --accept"""
)
@click.argument("run", type=RUN)
@click.option("--accept", is_flag=True, help="Run what was added at the end of the script.")
@quiet_option
@common
def resume(run: str, accept: bool, quiet: bool, home: Path, as_json: bool) -> int:
    """Run the script of a run again, from the top: it goes on where it was when its controller died.

    What the log holds of its calls is answered from there: nothing is done twice. The first call that the log does not
    hold takes the run over, and from there on everything is live. The script runs where it ran, with the arguments that
    it had, in the environment of this command. If it makes other calls than it did, nothing is changed.
    """
    found = runs.find(home, run)
    origin = origin_of(found.path)
    origin.check()
    os.environ["NETREEL_HOME"] = str(found.path.parent.parent)
    charge = Charge(quiet=quiet)
    with printing(as_json=as_json), playing_back(found.path, accept=accept) as past:
        if origin.has_changed():
            say(f"{origin.path} is not as it was; its calls are compared with those in the log, one by one")
        status = charge.during(lambda: _run(origin, charge))
        if status not in (INTERRUPTED, TERMINATED):
            past.check_told()
    return conclude(charge, status, home, as_json=as_json)


def _run(origin: Origin, charge: Charge) -> int:
    with origin.surroundings():
        return scripts.run(origin.path, origin.args, lambda: charge.letting_go, origin.module)

"""`netreel trace`: what the resources of a run have recorded."""

from __future__ import annotations

import codecs
import math
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from engine.core.decide import describe
from engine.rm.fetching import NotFetched
from replay.cli import runs, screen, words
from replay.cli.completing import GUID, RUN, TRACE
from replay.cli.downloading import PATIENCE, download, say_problems
from replay.cli.program import FAILED, Refused, common, say
from replay.following import Follow
from replay.patience import Patience
from replay.traces import NotRead, Traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from rich.table import Table

    from engine.core.world import Resource
    from replay.cli.runs import Reading
    from replay.traces import Listed


@click.command(
    "trace",
    epilog="""\b
Example:
  netreel trace hello
  netreel trace hello 3 stdout
  netreel trace -f hello server stdout
  netreel trace hello 4 a.pcap | tshark -r -
  netreel trace hello --all --output results/""",
)
@click.argument("run", type=RUN)
@click.argument("guid", required=False, type=GUID)
@click.argument("names", nargs=-1, metavar="[NAME]...", type=TRACE)
@click.option("-f", "--follow", is_flag=True, help="Go on as it is written, until its resource has ended.")
@click.option("--output", help="File to download it into; the directory, if there are several or it ends with /.")
@click.option("--all", "everything", is_flag=True, help="Download all there are.")
@click.option("--bytes", "raw", is_flag=True, help="Show binary on a terminal, too.")
@common
def trace(
    run: str,
    guid: str | None,
    names: tuple[str, ...],
    follow: bool,
    output: str | None,
    everything: bool,
    raw: bool,
    home: Path,
    as_json: bool,
) -> int:
    """Show what a resource has recorded, by its number or label; without a NAME, which traces there are.

    The run may go on, its controller may be gone, or it may be over: then what was collected is there, and what is on
    this machine.
    """
    output = None if output == "-" else output
    _check(guid, names, output, follow=follow, everything=everything)
    reading = runs.read(runs.find(home, run))
    traces = Traces(reading.run.path, reading.world)
    resources = list(reading.world.resources.values()) if guid is None else [traces.find(guid)]
    if output is not None:
        return download(traces, resources, names, output, as_json=as_json)
    if not names:
        return _list(traces, resources, as_json=as_json)
    (resource,), (name,) = resources, names
    try:
        if follow:
            _tell_if_alone(reading)
            following = Follow(traces, resource, name, Patience(math.inf, say), say)
            _put_pieces(following.pieces(), raw=raw, as_json=as_json)
        else:
            _put_whole(traces, resource, name, raw=raw, as_json=as_json)
    except (NotRead, NotFetched) as error:
        say(str(error) if isinstance(error, NotRead) else f"trace {name!r} of {describe(resource)}: {error}")
        return FAILED
    return 0


def _check(guid: str | None, names: Sequence[str], output: str | None, *, follow: bool, everything: bool) -> None:
    """Refuse options that do not go together."""
    if follow and (len(names) != 1 or output is not None or everything):
        raise Refused("-f follows one trace, and shows it: give a GUID and a NAME, and > FILE to have it in a file")
    if everything and (names or output is None):
        raise Refused("--all downloads all there are: give --output DIR with it, and no NAME")
    if len(names) > 1 and output is None:
        raise Refused("several traces are downloaded: give --output DIR with them")
    if output is not None and not names and not everything:
        what = "all traces of all resources" if guid is None else "all of its traces"
        raise Refused(f"give the NAME of what is to be downloaded, or --all for {what}")


def _tell_if_alone(reading: Reading) -> None:
    if reading.charge == "gone":
        say(f"the controller of {reading.run.run_id} is gone, so nobody tells of the end (Ctrl-C ends this)")


# --- which ones there are -----------------------------------------------------------------------------------------


def _list(traces: Traces, resources: Iterable[Resource], *, as_json: bool) -> int:
    listed = traces.list(resources)
    if as_json:
        click.echo(words.to_json([each.to_dict() for each in listed]))
    else:
        screen.put(_table(listed))
    problems = [each.problem for each in listed if each.problem is not None]
    say_problems(problems)
    return FAILED if any(isinstance(problem, NotRead) for problem in problems) else 0


def _table(listed: Iterable[Listed]) -> Table:
    table = screen.grid("#", "TYPE", "TRACE", "SIZE", "WHAT")
    table.columns[3].justify = "right"
    for each in listed:
        size = "?" if each.problem else "" if each.size is None else str(each.size)
        what = each.help if each.enabled else f"{each.help} Switched off.".strip()
        who = each.resource
        table.add_row(str(who.guid), Text(who.rtype), Text(each.name), Text(size), Text(what))
    return table


# --- what is in them ----------------------------------------------------------------------------------------------


def _put_whole(traces: Traces, resource: Resource, name: str, *, raw: bool, as_json: bool) -> None:
    reader = traces.reader(resource, name, Patience(PATIENCE, say))
    size = reader.size()
    if size is None:
        raise traces.missing(resource, name)
    pieces = reader.pieces(0, size)
    if as_json:
        who = {"guid": resource.guid, "rtype": resource.rtype, "label": resource.label}
        click.echo(words.to_json({**who, "name": name, "size": size, "content": _content(b"".join(pieces))}))
    else:
        _put_pieces(pieces, raw=raw, as_json=False)


def _put_pieces(pieces: Iterable[bytes], *, raw: bool, as_json: bool) -> None:
    """Write what comes, at once: as it is, or in JSON a line for each piece."""
    if as_json:
        for entry in _in_json(pieces):
            click.echo(words.to_json(entry, indent=None))
        return
    stream = sys.stdout.buffer
    shown: Iterable[bytes] = pieces if raw or not sys.stdout.isatty() else _text_only(pieces)
    for piece in shown:
        stream.write(piece)
        stream.flush()


def _in_json(pieces: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    offset = 0
    for piece in pieces:
        yield {"offset": offset, "content": _content(piece)}
        offset += len(piece)


def _content(data: bytes) -> str | bytes:
    """As text, if it is one."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data


def _text_only(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Refuse what would spoil a terminal."""
    decoder = codecs.getincrementaldecoder("utf-8")()  # a piece may end in the middle of a character
    for piece in pieces:
        try:
            is_text = "\0" not in decoder.decode(piece)
        except UnicodeDecodeError:
            is_text = False
        if not is_text:
            raise Refused(
                "it is binary: --output FILE downloads it, a pipe gets it as it is, and --bytes shows it here"
            )
        yield piece

"""`netreel log`: the events of a run, one line each."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct
from msgspec.structs import asdict

import eventlog
from engine import journal
from engine.core.errors import UsageError, nearest
from engine.core.events import KINDS
from engine.dates import NS, to_ns
from replay.cli import runs, words
from replay.cli.completing import GUID, RUN
from replay.cli.program import FAILED, Refused, common, say
from replay.cli.screen import stdout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from replay.cli.runs import Run

_MENTIONS: Final = ("guids", "on", "other", "by")
"""Where the data of an event name other resources."""

_WIDE: Final = 100
"""From so many columns on, a line has the type of its resource."""

_FULL_WHO: Final = 22
_SHORT_WHO: Final = 4
_SHORTEST: Final = 20


@click.command(
    epilog="""\b
Example:
  netreel log hello --kind step --guid 3 --since 2.5s
  netreel log -f hello"""
)
@click.argument("run", type=RUN)
@click.option("-f", "--follow", is_flag=True, help="Go on as more is written, until the run is closed.")
@click.option(
    "--kind", "kinds", multiple=True, help="Only events of this kind, or of this first word: step.begun, step."
)
@click.option(
    "--guid", "guids", multiple=True, type=GUID, help="Only events about this resource, or naming it: number or label."
)
@click.option("--since", help="Only from here on: a seq, or a time from the start, such as 12.5s.")
@click.option("--verify", is_flag=True, help="Check every byte instead; exit status 1 if the log is damaged.")
@click.option("--salvage", is_flag=True, help="Of a damaged log, also show what is intact behind the damage, marked.")
@common
def log(
    run: str,
    follow: bool,
    kinds: tuple[str, ...],
    guids: tuple[str, ...],
    since: str | None,
    verify: bool,
    salvage: bool,
    home: Path,
    as_json: bool,
) -> int:
    """Show the events of a run, one line each."""
    found = runs.find(home, run)
    if verify:
        return _verify(found, as_json=as_json)
    wanted = Wanted.of(kinds, _guids(found, guids), since)
    if salvage:
        return _salvage(found, wanted, as_json=as_json)
    with eventlog.open(found.path) as opened:
        if follow:
            _tell_if_alone(found)
        elif next(opened.read(), None) is None:
            raise journal.nothing_in(found.path)
        records = _up_to_the_end(opened.follow() if follow else opened.read())
        _print_json(records, wanted) if as_json else _print_lines(records, wanted)
        if opened.torn is not None:
            say(str(opened.torn))
    return 0


def _salvage(run: Run, wanted: Wanted, *, as_json: bool) -> int:
    """What comes before the damage, the damage, and what is intact behind it."""
    with eventlog.open(run.path) as opened:
        try:
            _print_json(opened.read(), wanted) if as_json else _print_lines(opened.read(), wanted)
        except eventlog.Corrupt as damage:
            say(str(damage))
            for found in opened.salvage():
                _print_salvaged(found, as_json=as_json)
            return FAILED
    return 0


def _print_salvaged(found: eventlog.Salvaged, *, as_json: bool) -> None:
    place = {"file": found.path.name, "byte": found.byte}
    if as_json:
        click.echo(words.to_json({**asdict(found.event), "salvaged": place}, indent=None))
    else:
        event = found.event
        who = f"#{event.guid}" if event.guid else ""
        click.echo(
            f"salvaged from {place['file']}, byte {place['byte']}: "
            f"{event.seq} {event.kind} {who} {words.in_words(event)}".rstrip()
        )


def _tell_if_alone(run: Run) -> None:
    if eventlog.holder(run.path) is None and not runs.read(run).world.closed:
        say(f"the controller of {run.run_id} is gone; more comes once another one takes over (Ctrl-C ends this)")


def _up_to_the_end(records: Iterable[eventlog.Event]) -> Iterator[eventlog.Event]:
    for record in records:
        yield record
        if record.kind == "run.closed":
            return


# --- which events -----------------------------------------------------------------------------------------------


class Wanted(Struct, frozen=True):
    """Which events are to be shown.

    Attributes:
        kinds: of these; all if empty.
        guids: about one of these, or naming it; all if empty.
        seq: from this one on.
        delay: from so many ns after the first one on.
    """

    kinds: frozenset[str]
    guids: frozenset[int]
    seq: int
    delay: int

    @classmethod
    def of(cls, kinds: Iterable[str], guids: Iterable[int], since: str | None) -> Wanted:
        """What the options say.

        Raises:
            Refused: there is no such kind, or the moment cannot be read.
        """
        chosen = frozenset(kind for given in kinds for kind in _kinds(given))
        seq, delay = _moment(since or "1")
        return cls(chosen, frozenset(guids), seq, delay)

    def has(self, record: eventlog.Event, start: int) -> bool:
        """Whether an event is to be shown, of a run that began at `start` (ns since 1970)."""
        return (
            record.seq >= self.seq
            and record.time >= start + self.delay
            and (not self.kinds or record.kind in self.kinds)
            and (not self.guids or not self.guids.isdisjoint(_about(record)))
        )


def _guids(run: Run, given: Iterable[str]) -> list[int]:
    """The numbers of the resources that are meant.

    Raises:
        Refused: the run has no such resource.
    """
    known = _registered(run) if given else {}
    unknown = next((text for text in given if text not in known), None)
    if unknown is not None:
        hint = words.one_line(nearest(unknown, known), 200)
        raise Refused(f"there is no resource {unknown!r} in {run.run_id}; {hint}")
    return [known[text] for text in given]


def _registered(run: Run) -> dict[str, int]:
    """All resources that a run ever had, by number and by label; of a damaged log, those before the damage."""
    numbers: dict[str, int] = {}
    labels: dict[str, int] = {}
    with eventlog.open(run.path) as opened, suppress(eventlog.Corrupt):
        for record in opened.read():
            if record.kind == "resource.registered":
                numbers[str(record.guid)] = record.guid
                if record.data.get("label") is not None:
                    labels[record.data["label"]] = record.guid
    return numbers | labels


def _kinds(given: str) -> list[str]:
    names_of = {kind: {kind, kind.partition(".")[0]} for kind in KINDS}
    found = [kind for kind, names in names_of.items() if given in names]
    if not found:
        raise Refused(f"there is no kind of event {given!r}; {nearest(given, set().union(*names_of.values()))}")
    return found


def _moment(text: str) -> tuple[int, int]:
    if text.isdecimal():
        return int(text), 0
    try:
        return 1, to_ns(text)
    except UsageError as error:
        raise Refused(f"--since takes a seq, such as 120, or a time from the start, such as 12.5s: {error}") from error


def _about(record: eventlog.Event) -> set[int]:
    found = {record.guid}
    for name in _MENTIONS:
        value = record.data.get(name)
        found.update(value if isinstance(value, list) else [value] if isinstance(value, int) else [])
    return found


# --- how they look ----------------------------------------------------------------------------------------------


def _print_json(records: Iterable[eventlog.Event], wanted: Wanted) -> None:
    start = None
    for record in records:
        start = record.time if start is None else start
        if wanted.has(record, start):
            click.echo(words.to_json(asdict(record), indent=None))


def _print_lines(records: Iterable[eventlog.Event], wanted: Wanted) -> None:
    console = stdout()
    colour = console.color_system is not None and not console.no_color
    lines = _Lines(console.width)
    for record in records:
        lines.note(record)
        if wanted.has(record, lines.start):
            for line in lines.of(record):
                click.echo(line, color=colour)


class _Lines:
    """Makes lines of events. It is shown all of them, also those that get none."""

    def __init__(self, width: int) -> None:
        self.start = 0
        self._width = width
        self._types: dict[int, str] = {}
        self._epoch = 0

    def note(self, record: eventlog.Event) -> None:
        self.start = self.start or record.time
        if record.kind == "resource.registered":
            self._types[record.guid] = record.data["rtype"]

    def of(self, record: eventlog.Event) -> Iterator[str]:
        if record.epoch != self._epoch:
            self._epoch = record.epoch
            yield click.style(f"controller {record.epoch}", bold=True)
        place = f"{record.seq:>6} {(record.time - self.start) / NS:>10.3f}"
        who = f"{self._who(record):<{_FULL_WHO if self._width >= _WIDE else _SHORT_WHO}}"
        at = journal.place(record)
        cause = f"  ← {record.cause}" if record.cause else f"  ← {at}" if at else ""
        left = self._width - len(f"{place}  {record.kind:<20}  {who}  {cause}")
        what = words.one_line(words.in_words(record), max(_SHORTEST, left))
        yield (
            f"{click.style(place, dim=True)}  {click.style(f'{record.kind:<20}', fg=_colour(record.kind))}"
            f"  {who}  {what}{click.style(cause, dim=True)}"
        ).rstrip()

    def _who(self, record: eventlog.Event) -> str:
        if not record.guid:
            return ""
        return f"#{record.guid} {self._types.get(record.guid, '')}" if self._width >= _WIDE else f"#{record.guid}"


def _colour(kind: str) -> str | None:
    if kind.endswith((".failed", ".aborted")):
        return "red"
    return {"controller": "magenta", "run": "magenta", "step": "cyan", "resource": "green"}.get(kind.partition(".")[0])


# --- is it whole? -----------------------------------------------------------------------------------------------


def _verify(run: Run, *, as_json: bool) -> int:
    report = eventlog.verify(run.path)
    if as_json:
        click.echo(words.to_json(report.to_dict()))
    else:
        for line in _findings(report):
            click.echo(line)
    return 0 if report.ok else FAILED


def _findings(report: eventlog.Report) -> Iterator[str]:
    yield f"{words.count(report.events, 'event')} in {words.count(report.segments, 'segment')}, all intact"
    for torn in report.dropped:
        yield f"left out earlier: {torn}"
    if report.torn is not None:
        yield str(report.torn)
    if report.corrupt is not None:
        yield str(report.corrupt)

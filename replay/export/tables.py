"""Runs as tables for other programs: their events, and the results of their tools."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import asdict

from engine.core.decide import describe
from engine.core.errors import ExperimentError
from replay.traces import side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import eventlog
    from engine.core.world import Resource
    from replay.traces import Traces

Row = dict[str, Any]
"""From column to plain value."""

_EVENT: Final = ("seq", "time", "kind", "guid", "cause", "epoch", "data")
_WHOSE: Final = ("run", "guid", "label", "rtype")
_VALUE: Final = "value"
"""The column of a result that is neither an object nor a list of objects."""


class Table(Struct, frozen=True):
    """What is exported.

    Attributes:
        columns: their names, in order.
        rows: in order. One need not have all columns.
        times: those columns whose values are ns since 1970, UTC.
    """

    columns: Sequence[str]
    rows: Iterable[Row]
    times: Sequence[str] = ()


# --- what there is to export --------------------------------------------------------------------------------------


def events(records: Iterable[eventlog.Event]) -> Table:
    """Events as `netreel log --json` has them."""
    return Table(_EVENT, (asdict(record) for record in records), times=("time",))


def results(traces: Traces, name: str, resources: Sequence[Resource] = ()) -> tuple[Table, list[str]]:
    """What a trace that is JSON says, of these resources or of all that have it: a row for each, or for each sample.

    Objects within objects become columns with dots in their names. Where there is a list of objects, these are the
    samples, and what stands around them is repeated in each row; of several lists the outermost is taken, then the
    first. The other lists are values. Columns are in alphabetical order behind those that say whose they are.

    Returns:
        The table, and what could not be read.
    """
    known = [resource for resource in traces.world.resources.values() if name in traces.names(resource)]
    asked = resources or known or traces.world.resources.values()
    told = side_by_side(lambda resource: _result(traces, resource, name), asked)
    rows = [row for each in told if isinstance(each, list) for row in each]
    keys = {key for row in rows for key in row} - set(_WHOSE)
    return Table((*_WHOSE, *sorted(keys)), rows), [each for each in told if isinstance(each, str)]


def _result(traces: Traces, resource: Resource, name: str) -> list[Row] | str:
    """The rows of one resource; or what is wrong."""
    try:
        reader = traces.reader(resource, name)
        content = b"".join(reader.pieces(0, reader.size() or 0))
        value = json.loads(content) if content else []
    except ExperimentError as error:
        return str(error)
    except ValueError as error:
        return f"trace {name!r} of {describe(resource)} is no JSON: {error}"
    whose = dict(zip(_WHOSE, (traces.world.run_id, resource.guid, resource.label, resource.rtype), strict=True))
    return [{**whose, **_apart(row, name)} for row in flatten(value)]


def _apart(row: Row, name: str) -> Row:
    """A row none of whose columns is called as one of those that say whose it is."""
    return {f"{name}.{key}" if key in _WHOSE else key: value for key, value in row.items()}


def flatten(value: Any) -> list[Row]:
    """A value of JSON as rows: see `results`."""
    if _is_samples(value):
        return [row for item in value for row in flatten(item)]
    if not isinstance(value, dict):
        return [] if value in ([], None) else [{_VALUE: value}]
    flat = _flat(value)
    lists = [key for key, item in flat.items() if _is_samples(item)]
    if not lists:
        return [{key: item for key, item in flat.items() if item != []}]
    samples = min(lists, key=lambda key: key.count("."))
    around = {key: item for key, item in flat.items() if key != samples and item != []}
    return [{**around, **{f"{samples}.{key}": item for key, item in row.items()}} for row in flatten(flat[samples])]


def _is_samples(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _flat(value: Mapping[str, Any], prefix: str = "") -> Row:
    """An object whose values are no objects any more."""
    flat: Row = {}
    for key, item in value.items():
        flat |= _flat(item, f"{prefix}{key}.") if isinstance(item, dict) else {f"{prefix}{key}": item}
    return flat

"""Tables as files."""

from __future__ import annotations

import csv
from importlib import import_module
from typing import IO, TYPE_CHECKING, Any, Final

from engine.core.errors import UsageError
from replay.encoding import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from replay.export.tables import Table


def _write_jsonl(table: Table, file: IO[bytes]) -> int:
    count = 0
    for count, row in enumerate(table.rows, 1):  # noqa: B007 - how many there were is the answer
        file.write(to_json(row, indent=None).encode() + b"\n")
    return count


# --- CSV ----------------------------------------------------------------------------------------------------------


class _Encoder:
    """What `csv` writes text to. Unlike `io.TextIOWrapper` it holds nothing back, and closes nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


def _write_csv(table: Table, file: IO[bytes]) -> int:
    writer = csv.writer(_Encoder(file), lineterminator="\n")
    writer.writerow(table.columns)
    count = 0
    for count, row in enumerate(table.rows, 1):  # noqa: B007 - as above
        writer.writerow([_cell(row.get(column)) for column in table.columns])
    return count


def _cell(value: Any) -> Any:
    """Texts and numbers as they are, nothing as nothing, and the rest as JSON."""
    is_plain = value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
    return value if is_plain else to_json(value, indent=None)


# --- Parquet ------------------------------------------------------------------------------------------------------


def _write_parquet(table: Table, file: IO[bytes]) -> int:
    """As CSV, but numbers, truth values and times are what they are."""
    arrow, parquet = _arrow("pyarrow"), _arrow("pyarrow.parquet")
    columns: dict[str, list[Any]] = {name: [] for name in table.columns}
    for row in table.rows:
        for name, values in columns.items():
            value = row.get(name)
            values.append(value if isinstance(value, bool) else _cell(value))
    arrays = {name: _array(arrow, values, is_time=name in table.times) for name, values in columns.items()}
    made = arrow.table(arrays)
    parquet.write_table(made, file)
    return int(made.num_rows)


def _arrow(module: str) -> Any:
    """A module of pyarrow, which is an extra.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "pyarrow":
            raise
        raise UsageError("Parquet needs pyarrow: pip install 'netreel[tables]'") from error


def _array(arrow: Any, values: Sequence[Any], *, is_time: bool) -> Any:
    """A column. One whose values are of several kinds, or numbers that fit into no column, is one of JSON texts."""
    if is_time:
        return arrow.array(values, arrow.timestamp("ns", tz="UTC"))
    try:
        return arrow.array(values)
    except (arrow.ArrowException, OverflowError):
        return arrow.array([None if value is None else to_json(value, indent=None) for value in values])


FORMATS: Final[Mapping[str, Callable[[Table, IO[bytes]], int]]] = {
    "jsonl": _write_jsonl,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
"""What writes a table, and says how many rows it had, by the name of the format."""

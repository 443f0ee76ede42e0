"""Tables as files."""

import io
import sys

import pyarrow as pa
import pytest
from pyarrow import parquet

from engine import UsageError
from replay.export.rows import FORMATS
from replay.export.tables import Table

pytestmark = pytest.mark.slow

ROWS = [
    {
        "n": 1,
        "x": 1,
        "ok": True,
        "name": "a",
        "mixed": 1,
        "deep": {"k": [1]},
        "big": 2**70,
        "time": 1_900_000_000_000_000_001,
    },
    {"n": 2, "x": 0.5, "ok": None, "mixed": "one", "raw": b"\xff", "time": None},
]
COLUMNS = ("n", "x", "ok", "name", "mixed", "deep", "big", "raw", "nothing", "time")


def written(name, rows=ROWS, columns=COLUMNS):
    file = io.BytesIO()
    assert FORMATS[name](Table(columns, iter(rows), times=["time"]), file) == len(rows)
    return file


def test_parquet_has_numbers_and_times_as_such():
    table = parquet.read_table(written("parquet"))
    assert {name: str(table.schema.field(name).type) for name in table.column_names} == {
        "n": "int64",
        "x": "double",
        "ok": "bool",
        "name": "string",
        "mixed": "string",
        "deep": "string",
        "big": "string",
        "raw": "string",
        "nothing": "null",
        "time": "timestamp[ns, tz=UTC]",
    }
    assert table.column("time").cast(pa.int64()).to_pylist() == [1_900_000_000_000_000_001, None]
    assert table.drop_columns(["time"]).to_pylist() == [
        {
            "n": 1,
            "x": 1.0,
            "ok": True,
            "name": "a",
            "mixed": "1",
            "deep": '{"k": [1]}',
            "big": str(2**70),
            "raw": None,
            "nothing": None,
        },
        {
            "n": 2,
            "x": 0.5,
            "ok": None,
            "name": None,
            "mixed": '"one"',
            "deep": None,
            "big": None,
            "raw": '{"base64": "/w=="}',
            "nothing": None,
        },
    ]


def test_parquet_without_rows_has_its_columns():
    assert parquet.read_table(written("parquet", rows=[])).column_names == list(COLUMNS)


def test_csv_has_texts_and_numbers_as_they_are_and_the_rest_as_json():
    assert written("csv").getvalue().decode().splitlines() == [
        ",".join(COLUMNS),
        '1,1,true,a,1,"{""k"": [1]}",1180591620717411303424,,,1900000000000000001',
        '2,0.5,,,one,,,"{""base64"": ""/w==""}",,',
    ]


def test_without_its_extra_parquet_says_which_one_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"^Parquet needs pyarrow: pip install 'netreel\[tables\]'$"):
        written("parquet")

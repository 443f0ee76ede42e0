"""`netreel export`: events and results as tables, and runs in other formats."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replay.export.tables import flatten
from tests.replay.recorders import path_of
from tests.replay.shell import answer, netreel, refusal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lab1")]

PING = '{"loss": 0.5, "rtt": {"avg": 2}, "replies": [{"seq": 1, "time": 3.5}, {"seq": 2, "time": null, "dup": true}]}'


@pytest.fixture
def live(two_recorders):
    """Two recorders; #1 has a result."""
    path_of(two_recorders.run_dir, 1, "result").write_text(PING)
    return two_recorders


# --- events


def test_events_as_lines_of_json_are_those_of_the_log(live):
    assert answer("export", "hello", "--to", "jsonl") == answer("log", "hello", "--json") != ""


def test_events_as_csv_say_the_same(live):
    events = [json.loads(line) for line in answer("export", "hello", "--to", "jsonl").splitlines()]
    rows = list(csv.DictReader(io.StringIO(answer("export", "hello", "--to", "csv"))))
    assert list(rows[0]) == ["seq", "time", "kind", "guid", "cause", "epoch", "data"]
    assert [{name: value if name == "kind" else json.loads(value) for name, value in row.items()} for row in rows] == [
        {name: event[name] for name in rows[0]} for event in events
    ]


def test_a_file_is_put_in_place_once_it_is_whole(live, tmp_path):
    target = tmp_path / "events.csv"
    target.write_text("old")
    assert answer("export", "hello", "--to", "csv", "--output", target) == f"{target}\n"
    written = target.read_text()
    assert written == answer("export", "hello", "--to", "csv") == answer("export", "hello", "--to", "csv", "--json")
    told = json.loads(answer("export", "hello", "--to", "csv", "--output", target, "--json"))
    assert told == {"path": str(target), "format": "csv", "rows": written.count("\n") - 1}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["events.csv"]


def test_a_damaged_log_leaves_no_file_and_is_the_one_to_blame(live, tmp_path):
    live.shutdown()
    segment = next((live.run_dir / "log").glob("*.log"))
    data = segment.read_bytes()
    segment.write_bytes(data[:200] + bytes([data[200] ^ 1]) + data[201:])
    try:
        for to in "csv", "ro-crate":
            refused = refusal("export", "hello", "--to", to, "--output", tmp_path / "x.csv")
            assert refused.startswith(f"{segment}, byte ")
            assert refused.endswith("salvage reads them. At a shell that is netreel log RUN --salvage.")
    finally:
        segment.write_bytes(data)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


def test_what_is_no_file_is_written_to_and_not_replaced(live, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    assert answer("export", "hello", "--to", "csv", "--trace", "result", "--output", pipe) == f"{pipe}\n"
    assert (pipe.is_fifo(), os.read(end, 3)) == (True, b"run")
    os.close(end)


# --- results


def test_results_are_a_row_for_each_sample(live):
    assert answer("export", "hello", "--to", "csv", "--trace", "result").splitlines() == [
        "run,guid,label,rtype,loss,replies.dup,replies.seq,replies.time,rtt.avg",
        f"{live.run_id},1,the one,lab::Recorder,0.5,,1,3.5,2",
        f"{live.run_id},1,the one,lab::Recorder,0.5,true,2,,2",
    ]
    first, _ = map(json.loads, answer("export", "hello", "--to", "jsonl", "--trace", "result").splitlines())
    assert first == {
        "run": live.run_id,
        "guid": 1,
        "label": "the one",
        "rtype": "lab::Recorder",
        "loss": 0.5,
        "rtt.avg": 2,
        "replies.seq": 1,
        "replies.time": 3.5,
    }


def test_results_of_those_that_are_named(live):
    path_of(live.run_dir, 2, "result").write_text('{"loss": 1}')
    named = ["export", "hello", "--to", "csv", "--trace", "result", "--guid"]
    assert answer(*named, 2).splitlines() == ["run,guid,label,rtype,loss", f"{live.run_id},2,,lab::Recorder,1"]
    assert answer(*named, "the one", "--guid", 2).count("\n") == 4


def test_what_cannot_be_read_is_told_and_the_rest_exported(live):
    path_of(live.run_dir, 2, "result").write_text("no JSON")
    result = netreel("export", "hello", "--to", "csv", "--trace", "result")
    assert (result.exit_code, result.stdout.count("\n")) == (1, 3)
    assert result.stderr == (
        "netreel: trace 'result' of #2 lab::Recorder is no JSON: Expecting value: line 1 column 1 (char 0)\n"
    )


def test_a_host_that_does_not_answer_is_told(live, lab1):
    lab1.lost = True
    result = netreel("export", "hello", "--to", "jsonl", "--trace", "result")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[0].startswith(
        "netreel: trace 'result' of #1 lab::Recorder (the one) cannot be read: lab1: no route to host"
    )


def test_where_nothing_could_be_read_a_file_stays_as_it_was(live, lab1, tmp_path):
    lab1.lost = True
    kept = tmp_path / "kept.csv"
    kept.write_text("precious")
    result = netreel("export", "hello", "--to", "csv", "--trace", "result", "--guid", 1, "--output", kept)
    assert (result.exit_code, result.stdout, kept.read_text()) == (1, "", "precious")


def test_a_trace_that_no_type_declares_is_looked_for_everywhere(live):
    path_of(live.run_dir, 2, "mine.json").write_text('{"label": "x", "deep": {"list": [1, 2]}}')
    assert answer("export", "hello", "--to", "csv", "--trace", "mine.json").splitlines() == [
        "run,guid,label,rtype,deep.list,mine.json.label",
        f'{live.run_id},2,,lab::Recorder,"[1, 2]",x',
    ]


def test_a_trace_that_nobody_has_is_refused(live, tmp_path):
    kept = tmp_path / "kept.csv"
    kept.write_text("precious")
    refused = refusal("export", "hello", "--to", "csv", "--trace", "reslt", "--output", kept)
    assert refused == "no resource has a trace 'reslt'; did you mean result?"
    assert kept.read_text() == "precious"


def test_a_trace_in_which_nobody_has_anything_is_told(live):
    result = netreel("export", "hello", "--to", "csv", "--trace", "debug")
    assert (result.exit_code, result.stdout) == (0, "run,guid,label,rtype\n")
    assert result.stderr == "netreel: there is nothing in a trace 'debug' of any resource\n"


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (None, []),
        ([], []),
        ({}, [{}]),
        (7, [{"value": 7}]),
        ([1, 2], [{"value": [1, 2]}]),
        ([{"a": 1}, {"b": 2}], [{"a": 1}, {"b": 2}]),
        ({"a": {"b": {"c": 1}}, "d": []}, [{"a.b.c": 1}]),
        (
            {"rounds": [{"n": 1, "hops": [{"h": 1}, {"h": 2}]}, {"n": 2, "hops": []}], "x": 0},
            [
                {"x": 0, "rounds.n": 1, "rounds.hops.h": 1},
                {"x": 0, "rounds.n": 1, "rounds.hops.h": 2},
                {"x": 0, "rounds.n": 2},
            ],
        ),
        (
            {"start": {"connected": [{"s": 5}]}, "intervals": [{"sum": {"bits": 8}}, {"sum": {"bits": 9}}]},
            [
                {"start.connected": [{"s": 5}], "intervals.sum.bits": 8},
                {"start.connected": [{"s": 5}], "intervals.sum.bits": 9},
            ],
        ),
    ],
)
def test_values_become_rows(value, rows):
    assert flatten(value) == rows


# --- wrong


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["helo", "--to", "csv"], "there is no run 'helo' below {home}; did you mean hello?"),
        (["hello", "--to", "xlsx"], "Invalid value for '--to': 'xlsx' is not one of 'jsonl', 'csv', 'parquet',"),
        (["hello"], "Missing option '--to'. Choose from: jsonl, csv, parquet, perfetto, otlp, graphml, ro-crate"),
        (
            ["hello", "--to", "csv", "--guid", 1],
            "--guid goes with --trace; events of one resource are what netreel log",
        ),
        (["hello", "--to", "csv", "--trace", "result", "--guid", 3], "there is no resource #3; registered are #1, #2"),
        (["hello", "--to", "csv", "--output", "/there/is/no/x.csv"], "/there/is/no/x.csv: no such file or directory"),
        (["hello", "--to", "csv", "--output", "there/"], "there/ names a directory; --output is the file to write"),
        (
            ["hello", "--to", "otlp", "--trace", "result"],
            "--trace makes a table: take --to jsonl, csv, parquet with it",
        ),
        (["hello", "--to", "csv", "--at", "1s"], "--at goes with --to graphml; all other formats tell of the whole"),
        (["hello", "--to", "graphml", "--at", "soon"], "--at takes a seq, a time from the start such as 12.5s, or an"),
        (["hello", "--to", "ro-crate"], "a bundle is no text: give --output with --to ro-crate, a new directory or"),
        (["hello", "--to", "ro-crate", "--output", "/tmp"], "/tmp is there already; give a directory that is not,"),
    ],
)
def test_what_makes_no_sense(live, home, args, message):
    assert refusal("export", *args).startswith(message.format(home=home))


def test_a_run_that_is_empty(home):
    (home / "hello" / "20300317T174640.000000Z-aaaa0001" / "log").mkdir(parents=True)
    for trace in ([], ["--trace", "result"]):
        assert "holds no event" in refusal("export", "hello", "--to", "csv", *trace)


# --- the real thing


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ping") is None, reason="not installed here: ping")
def test_a_real_ping(ec, tmp_path):
    made = ec("hello")
    made.register_resource("linux::Node", hostname="localhost")
    ping = made.register_resource("linux::Ping", target="127.0.0.1", count=3, interval=0.01, connectedTo=1)
    made.deploy()
    assert made.wait_finished(ping, timeout=20)
    made.shutdown()
    rows = list(csv.DictReader(io.StringIO(answer("export", "hello", "--to", "csv", "--trace", "result"))))
    assert [(row["rtype"], row["received"], row["replies.seq"]) for row in rows] == [
        ("linux::Ping", "3", seq) for seq in "123"
    ]


@pytest.mark.slow
def test_a_pipe_that_is_closed_is_no_failure(live):
    command = [sys.executable, "-c", "from replay.cli import main; main()", "export", "hello", "--to", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path.cwd()) as process:
        process.stdout.close()
        assert (process.wait(timeout=20), process.stderr.read()) == (0, b"")

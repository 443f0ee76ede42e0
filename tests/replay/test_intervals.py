"""When was what in which state, which steps were under way, and what was waited for?"""

import json
import sys
from itertools import pairwise

import pytest

import eventlog
import replay
from engine import ResourceState, UsageError
from engine.core import revise
from engine.plot import PFormats
from tests.engine.core.lab import START, S
from tests.replay.labs import lab_in

ALL = "all of its group to be READY"


@pytest.fixture
def run_dir(tmp_path):
    """A host, and a client that starts 2 s after its server; the server fails, and all is released."""
    lab = lab_in(tmp_path / "run")
    host = lab.host()
    server, client = (lab.app(host, label, critical=False) for label in ("server", "client"))
    lab.when(client, START, server, ResourceState.STARTED, 2)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.wait(1)
    lab.done(server, client)
    lab.wait(0.25)
    lab.done(server)
    lab.wait(2)
    lab.done(client)
    lab.wait(1)
    lab.failed(server, "out of memory", 137)
    lab.wait(1)
    lab.release()
    lab.wait(0.5)
    lab.done(client)
    lab.wait(0.25)
    lab.done(client)
    lab.writer.close()
    return tmp_path / "run"


def of(timeline, guid, what):
    return [(each.name, each.begin, each.end) for each in timeline if (each.guid, each.what) == (guid, what)]


def test_states_follow_each_other(run_dir):
    found = replay.timeline(run_dir)
    assert of(found, 1, "state") == [
        ("NEW", 0, 0),
        ("RESERVED", 0, 0.5),
        ("PROVISIONED", 0.5, 0.5),
        ("READY", 0.5, 1.5),
        ("STARTED", 1.5, None),
    ]
    assert of(found, 3, "state")[-3:] == [
        ("STARTED", 3.75, 5.75 + 0.5),
        ("STOPPED", 6.25, 6.5),
        ("RELEASED", 6.5, None),
    ]


def test_steps_are_under_way_from_their_intent_to_their_end(run_dir):
    found = replay.timeline(run_dir)
    assert of(found, 2, "hook") == [("deploy", 0.5, 1.5), ("start", 1.5, 1.75), ("release", 5.75, None)]
    assert of(found, 3, "hook") == [
        ("deploy", 0.5, 1.5),
        ("start", 3.75, 3.75),
        ("stop", 5.75, 6.25),
        ("release", 6.25, 6.5),
    ]


def test_waits_say_what_for(run_dir):
    waits = [
        (each.guid, each.name, each.begin, each.end, each.text)
        for each in replay.timeline(run_dir)
        if each.what == "wait"
    ]
    host = "#1 lab::Host, to which it is connected, to be READY"
    assert waits == [
        (1, "start", 0.5, 1.5, ALL),
        (1, "release", 5.75, None, "those that depend on it to be released"),
        (2, "deploy", 0, 0.5, host),
        (3, "deploy", 0, 0.5, host),
        (3, "start", 1.5, 3.75, "#2 lab::App (server) to be STARTED for 2 s"),
    ]


def test_a_failure_says_why(run_dir):
    failed = [each for each in replay.timeline(run_dir) if each.name == "FAILED"]
    assert [(each.label, each.begin, each.end, each.text) for each in failed] == [
        ("server", 4.75, None, "out of memory"),
    ]


def test_each_names_the_event_it_began_with_and_what_led_to_that(run_dir):
    records = {record.seq: record for record in eventlog.open(run_dir)}
    for each in replay.timeline(run_dir):
        assert records[each.seq].cause == each.cause
        assert (records[each.seq].time - 100 * S) / S == each.begin
    (start,) = [each for each in replay.timeline(run_dir) if (each.guid, each.what, each.name) == (3, "hook", "start")]
    assert records[start.seq].kind == "step.begun"


def test_intervals_of_one_kind_do_not_overlap(run_dir):
    found = replay.timeline(run_dir)
    assert len(found) == len(list(found)) == len(found.intervals)
    for what in ("state", "hook", "wait"):
        for guid in (1, 2, 3):
            mine = [each for each in found if (each.guid, each.what) == (guid, what)]
            assert all(one.end is not None and one.end <= two.begin for one, two in pairwise(mine))


def test_until_a_moment(run_dir):
    found = replay.timeline(run_dir, "1s")
    assert (found.end, found.seq) == (0.5, replay.state(run_dir, "1s").seq)
    assert of(found, 2, "hook") == [("deploy", 0.5, None)]
    with pytest.raises(UsageError, match="there is no event 1000: the log goes from 1 to "):
        replay.timeline(run_dir, 1000)


def test_what_was_taken_back_ends(tmp_path):
    lab = lab_in(tmp_path / "run")
    lab.host()
    lab.wait(1)
    lab.turn(revise.remove(lab.world, 1))
    lab.writer.close()
    assert of(replay.timeline(tmp_path / "run"), 1, "state") == [("NEW", 0, 1)]


def test_as_plain_values_it_is_json(run_dir):
    found = replay.timeline(run_dir)
    plain = json.loads(json.dumps(found.to_dict()))
    assert (plain["exp_id"], plain["end"], plain["seq"]) == ("lab", 6.5, found.seq)
    assert plain["intervals"][0] == {
        "guid": 1,
        "rtype": "lab::Host",
        "label": None,
        "what": "state",
        "name": "NEW",
        "begin": 0,
        "end": 0,
        "text": "",
        "seq": 3,
        "cause": 0,
    }


@pytest.mark.slow
def test_as_a_table(run_dir):
    found = replay.timeline(run_dir)
    table = found.to_pandas()
    assert list(table.columns) == ["guid", "rtype", "label", "what", "name", "begin", "end", "text", "seq", "cause"]
    assert len(table) == len(found)
    waited = table[table.what == "wait"]
    assert (waited.end - waited.begin).max() == 2.25
    assert [str(table[name].dtype) for name in ("guid", "begin", "end", "cause")] == [
        "int64",
        "float64",
        "float64",
        "int64",
    ]


def test_without_pandas_the_extra_is_named(run_dir, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"a table needs pandas: pip install 'netreel\[tables\]'"):
        replay.timeline(run_dir).to_pandas()


def test_a_chart_has_a_row_for_each_resource(run_dir):
    chart = replay.timeline(run_dir).gantt()
    assert (chart.name, chart.title) == ("lab_run_gantt", "lab  run")
    assert chart.moment == f"after event {replay.state(run_dir).seq}, 6.50 s from its start"
    assert [(row.name, row.rtype, row.failed) for row in chart.rows] == [
        ("#1 h3", "lab::Host", False),
        ("#2 server", "lab::App", True),
        ("#3 client", "lab::App", False),
    ]
    last = [row.bars[-1] for row in chart.rows]
    assert [(bar.begin, bar.end, bar.state.name) for bar in last] == [
        (1.5, 6.5, "STARTED"),
        (4.75, 6.5, "FAILED"),
        (6.25, 6.5, "STOPPED"),
    ]
    assert chart.rows[1].busy == ((0.5, 1.5), (1.5, 1.75), (5.75, 6.5))


def test_a_chart_is_a_picture(run_dir, tmp_path):
    with pytest.raises(UsageError, match="a Gantt chart is a picture: it is written as png or svg, not as dot"):
        replay.timeline(run_dir).plot(tmp_path / "chart.dot")
    with pytest.raises(UsageError, match="a Gantt chart is a picture"):
        replay.timeline(run_dir).plot(tmp_path, PFormats.MERMAID)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]

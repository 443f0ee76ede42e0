"""Traces for Perfetto. It is checked by what its importer of this format does with them."""

import json

import pytest

import eventlog
from engine.core import events
from engine.core.states import ResourceState, Step
from replay.export.perfetto import to_perfetto
from tests.engine.core.lab import START
from tests.replay.labs import lab_in
from tests.replay.test_cli_looking import WAITING, write


def trace_of(run_dir):
    with eventlog.open(run_dir) as log:
        return json.loads(json.dumps(to_perfetto(log.read())))


@pytest.fixture
def lab(tmp_path):
    """A host with a server and a client that starts a second after it, all of them started."""
    lab = lab_in(tmp_path / "run")
    host = lab.host()
    server, client = lab.app(host, label="server"), lab.app(host)
    lab.when(client, START, server, ResourceState.STARTED, 1)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.wait(2)
    lab.done(server, client)
    lab.wait(0.25)
    lab.done(server)
    lab.wait(2)
    lab.done(client)
    return lab


def slices(trace, tid):
    return [event for event in trace["traceEvents"] if event["ph"] == "X" and event["tid"] == tid]


class Imported:
    """What an importer makes of a trace: slices by track, each below the one that it is in, and arrows between them.

    It goes through the events in order of time, and holds the slices that are open on each track in a stack.
    """

    def __init__(self, trace):
        self.tracks, self.rows, self.arrows = {}, [], []
        stacks, begun = {}, {}
        events = trace["traceEvents"]
        self.names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        for event in sorted((each for each in events if each["ph"] != "M"), key=lambda each: each["ts"]):
            stack = stacks.setdefault((event["pid"], event["tid"]), [])
            while stack and event["ts"] >= stack[-1]["ts"] + stack[-1]["dur"]:
                stack.pop()
            match event["ph"]:
                case "X":
                    assert event["dur"] > 0
                    assert not stack or event["ts"] + event["dur"] <= stack[-1]["ts"] + stack[-1]["dur"], "they cross"
                    stack.append(event)
                    self.rows.append((event["tid"], len(stack), event["name"]))
                case "s":
                    assert event["id"] not in begun
                    begun[event["id"]] = stack[-1]
                case "f":
                    assert event["bp"] == "e"
                    self.arrows.append((*self._arrow(begun.pop(event["id"])), *self._arrow(stack[-1])))
        assert not begun

    def _arrow(self, event):
        return self.names[event["tid"]], event["name"]


def test_a_resource_is_a_track_of_its_states_with_its_steps_inside(lab, tmp_path):
    trace = trace_of(tmp_path / "run")
    imported = Imported(trace)
    assert imported.names == {
        1: "experiment",
        2: "#1 lab::Host",
        3: "#2 lab::App (server)",
        4: "#3 lab::App",
    }
    assert [row[1:] for row in imported.rows if row[0] == 3] == [
        (1, "PROVISIONED"),
        (2, "wait: deploy"),
        (2, "deploy"),
        (1, "READY"),
        (2, "start"),
        (1, "STARTED"),
    ]
    start = next(each for each in slices(trace, 3) if each["name"] == "start")
    assert (start["ts"], start["dur"], start["cat"]) == (2_500_000, 250_000, "hook")


def test_arrows_lead_from_cause_to_effect(lab, tmp_path):
    arrows = Imported(trace_of(tmp_path / "run")).arrows
    assert ("#1 lab::Host", "provision", "#2 lab::App (server)", "deploy") in arrows
    assert ("#2 lab::App (server)", "start", "#3 lab::App", "start") in arrows
    assert ("experiment", "group.deployed", "#1 lab::Host", "provision") in [
        (track, name.rpartition(", ")[2], *effect) for track, name, *effect in arrows
    ]


def test_what_the_user_asked_for_has_its_line(lab, tmp_path):
    told = [text for each in slices(trace_of(tmp_path / "run"), 1) for text in each["args"].values()]
    assert "the deployment of #1 #2 #3 was asked for, as group 1 (demo.py:5)" in told


def test_what_goes_on_lasts_until_the_last_event(lab, tmp_path):
    last = slices(trace_of(tmp_path / "run"), 4)[-1]
    assert (last["name"], last["args"]["unfinished"]) == ("STARTED", True)


def test_a_step_that_outlasts_a_state_is_cut_where_that_ends(tmp_path):
    story = [
        *WAITING,
        (1, events.StepBegun(1, Step.STOP, "t2")),
        (2, events.ResourceFailed(1, {"type": "Failed", "message": "the device is gone"}, 3, 0)),
        (3, events.StepVoided(1, Step.STOP, "it had ended")),
    ]
    trace = trace_of(write(tmp_path, story))
    Imported(trace)
    stops = [(each["ts"], each["dur"]) for each in slices(trace, 2) if each["name"] == "stop"]
    assert stops == [(1_000_000, 1_000_000), (2_000_000, 1_000_000)]


def test_moments_are_told_in_nanoseconds_from_the_start(tmp_path):
    lab = lab_in(tmp_path / "run", now=1_900_000_000_123_456_789)
    lab.host()
    lab.wait(3e-9)
    lab.deploy()
    trace = trace_of(tmp_path / "run")
    assert trace["otherData"]["start_ns"] == 1_900_000_000_123_456_789
    assert [each["ts"] for each in slices(trace, 1)] == [0, 0.003]

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

pytestmark = pytest.mark.slow


def trace_of(run_dir):
    with eventlog.open(run_dir) as log:
        return json.loads("".join(to_perfetto(log.read())))


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


class Imported:
    """What an importer makes of a trace: slices by track, each below the one that it is in, and arrows between them.

    It goes through the events in order of time, in whole nanoseconds, and holds the slices that are open on each track
    in a stack.
    """

    def __init__(self, trace):
        self.slices, self.arrows, begun, stacks = [], [], {}, {}
        events = trace["traceEvents"]
        self.names = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
        for event in sorted((each for each in events if each["ph"] != "M"), key=lambda each: int(each["ts"] * 1000)):
            stack = stacks.setdefault((event["pid"], event["tid"]), [])
            match event["ph"]:
                case "B":
                    stack.append(event)
                    self.slices.append(event | {"depth": len(stack), "track": self.names[event["tid"]]})
                case "E":
                    assert stack.pop()["name"] == event["name"]
                case "s":
                    assert event["id"] not in begun
                    begun[event["id"]] = stack[-1]
                case "f":
                    assert event["bp"] == "e"
                    self.arrows.append((*self._end(begun.pop(event["id"])), *self._end(stack[-1])))
        assert not begun
        assert not any(stacks.values())

    def _end(self, event):
        return self.names[event["tid"]], event["name"]

    def on(self, track):
        """The slices of a track as depth and name."""
        return [(each["depth"], each["name"]) for each in self.slices if each["track"] == track]


def spans(trace, tid, name):
    """When something begins and ends on a track, each time, in microseconds."""
    found = [each for each in trace["traceEvents"] if each["tid"] == tid and each["name"] == name]
    begun, ended = ([each["ts"] for each in found if each["ph"] == phase] for phase in "BE")
    return list(zip(begun, ended, strict=True))


def test_a_resource_is_a_track_of_its_states_with_its_steps_inside(lab, tmp_path):
    trace = trace_of(tmp_path / "run")
    imported = Imported(trace)
    assert imported.names == {
        1: "experiment",
        2: "#1 lab::Host",
        3: "#2 lab::App (server)",
        4: "#3 lab::App",
    }
    assert imported.on("#2 lab::App (server)") == [
        (1, "PROVISIONED"),
        (2, "wait: deploy"),
        (2, "deploy"),
        (1, "READY"),
        (2, "start"),
        (1, "STARTED"),
    ]
    assert spans(trace, 3, "start") == [(2_500_000, 2_750_000)]
    assert [each["cat"] for each in imported.slices if each["name"] == "start"] == ["hook", "hook"]


def test_arrows_lead_from_cause_to_effect(lab, tmp_path):
    arrows = Imported(trace_of(tmp_path / "run")).arrows
    assert ("#1 lab::Host", "provision", "#2 lab::App (server)", "deploy") in arrows
    assert ("#2 lab::App (server)", "start", "#3 lab::App", "start") in arrows
    assert ("experiment", "group.deployed", "#1 lab::Host", "provision") in [
        (track, name.rpartition(", ")[2], *effect) for track, name, *effect in arrows
    ]


def test_what_the_user_asked_for_has_its_line(lab, tmp_path):
    slices = Imported(trace_of(tmp_path / "run")).slices
    told = [text for each in slices if each["track"] == "experiment" for text in each["args"].values()]
    assert "the deployment of #1 #2 #3 was asked for, as group 1 (demo.py:5)" in told


def test_what_goes_on_lasts_until_the_last_event(lab, tmp_path):
    last = [each for each in Imported(trace_of(tmp_path / "run")).slices if each["track"] == "#3 lab::App"][-1]
    assert (last["name"], last["args"]["unfinished"]) == ("STARTED", True)


def test_a_step_that_outlasts_a_state_is_cut_where_that_ends(tmp_path):
    story = [
        *WAITING,
        (1, events.StepBegun(1, Step.STOP, "t2")),
        (2, events.ResourceFailed(1, {"type": "Failed", "message": "the device is gone"}, 3, 0)),
        (3, events.StepVoided(1, Step.STOP, "it had ended")),
    ]
    trace = trace_of(write(tmp_path, story))
    assert Imported(trace).on("#1 lab::Thing")[-4:] == [(1, "STARTED"), (2, "stop"), (1, "FAILED"), (2, "stop")]
    assert spans(trace, 2, "stop") == [(1_000_000, 2_000_000), (2_000_000, 3_000_000)]


def test_states_that_end_at_odd_moments_stand_beside_each_other(tmp_path):
    lab = lab_in(tmp_path / "run")
    for step in range(30):
        one = lab.add("provision", "start")
        lab.deploy(one)
        for number in range(2):
            lab.wait(0.013_421_155 + step * 0.000_917_777 + number * 0.003)
            lab.done(one)
    imported = Imported(trace_of(tmp_path / "run"))
    assert {depth for depth, name in imported.on("#1 provision+start") if name.isupper()} == {1}
    assert {each["depth"] for each in imported.slices if each["cat"] == "state"} == {1}


def test_moments_are_told_in_nanoseconds_from_the_start(tmp_path):
    lab = lab_in(tmp_path / "run", now=1_900_000_000_123_456_789)
    lab.host()
    lab.wait(3e-9)
    lab.deploy()
    trace = trace_of(tmp_path / "run")
    assert trace["otherData"]["start_ns"] == 1_900_000_000_123_456_789
    assert [each["ts"] for each in trace["traceEvents"] if (each["ph"], each["tid"]) == ("B", 1)] == [0, 0.003]

"""`replay.critical_path`: what took the time."""

import json
from itertools import pairwise

import pytest

import replay
from engine.core.errors import BadState
from engine.core.events import ControllerOpened
from engine.core.states import ResourceState, Step
from tests.engine.core.lab import START, STOP
from tests.golden.test_golden import VERSIONS
from tests.replay.labs import lab_in
from tests.replay.shell import lines, refusal
from tests.replay.test_cli_looking import WAITING, write
from tests.replay.test_explaining import installing, until_it_ran

READY, STARTED, STOPPED = ResourceState.READY, ResourceState.STARTED, ResourceState.STOPPED


@pytest.fixture
def lab(tmp_path):
    """An empty experiment."""
    return lab_in(tmp_path)


@pytest.fixture
def late(tmp_path):
    """What is said of the path to a resource, line by line."""

    def lines(guid=None, at=None):
        return str(replay.critical_path(tmp_path, guid, at)).splitlines()

    return lines


PATH = [
    "#3 lab::App (client) came to its end after 3.00 s, with exit status 0. What the 51.25 s until then went by with:",
    "      0.00 s        0.50 s   1%  the provision of #1 lab::Host",
    (
        "      0.50 s        41.5 s  81%  the deploy of #4 lab::App on host h3; it had waited for "
        "#1 lab::Host, to which it is connected, to be READY"
    ),
    (
        "     42.00 s        0.25 s   0%  the start of #2 lab::App (server) on host h3; it had waited for all of its "
        "group to be READY (demo.py:6)"
    ),
    (
        "     42.25 s        2.00 s   4%  #3 lab::App (client) waited for #2 lab::App (server) to be STARTED for 2 s "
        "(demo.py:5)"
    ),
    "     44.25 s        4.00 s   8%  the start of #3 lab::App (client) on host h3",
    "     48.25 s        3.00 s   6%  #3 lab::App (client) ran",
]


def test_it_is_what_came_last_each_time(lab, late):
    until_it_ran(lab)
    assert late("client") == PATH


def test_that_of_a_run_leads_to_what_came_last_of_all(lab, late):
    until_it_ran(lab)
    assert late() == PATH


def test_what_a_release_does_is_none_of_it(lab, late):
    until_it_ran(lab)
    lab.wait(10)
    lab.release()
    lab.wait(1)
    while working := [guid for guid, it in lab.world.resources.items() if it.attempt is not None]:
        lab.done(*working)
    assert late() == PATH


def test_its_parts_follow_each_other_without_a_gap(lab, tmp_path):
    until_it_ran(lab)
    found = replay.critical_path(tmp_path)
    ends = [part.begin + part.seconds for part in found.parts]
    assert [part.begin for part in found.parts] == pytest.approx([0, *ends[:-1]])
    assert ends[-1] == pytest.approx(found.seconds) == 51.25
    assert [part.kind for part in found.parts if part.seconds] == ["hook", "hook", "hook", "delay", "hook", "running"]


def test_the_time_until_the_script_asked_belongs_to_it(lab, late):
    one = lab.add("start")
    lab.wait(3)
    lab.deploy()
    lab.wait(1)
    lab.done(one)
    assert [line.strip() for line in late()[1:]] == [
        "0.00 s        3.00 s  75%  the script came to this (demo.py:2)",
        "3.00 s        1.00 s  25%  the start of #1 start; it had waited for all of its group to be READY (demo.py:2)",
    ]


def test_a_stop_that_was_asked_for(lab, late):
    one, two = lab.add("start", "stop"), lab.add()
    lab.when(one, STOP, two, STOPPED, 1.5)
    lab.deploy()
    lab.done(one)
    lab.wait(1)
    lab.request(two, Step.STOP)
    lab.wait(1.5)
    lab.wait(0.5)
    lab.done(one)
    assert late(one)[1:] == [
        "      0.00 s        1.00 s  33%  the script came to this (demo.py:5)",
        "      1.00 s        1.50 s  50%  #1 start+stop waited for #2 plain to be STOPPED for 1.5 s (demo.py:3)",
        "      2.50 s        0.50 s  17%  the stop of #1 start+stop",
    ]


def test_a_wait_for_a_worker_is_told_apart(tmp_path):
    lab = lab_in(tmp_path)
    lab.turn([ControllerOpened(0, "lab", "run", {"workers": 2}, persist=False)])
    apps = [lab.add("start") for _ in range(4)]
    lab.deploy(barrier=False)
    for guid in apps:
        lab.wait(1)
        lab.done(guid)
    parts = replay.critical_path(tmp_path).parts
    assert [(part.kind, part.seconds) for part in parts if part.seconds] == [("worker", 2.0), ("hook", 2.0)]
    assert parts[-2].text == "the start of #4 start waited for a worker: all 2 were busy"


def test_a_hook_that_waits_without_a_worker_waits_for_none(tmp_path):
    lab = lab_in(tmp_path)
    lab.turn([ControllerOpened(0, "lab", "run", {"workers": 2}, persist=False)])
    lab.type("waits", ("deploy", "start"), waiting=["start"])
    apps = [lab.add(rtype="waits") for _ in range(4)]
    lab.deploy(barrier=False)
    for _ in "deploy", "start":
        for guid in apps:
            lab.wait(1)
            lab.done(guid)
    parts = replay.critical_path(tmp_path).parts
    assert [(part.kind, part.seconds) for part in parts if part.seconds] == [
        ("worker", 2.0),
        ("hook", 2.0),
        ("hook", 4.0),
    ]


def test_small_parts_are_told_together(lab, late):
    row = [lab.add("start") for _ in range(10)]
    for one, two in pairwise(row):
        lab.when(two, START, one, STARTED)
    lab.deploy(barrier=False)
    for guid in row[:-1]:
        lab.wait(0.005)
        lab.done(guid)
    lab.wait(1)
    lab.done(row[-1])
    assert [line.strip() for line in late()[1:]] == [
        "0.04 s        1.00 s  96%  the start of #10 start; it had waited for #9 start to be STARTED (demo.py:19)",
        "0.04 s   4%  the rest, each part of it less than 0.01 s",
    ]


def test_one_that_has_not_come_so_far_is_refused(lab, late):
    installing(lab)
    with pytest.raises(BadState, match=r"#3 lab::App \(client\) has not started or ended by then: netreel why says"):
        late("client")
    with pytest.raises(BadState, match="no resource has started or ended by then"):
        late(at="1s")


@pytest.mark.parametrize("run_dir", VERSIONS, ids=lambda path: path.name)
def test_it_is_found_in_old_logs(run_dir):
    found = replay.critical_path(run_dir)
    assert sum(part.seconds for part in found.parts) == pytest.approx(found.seconds)


def test_at_a_shell(home):
    write(home)
    text = "the start of #1 lab::Thing was done: it was STARTED"
    assert lines("why", "hello", "--late")[0] == f"{text}. What the 0.50 s until then went by with:"
    assert lines("why", "hello", "1", "--late") == lines("why", "hello", "--late")
    assert json.loads("\n".join(lines("why", "hello", "--late", "--json")))["seconds"] == 0.5
    assert refusal("why", "hello", "2", "--late").startswith("#2 lab::Thing has not started or ended by then")
    assert refusal("why", "hello") == (
        "which resource? netreel why RUN GUID explains one, netreel why RUN --late what took the time"
    )
    write(home, WAITING[:1], exp_id="bare")
    assert refusal("why", "bare", "--late").startswith("no resource has started or ended by then")

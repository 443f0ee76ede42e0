"""`netreel why`, as somebody types it who has not read the manual."""

import json
import time

import eventlog
from engine.core import events
from eventlog.testing import event
from replay.cli import words
from tests.engine.core.lab import S
from tests.replay.labs import lab_in
from tests.replay.shell import lines, netreel, refusal
from tests.replay.test_cli_looking import OVER, RUN, WAITING, damage, tear, write

GONE = "  its controller is gone: what runs goes on, and nothing begins before netreel reconnect"
WAITS = [
    "#2 lab::Thing has been READY since 0.00 s:",
    "  its start waits for #1 lab::Thing to be STARTED for 2 s, of which 2.00 s are left",
    "",
    "How it came to that, the latest first:",
    "      0.00 s  #2 lab::Thing was READY: nothing was to do for discover, reserve, provision, configure, deploy",
]


def test_it_says_what_a_resource_waits_for(home):
    write(home)
    assert lines("why", "hello", "2", "--at", "10") == WAITS


def test_it_says_so_if_nobody_is_in_charge(home):
    write(home)
    assert lines("why", "hello", "2") == [*WAITS[:2], GONE, *WAITS[2:]]
    write(home, OVER, exp_id="over")
    assert GONE not in lines("why", "over", "2")


def test_a_moment_may_lie_behind_the_last_event(home):
    write(home, WAITING)
    assert lines("why", "hello", "2", "--at", "1.5s")[1].endswith("for 2 s, of which 1.00 s are left")
    assert lines("why", "hello", "2", "--at", "10") == WAITS
    assert lines("why", "hello", "1", "--at", "9")[1] == "  its start has been under way for 0.00 s"


def test_it_answers_in_json(home):
    write(home, OVER)
    told = json.loads("\n".join(lines("why", "hello", "1", "--json")))
    assert (told["guid"], told["state"], told["waits"]) == (1, "RELEASED", [])
    assert told["text"].endswith("; it had failed at 1.00 s: the device is gone")
    assert [each["seconds"] for each in told["causes"]] == [2.0, 1.0]


def test_a_resource_may_be_named_by_its_label(home):
    named = events.ResourceRegistered(3, "lab::Thing", {}, "the probe")
    write(home, [*WAITING, (1, named)])
    assert lines("why", "hello", "the probe")[:3] == [
        "#3 lab::Thing (the probe) has been NEW since 1.00 s:",
        "  nobody has deployed it",
        GONE,
    ]
    assert refusal("why", "hello", "the prob") == "no resource is labelled 'the prob'; did you mean the probe?"


def test_what_is_not_there_is_refused(home, tmp_path):
    write(home)
    (tmp_path / "empty").mkdir()
    assert refusal("why", "hello", "9") == "there is no resource #9; registered are #1, #2"
    assert refusal("why", "hello", "3.5").startswith("no resource is labelled '3.5'; ")
    assert refusal("why", "helo", "1").startswith("there is no run 'helo'")
    assert refusal("why", tmp_path / "empty", "1").startswith(f"{tmp_path}/empty is empty; ")
    assert refusal("why", "hello", "1", "--at", "99") == "there is no event 99: the log goes from 1 to 10"
    assert refusal("why", "hello", "1", "--at", "soon").startswith("--at takes a seq, ")


def test_a_log_that_was_cut_short_is_explained_as_far_as_it_goes(home):
    tear(write(home))
    assert lines("why", "hello", "1")[1] == "  its start has been under way for 0.00 s"


def test_a_damaged_log_and_one_of_a_later_version_are_refused(home):
    damage(write(home))
    assert "checksum" in refusal("why", "hello", "1")
    run_dir = home / "later" / "20300317T174640.000000Z-aaaa0009"
    with eventlog.FileStore(run_dir).open_writer("a test") as writer:
        writer.append([event(1, epoch=writer.epoch)])
    assert f"{run_dir}: event 1 is a 'test.event'" in refusal("why", "later", "1")


def test_nothing_is_cut_or_coloured_in_a_pipe(home):
    long = events.ResourceFailed(1, {"type": "Failed", "message": "x" * 250}, 3, 0)
    write(home, [*WAITING, (1, long)])
    result = netreel("why", "hello", "1")
    assert "x" * 250 in result.stdout
    assert "\x1b" not in result.stdout


def test_a_line_of_the_log_has_the_place_of_a_call(home):
    lab = lab_in(home / "hello" / RUN)
    lab.add("start")
    lab.deploy()
    assert [line.rpartition("  ")[2] for line in lines("log", "hello", "--since", "3")[1:]] == [
        "← demo.py:1",
        "← demo.py:2",
        "← 4",
        "← 5",
    ]


def test_of_a_run_that_goes_on_it_is_said_how_it_stands_now(home, monkeypatch):
    lab = lab_in(home / "hello" / RUN)
    lab.add("start")
    lab.deploy()
    monkeypatch.setattr(time, "time_ns", lambda: lab.now + 90 * S)
    assert lines("why", "hello", "1")[1] == "  its start has been under way for 1 min 30 s"
    lab.writer.abandon()
    assert lines("why", "hello", "1")[1] == "  its start has been under way for 0.00 s"


def test_long_lines_are_folded_below_themselves_on_a_terminal():
    text = "one two three\n  its start waits for #2 lab::App (server) to be STARTED\n"
    assert words.folded(text, 30).splitlines() == [
        "one two three",
        "  its start waits for #2",
        "      lab::App (server) to be",
        "      STARTED",
    ]
    assert words.folded(text, 200) == text.rstrip()
    assert words.folded("", 5) == ""


def test_the_line_of_the_script_is_in_it(home, tmp_path, monkeypatch):
    """A real script, run by a real controller."""
    script = tmp_path / "experiment.py"
    script.write_text(
        "from engine import ExperimentController, ResourceManager, ResourceState, ResourceAction\n"
        "class Thing(ResourceManager, rtype='lab::Why'): pass\n"
        "with ExperimentController('real') as ec:\n"
        "    one, two = ec.add(Thing(), label='one'), ec.add(Thing(), label='two')\n"
        "    two.start_when(one.started)\n"
        "    ec.deploy()\n"
        "    ec.wait_started([one, two])\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    assert netreel("run", "--quiet", "experiment.py").exit_code == 0
    told = lines("why", "real", "two", "--at", "0.5h")
    assert told[0].startswith("#2 lab::Why (two) has been RELEASED since ")
    assert any(line.endswith("the release of #1 #2 was asked for (experiment.py:3)") for line in told)
    assert any(line.endswith("it waited for #1 lab::Why (one) to be STARTED (experiment.py:5)") for line in told)
    assert told[-1].endswith("the deployment of #1 #2 was asked for, as group 1 (experiment.py:6)")

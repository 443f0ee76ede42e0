"""`netreel ls, show, log, state, check` on logs that are written here, event by event, so that every line is known."""

import json
import struct
import time
from pathlib import Path
from zlib import crc32

import pytest

import eventlog
from engine import journal
from engine.core import events
from engine.core.states import DEPLOYMENT, ResourceState, Step
from tests.replay.shell import lines, netreel, refusal

START = 1_900_000_000_000_000_000
SECOND = 1_000_000_000
HOLDER = {"host": "lab", "pid": 4711, "netreel": "0.1.0"}
RUN = "20300317T174640.000000Z-aaaa0001"


def opened(exp_id="hello", run_id=RUN):
    return events.ControllerOpened(0, exp_id, run_id, HOLDER, persist=False)


THING = events.TypeDeclared(0, "lab::Thing", ["lab::Thing"], ["start", "stop"], [], {"critical": True}, [], {})

WAITING = [
    (0, opened()),
    (0, THING),
    (0, events.ResourceRegistered(1, "lab::Thing", {"command": "serve"}, None)),
    (0, events.ResourceRegistered(2, "lab::Thing", {"command": "ask"}, None)),
    (0, events.ConditionRegistered(0, [2], Step.START, [1], ResourceState.STARTED, 2 * SECOND)),
    (0, events.GroupDeployed(0, 1, [1, 2], wait_all_ready=True)),
    (0, events.StepPassed(1, list(DEPLOYMENT))),
    (0, events.StepPassed(2, list(DEPLOYMENT))),
    (0.25, events.StepBegun(1, Step.START, "t1")),
    (0.5, events.StepDone(1, Step.START, {"pid": 99})),
]
"""The first one runs, the second one waits."""

FAILED = [
    *WAITING,
    (1, events.ResourceFailed(1, {"type": "Failed", "message": "the device is gone"}, 3, 0)),
    (1, events.ExperimentAborted(0, 1)),
]

OVER = [
    *FAILED,
    (2, events.ReleaseRequested(0, [1, 2])),
    (2, events.StepPassed(1, [Step.RELEASE])),
    (2, events.StepPassed(2, [Step.RELEASE])),
    (2.5, events.RunClosed(0)),
]


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where the runs of a test are kept. Times are told in UTC."""
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    return tmp_path / "home"


def write(home: Path, story=WAITING, exp_id="hello", run_id=RUN) -> Path:
    """A run of these events, each with its time in seconds from the start. The last one is written by itself."""
    run_dir = home / exp_id / run_id
    records = [
        journal.to_record(events.Entry(seq, START + round(seconds * SECOND), 0, 1, event))
        for seq, (seconds, event) in enumerate(story, 1)
    ]
    with eventlog.FileStore(run_dir).open_writer("a test") as writer:
        writer.append(records[:-1])
        writer.append(records[-1:])
    return run_dir


def segment(run_dir: Path) -> Path:
    return next((run_dir / "log").glob("*.log"))


def tear(run_dir: Path) -> None:
    """Cut the last write short, as a loss of power does."""
    path = segment(run_dir)
    path.write_bytes(path.read_bytes()[:-10])
    (run_dir / "log" / "durable").unlink()


def damage(run_dir: Path) -> None:
    path = segment(run_dir)
    data = bytearray(path.read_bytes())
    data[130] ^= 1
    path.write_bytes(data)


# --- which run --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [RUN, "20300317", "aaaa0001", "aaaa", "hello"])
def test_a_run_is_named_by_its_id_the_beginning_of_it_or_its_experiment(home, text):
    write(home)
    assert lines("show", text)[0] == f"hello  {RUN}"


def test_a_run_is_named_by_its_directory_wherever_that_is(home, tmp_path, monkeypatch):
    run_dir = write(tmp_path / "elsewhere")
    monkeypatch.chdir(run_dir)
    assert lines("show", ".") == lines("show", run_dir)
    assert lines("show", ".")[-1].strip().startswith(f"netreel log {run_dir}")


def test_an_experiment_means_its_latest_run(home):
    write(home)
    later = "20300318T000000.000000Z-bbbb0001"
    write(home, [(0, opened(run_id=later))], run_id=later)
    assert lines("show", "hello")[0] == f"hello  {later}"


def test_an_unknown_run_is_refused_with_the_nearest_names(home):
    write(home)
    assert refusal("show", "helo") == f"there is no run 'helo' below {home}; did you mean hello?"


def test_a_beginning_of_several_runs_is_refused_with_their_names(home):
    ids = [f"20300317T17464{n}.000000Z-aaaa000{n}" for n in range(7)]
    for run_id in ids:
        write(home, [(0, opened(run_id=run_id))], run_id=run_id)
    message = refusal("show", "aaaa")
    assert message.startswith(f"'aaaa' may be any of 7 runs below {home}: {ids[6]} (hello), {ids[5]} (hello), ")
    assert message.endswith(" and 2 more; give more of its id")


def test_what_is_no_run_is_refused(home, tmp_path):
    run_dir = write(home)
    (tmp_path / "empty").mkdir()
    (tmp_path / "full" / "x").mkdir(parents=True)
    assert refusal("log", tmp_path / "none") == f"there is no directory {tmp_path}/none; netreel ls lists the runs"
    assert refusal("log", tmp_path / "empty").startswith(f"{tmp_path}/empty is empty; a run is a directory with a log/")
    (tmp_path / "full" / "var" / "log").mkdir(parents=True)
    assert refusal("log", tmp_path / "full").endswith(
        "/full is no run: there is no log/ in it; netreel ls lists the runs"
    )
    assert refusal("log", "") == "which run? An empty name is none; netreel ls lists the runs"
    assert refusal("log", run_dir.parent).endswith(f"did you mean {run_dir}?")
    assert refusal("log", segment(run_dir)).startswith(f"{segment(run_dir)} is a file; ")


@pytest.mark.parametrize(
    "args",
    ["show", "log", "check", "state", "state --at 1", "why 1", "why --late", "plot --gantt", "reconnect", "release"],
)
def test_a_run_without_an_event_is_refused_and_left_as_it_is(home, args):
    run_dir = write(home, [])
    before = sorted(run_dir.rglob("*"))
    command, *rest = args.split()
    assert refusal(command, "hello", *rest) == (
        f"{run_dir} holds no event: its controller ended before it wrote one; run the script anew"
    )
    assert sorted(run_dir.rglob("*")) == before


# --- ls ---------------------------------------------------------------------------------------------------------


def test_a_home_that_is_a_file_is_refused(tmp_path):
    path = tmp_path / "script.py"
    path.touch()
    assert refusal("ls", "--home", path) == f"{path} is a file; --home is the directory where experiments are kept"


def test_a_list_of_no_runs_says_how_to_make_one(home):
    result = netreel("ls")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"netreel: there is no run below {home} yet; netreel run SCRIPT makes one\n"


def test_a_list_has_every_run_also_those_that_cannot_be_read(home):
    write(home, OVER)
    write(home, run_id="20300317T174641.000000Z-aaaa0002")
    damage(write(home, exp_id="bad", run_id="20300317T174642.000000Z-aaaa0003"))
    write(home, [], exp_id="none", run_id="20300317T174643.000000Z-aaaa0004")
    (home / "none" / "20300317T174644.000000Z-aaaa0005").mkdir()
    (home / "none" / "plots").mkdir()
    assert lines("ls") == [
        "RUN       EXPERIMENT  STATE            STARTED              TOOK    RESOURCES",
        "aaaa0005  none        empty",
        "aaaa0004  none        empty",
        "aaaa0003  bad         damaged",
        "aaaa0002  hello       controller gone  2030-03-17 17:46:40  0.50 s  1 READY, 1 STARTED",
        "aaaa0001  hello       over, aborted    2030-03-17 17:46:40  2.50 s  2 RELEASED, 1 of them had failed",
    ]


def test_a_list_leaves_out_what_hosts_share(home):
    write(home)
    write(home, exp_id=".host")
    assert len(lines("ls")) == 2


def test_a_list_tells_who_is_in_charge(home):
    run_dir = home / "hello" / RUN
    with eventlog.FileStore(run_dir).open_writer("a test") as writer:
        writer.append([journal.to_record(events.Entry(1, START, 0, 1, opened()))])
        (entry,) = json.loads(netreel("ls", "--json").stdout)
        assert eventlog.holder(run_dir)["pid"] == entry["pid"]
        assert entry["state"] == "running"
        assert f"running, pid {entry['pid']} on " in lines("show", "hello")[1]
    assert eventlog.holder(run_dir) is None


def test_a_list_in_json(home):
    run_dir = write(home)
    (home / "hello" / "20300317T174644.000000Z-aaaa0005").mkdir()
    empty, full = json.loads(netreel("ls", "--json").stdout)
    assert (empty["state"], empty["problem"]) == ("unreadable", "empty")
    assert full == {
        "run_id": RUN,
        "exp_id": "hello",
        "directory": str(run_dir),
        "state": "gone",
        "aborted": False,
        "pid": None,
        "host": None,
        "started": "2030-03-17T17:46:40+00:00",
        "seconds": 0.5,
        "resources": {"READY": 1, "STARTED": 1},
    }


# --- show and state ---------------------------------------------------------------------------------------------


def test_a_run_is_shown_with_what_waits_and_what_can_be_done(home):
    write(home)
    assert lines("show", "hello") == [
        f"hello  {RUN}",
        "controller gone (it was pid 4711 on lab)",
        "started 2030-03-17 17:46:40; 10 events over 0.50 s; controller 1",
        "",
        "#  STATE    SINCE    EXIT  TYPE        WHAT",
        "1  STARTED  +0.50 s        lab::Thing  serve",
        "2  READY    +0.00 s        lab::Thing  ask",
        "                                       before its start, 2 s are to go by",
        "",
        "netreel reconnect aaaa0001  go on with it",
        "netreel release aaaa0001    undo what it left",
        "netreel log aaaa0001        what happened",
    ]


def test_what_a_resource_says_of_itself_is_shown_and_logged(home):
    write(home, [*WAITING, (0.75, events.ResourceRemarked(1, "has not answered since noon"))])
    shown = lines("show", "hello")
    assert [line.strip() for line in shown[5:7]] == [
        "1  STARTED  +0.50 s        lab::Thing  serve",
        "it has not answered since noon",
    ]
    assert lines("log", "hello")[-1].endswith("has not answered since noon")
    told = json.loads("\n".join(lines("state", "hello", "--json")))["resources"]
    assert [each["remark"] for each in told.values()] == ["has not answered since noon", ""]


def test_a_run_that_is_over_is_shown_with_its_failures(home):
    write(home, OVER)
    shown = lines("show", "hello")
    assert shown[1] == "over, aborted"
    assert shown[5] == "1  RELEASED  +2.00 s  3     lab::Thing  serve"
    assert "#1 lab::Thing: the device is gone" in shown
    assert shown[-1] == "netreel check aaaa0001  whether all of it was allowed"


def test_a_log_that_was_cut_short_is_shown_and_it_is_said(home):
    run_dir = write(home)
    tear(run_dir)
    shown = lines("show", "hello")
    assert shown[2].startswith("started 2030-03-17 17:46:40; 9 events")
    assert any("the last write was cut short" in line for line in shown)
    assert "cut short" in json.loads(netreel("show", "hello", "--json").stdout)["torn"]


def test_an_experiment_is_shown_as_it_stood(home):
    write(home, OVER)
    assert lines("state", "hello", "--at", "10") == [
        f"{RUN} after event 10, 0.50 s from its start",
        "#  STATE    SINCE    EXIT  TYPE        WHAT",
        "1  STARTED  +0.50 s        lab::Thing  serve",
        "2  READY    +0.00 s        lab::Thing  ask",
        "                                       before its start, 2 s are to go by",
        "#2 is to start at 17:46:42.500000",
    ]
    assert lines("state", "hello", "--at", "0.75s") == lines("state", "hello", "--at", "10")
    assert lines("state", "hello", "--at", "2030-03-17T17:46:40.75+00:00") == lines("state", "hello", "--at", "10")


def test_a_state_in_json_is_that_of_the_moment(home):
    write(home, OVER)
    state = json.loads(netreel("state", "hello", "--at", "10", "--json").stdout)
    assert (state["seq"], state["closed"], state["resources"]["1"]["state"]) == (10, False, "STARTED")


@pytest.mark.parametrize("at", ["soon", "99"])
def test_a_moment_that_is_none_is_refused(home, at):
    write(home)
    assert {"soon": "--at takes a seq, ", "99": "there is no event 99: the log goes from 1 to 10"}[at] in refusal(
        "state", "hello", "--at", at
    )


# --- log --------------------------------------------------------------------------------------------------------


def test_events_are_shown_one_a_line(home):
    write(home)
    assert lines("log", "hello") == [
        "controller 1",
        "     1      0.000  controller.opened                             by pid 4711 on lab, netreel 0.1.0",
        "     2      0.000  type.declared                                 lab::Thing",
        "     3      0.000  resource.registered   #1 lab::Thing           command=serve",
        "     4      0.000  resource.registered   #2 lab::Thing           command=ask",
        "     5      0.000  condition.registered                          start of #2 after #1 STARTED + 2 s",
        "     6      0.000  group.deployed                                group 1: #1 #2",
        f"     7      0.000  step.passed           #1 lab::Thing           {', '.join(DEPLOYMENT)}",
        f"     8      0.000  step.passed           #2 lab::Thing           {', '.join(DEPLOYMENT)}",
        "     9      0.250  step.begun            #1 lab::Thing           start",
        "    10      0.500  step.done             #1 lab::Thing           start: pid=99",
    ]


@pytest.mark.parametrize(
    ("options", "seqs"),
    [
        (["--kind", "step.begun"], [9]),
        (["--kind", "step", "--guid", "1"], [7, 9, 10]),
        (["--guid", "2"], [4, 5, 6, 8]),
        (["--since", "9"], [9, 10]),
        (["--since", "0.3s"], [10]),
        (["--kind", "run", "--kind", "group"], [6]),
    ],
)
def test_events_are_chosen_by_kind_resource_and_time(home, options, seqs):
    write(home)
    assert [json.loads(line)["seq"] for line in lines("log", "hello", "--json", *options)] == seqs


def test_a_resource_is_named_by_its_label_also_when_it_is_gone(home):
    spare = events.ResourceRegistered(3, "lab::Thing", {}, "spare")
    write(home, [*WAITING, (1, spare), (1, events.ResourceRemoved(0, [3]))])
    assert [line.split()[0] for line in lines("log", "hello", "--guid", "spare")] == ["controller", "11", "12"]


def test_following_ends_when_the_run_is_closed(home):
    write(home, OVER)
    assert lines("log", "-f", "hello") == lines("log", "hello")


def test_a_torn_log_is_shown_as_far_as_it_goes(home):
    tear(write(home))
    result = netreel("log", "hello")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 10)
    assert "the last write was cut short" in result.stderr


@pytest.mark.parametrize("command", ["log", "show", "state", "check"])
def test_a_damaged_log_is_refused_with_file_and_byte(home, command):
    run_dir = write(home)
    damage(run_dir)
    result = netreel(command, "hello")
    assert result.exit_code == 2
    assert result.stderr.startswith(f"netreel: {segment(run_dir)}, byte 88: the log is damaged: ")


def test_verifying_tells_what_is_there_and_fails_on_damage(home):
    run_dir = write(home)
    assert lines("log", "hello", "--verify") == ["10 events in 1 segment, all intact"]
    damage(run_dir)
    result = netreel("log", "hello", "--verify")
    assert result.exit_code == 1
    assert "the log is damaged" in result.stdout
    assert json.loads(netreel("log", "hello", "--verify", "--json").stdout)["ok"] is False


def test_salvaging_shows_what_is_intact_behind_the_damage_marked(home):
    run_dir = write(home)
    assert lines("log", "hello", "--salvage") == lines("log", "hello")
    damage(run_dir)
    result = netreel("log", "hello", "--salvage")
    assert (result.exit_code, "the log is damaged" in result.stderr) == (1, True)
    (shown,) = result.stdout.splitlines()
    assert shown.startswith(f"salvaged from {segment(run_dir).name}, byte ")
    (told,) = netreel("log", "hello", "--salvage", "--json").stdout.splitlines()
    assert (json.loads(told)["seq"], json.loads(told)["salvaged"]["file"]) == (10, segment(run_dir).name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--kind", "stp"], "there is no kind of event 'stp'; did you mean step"),
        (["--since", "soon"], "--since takes a seq, such as 120, or a time from the start, such as 12.5s: "),
        (["--guid", "77"], f"there is no resource '77' in {RUN}; known are 1, 2"),
        (["--guid", "x"], f"there is no resource 'x' in {RUN}; known are 1, 2"),
        (["--folow"], "No such option '--folow'. Did you mean '--follow'? See netreel log --help."),
    ],
)
def test_wrong_options_are_refused(home, options, message):
    write(home)
    assert message in refusal("log", "hello", *options)


# --- later versions ---------------------------------------------------------------------------------------------


def test_a_log_in_a_later_format_is_refused(home):
    path = segment(write(home))
    data = bytearray(path.read_bytes())
    data[8:10] = struct.pack("<H", 2)
    data[84:88] = struct.pack("<I", crc32(data[:84]))
    path.write_bytes(data)
    assert (
        refusal("show", "hello")
        == f"{path}: the log is in format 2.0; this version reads 1.*, a later netreel reads it"
    )
    assert "of a later version" in lines("ls")[1]


def test_an_event_of_a_later_version_is_refused(home):
    run_dir = home / "hello" / RUN
    with eventlog.FileStore(run_dir).open_writer("a test") as writer:
        writer.append([eventlog.Event(1, START, "controller.opened", 0, {}, 0, 1, version=99)])
    assert refusal("show", "hello").startswith(f"{run_dir}: event 1 is a 'controller.opened' of version 99")


# --- check --------------------------------------------------------------------------------------------------------


def test_an_audit_tells_how_much_it_has_seen(home):
    write(home)
    assert lines("check", "hello") == [f"10 events of {RUN} audited: all of it was allowed"]


def test_an_audit_that_finds_something_fails(home):
    write(home, [*WAITING, (1, events.StepBegun(2, Step.START, "t2"))])
    report = json.loads(netreel("check", "hello", "--json").stdout)
    (found,) = report["violations"]
    assert (report["events"], found["seq"], found["rule"]) == (11, 11, "delay")
    result = netreel("check", "hello")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"event 11: delay: {found['message']}",
        f"11 events of {RUN} audited: 1 violation",
    ]

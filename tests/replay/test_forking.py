"""What if: an experiment as it was described at some moment, as a new one."""

import json

import pytest

import replay
from engine import ResourceState, UsageError
from engine.description import BadDescription, SFormats
from tests.engine import kinds
from tests.engine.kinds import PATIENCE, START, App, Host, Thing
from tests.replay.labs import lab_in
from tests.replay.shell import answer, netreel, refusal

NEW, STARTED = ResourceState.NEW, ResourceState.STARTED


@pytest.fixture
def old(ec):
    """A controller whose server and client have started, the one after the other."""
    kinds.new_stage()
    made = ec("old")
    host = made.add(Host(), label="h")
    server = made.add(App(command="serve"), on=host, label="server")
    client = made.add(App(command="ask"), on=host)
    made.register_condition(client, START, server, STARTED, "0.01s")
    made.deploy()
    assert made.wait_started([server, client], timeout=PATIENCE)
    return made


def without_name(text):
    """A description without the name of its experiment."""
    return {key: value for key, value in json.loads(text).items() if key != "exp_id"}


def test_a_fork_is_the_same_experiment_with_nothing_begun(ec, old):
    new = replay.fork(old.run_dir, into="new")
    assert (new.exp_id, new.resources) == ("new", old.resources)
    assert without_name(new.serialize(SFormats.JSON)) == without_name(old.serialize(SFormats.JSON))
    assert {new.state(guid) for guid in new.resources} == {NEW}
    assert {old.state(guid) for guid in old.resources} == {STARTED}


def test_it_can_be_changed_and_deployed(ec, old):
    new = replay.fork(old.run_dir, into="new")
    new.set("server", "command", "serve faster")
    new.add(App(command="watch"), on=new.get_resource(1))
    new.deploy()
    assert new.wait_started(new.resources, timeout=PATIENCE)
    assert new.get("server", "command") == "serve faster"
    assert new.resources == [1, 2, 3, 4]


def test_it_is_as_it_was_at_that_moment(ec, old):
    first = replay.state(old.run_dir).seq
    old.add(App(command="late"), on=old.get_resource(1))
    assert len(replay.fork(old.run_dir, at=first, into="early").resources) == 3
    assert len(replay.fork(old.run_dir, into="late").resources) == 4


def test_it_is_called_after_the_moment_if_nobody_says_how(ec, old):
    assert replay.fork(old.run_dir, at=5).exp_id == "old-5"


def test_it_notes_what_it_was_forked_from(ec, old):
    new = replay.fork(old.run_dir, into="new")
    then = replay.state(old.run_dir)
    assert json.loads((new.run_dir / "forked.json").read_text()) == {
        "run_id": old.run_id,
        "directory": str(old.run_dir),
        "seq": then.seq,
        "seconds": pytest.approx((then.time - then.start).total_seconds(), abs=1e-6),
        "states": {"1": "STARTED", "2": "STARTED", "3": "STARTED"},
    }


def test_an_experiment_that_is_there_is_not_joined(ec, old, home):
    with pytest.raises(UsageError, match=f"there is an experiment 'old' already, in {home}/old; give another name"):
        replay.fork(old.run_dir, into="old")
    assert [run.name for run in (home / "old").iterdir()] == [old.run_id]


def test_a_moment_outside_of_the_run_is_refused(ec, old, home):
    for at in 0, 1000, "-1s":
        with pytest.raises(UsageError):
            replay.fork(old.run_dir, at=at, into="new")
    assert [experiment.name for experiment in home.iterdir()] == ["old"]


def test_a_type_that_is_not_installed_is_told_and_nothing_made(home, tmp_path):
    lab_in(tmp_path / "run").host()
    with pytest.raises(BadDescription, match="lab::Host"):
        replay.fork(tmp_path / "run", into="new")
    assert not home.exists()


def test_what_was_planned_and_has_come_is_a_value_and_what_has_not_is_planned_still(ec):
    made = ec("things")
    first, second = made.add(Thing()), made.add(Thing())
    made.set_with_conditions("level", 0.25, first, second, STARTED)
    made.set_with_conditions("level", 0.75, second, first, STARTED, "1h")
    made.deploy()
    assert made.wait_started([first, second], timeout=PATIENCE)
    new = json.loads(replay.fork(made.run_dir, into="new").serialize(SFormats.JSON))
    assert [resource.get("attributes") for resource in new["resources"]] == [{"level": 0.25}, None]
    assert [(setting["value"], setting["delay_ns"]) for setting in new["settings"]] == [(0.75, 3600 * 10**9)]


# --- the command


def test_the_command_writes_a_description_that_can_be_run(old, tmp_path):
    target = tmp_path / "what-if.json"
    result = netreel("fork", "old", "--into", target)
    assert (result.exit_code, result.stdout) == (0, f"{target}\n")
    seq = replay.state(old.run_dir).seq
    assert result.stderr.startswith(f"netreel: 3 resources as of event {seq}, ")
    assert result.stderr.endswith(f" from its start; change it, then: netreel run {target}\n")
    assert answer("validate", target) == f"{target}: what-if with 3 resources is in order\n"
    assert without_name(target.read_text()) == without_name(old.serialize(SFormats.JSON))


def test_the_command_tells_in_json_how_it_stood(old, tmp_path):
    told = json.loads(answer("fork", "old", "--into", tmp_path / "new.xml", "--at", "5", "--json"))
    assert (told["exp_id"], told["origin"]["seq"]) == ("new", 5)
    assert set(told["origin"]["states"].values()) == {"NEW"}


@pytest.mark.parametrize(
    ("into", "args", "message"),
    [
        ("there.json", [], "{into} is there already; give --into a new file"),
        ("new.yaml", [], "{into} cannot be a description: one ends in .xml or .json"),
        ("no name.xml", [], "'no name', as the file is called, cannot be the name of an experiment: use the letters"),
        ("new.xml", ["--at", "1000"], "there is no event 1000: the log goes from 1 to "),
        ("new.xml", ["--at", "soon"], "--at takes a seq, a time from the start such as 12.5s, or an ISO date: "),
        ("no/such/new.xml", [], "{into}: no such file or directory"),
    ],
)
def test_what_makes_no_sense_is_refused(old, tmp_path, into, args, message):
    (tmp_path / "there.json").write_text("precious")
    assert refusal("fork", "old", "--into", tmp_path / into, *args).startswith(message.format(into=tmp_path / into))
    assert (tmp_path / "there.json").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "there.json"}

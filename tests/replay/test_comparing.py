"""`replay.diff`: what is different between runs, without what is noise."""

import json

import pytest

import replay
from engine.core.errors import UsageError
from engine.core.states import ResourceState, Step
from replay.comparing import _is_noise
from tests.engine.core.lab import START
from tests.golden.test_golden import VERSIONS
from tests.replay.labs import lab_in
from tests.replay.shell import lines, refusal
from tests.replay.test_cli_looking import FAILED, RUN, damage, write

STARTED = ResourceState.STARTED


def run(directory, start=1.0, *, lag=0.0, command="serve", waits=True, extra=False, swap=False, code=0):
    """A server that takes `start` seconds to start and runs for 2 s, and two clients that start one after the other."""
    lab = lab_in(directory)
    host = lab.host("host")
    server = lab.app(host, "server", command=command)
    one, two = lab.add("start", label="one"), lab.add("start", label="two")
    if waits:
        lab.when([one, two], START, server, STARTED)
    if extra:
        lab.add(label="extra")
    lab.deploy()
    for _ in range(2):
        lab.done(*(guid for guid, it in lab.world.resources.items() if it.attempt and it.attempt.step != Step.START))
    lab.wait(start)
    lab.done(server)
    for guid in (two, one) if swap else (one, two):
        lab.wait(0.5 + lag)
        lab.done(guid)
    lab.wait(2)
    lab.ended(server, code)
    return directory


@pytest.fixture
def differences(tmp_path):
    """What is said to be different between two runs that are made so."""

    def told(a, b):
        return [f"{each.section} {each}" for each in replay.diff(run(tmp_path / "a", **a), run(tmp_path / "b", **b))]

    return told


# --- what is different ------------------------------------------------------------------------------------------


def test_two_runs_alike_are_not_different(differences):
    assert differences({}, {}) == []


def test_a_run_is_not_different_from_itself(tmp_path):
    assert replay.diff(run(tmp_path), tmp_path) == []


def test_a_description_that_was_changed(differences):
    assert differences({}, {"command": "serve -v", "waits": False})[:3] == [
        "description server: command: serve → serve -v",
        "description one: its start waits for server to be STARTED: yes → nothing",
        "description two: its start waits for server to be STARTED: yes → nothing",
    ]


def test_a_resource_that_only_one_side_has_is_told_once(differences):
    assert differences({}, {"extra": True}) == ["description extra: described as: nothing → plain"]


def test_an_order_that_was_another(differences):
    assert differences({}, {"swap": True})[0] == "order one: started before two: yes → no"


def test_a_step_that_took_longer(differences):
    assert differences({}, {"start": 3.0}) == ["times server: start: 1.00 s → 3.00 s"]


def test_an_end_that_was_another(differences):
    assert differences({}, {"code": 3}) == ["results server: exit status: 0 → 3"]


def test_what_failed_and_why(tmp_path):
    lab = lab_in(tmp_path / "a")
    lab.add("start")
    lab.deploy()
    lab.fail(1, "no such command")
    lab = lab_in(tmp_path / "b")
    lab.add("start")
    lab.deploy()
    lab.done(1)
    assert [str(each) for each in replay.diff(tmp_path / "a", tmp_path / "b")] == [
        "aborted: yes → no",
        "#1: state: FAILED → STARTED",
        "#1: failed: yes → no",
        "#1: error: no such command → nothing",
    ]


def test_two_moments_of_one_run(tmp_path):
    run(tmp_path, 3.0)
    assert [str(each) for each in replay.diff(tmp_path, tmp_path, "1s", "4s")] == [
        "server: state: READY → STARTED",
        "one: state: READY → STARTED",
        "two: state: READY → STARTED",
    ]


# --- noise --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "noise"),
    [
        ([1.0], [1.15], True),  # less than a fifth of a second
        ([0.01], [0.22], False),
        ([10.0], [10.9], True),  # less than a tenth of it
        ([10.0], [11.2], False),
        ([11.2], [10.0], False),
        ([1.0, 2.0], [2.5], True),  # no further apart than they are among themselves
        ([1.0, 2.0], [3.5], False),
        ([1.0, 2.0, 9.0], [5.0], True),
        ([1.0, 1.1], [1.35, 1.4], False),
        ([1.0, 1.1], [1.1, 1.5], True),
    ],
)
def test_times_differ_if_they_are_further_apart_than_they_spread(a, b, noise):
    assert _is_noise(tuple(a), tuple(b)) is noise
    assert _is_noise(tuple(b), tuple(a)) is noise


def test_several_runs_say_what_their_spread_is(tmp_path):
    before = [run(tmp_path / "before" / f"{n}", start) for n, start in enumerate((1.0, 1.8))]
    after = run(tmp_path / "after", 2.5)
    assert [str(each) for each in replay.diff(before[0], after)] == ["server: start: 1.00 s → 2.50 s"]
    assert replay.diff(tmp_path / "before", after) == replay.diff(before, after) == []
    late = run(tmp_path / "late", 4.0)
    assert [str(each) for each in replay.diff(before, late)] == ["server: start: 1.00 to 1.80 s → 4.00 s"]


def test_what_some_run_of_each_side_had_is_no_difference(tmp_path):
    before = [run(tmp_path / "a", code=0), run(tmp_path / "b", code=3)]
    assert replay.diff(before, run(tmp_path / "c", code=3)) == []
    (found,) = replay.diff(before, run(tmp_path / "d", code=4))
    assert str(found) == "server: exit status: 0 or 3 → 4"


def test_an_order_that_is_another_only_now_and_then_is_no_difference(tmp_path):
    one, other = run(tmp_path / "a"), run(tmp_path / "b", swap=True)
    assert [each for each in replay.diff([one, other], other) if each.section == "order"] == []


# --- what it takes ------------------------------------------------------------------------------------------------


def test_it_is_plain_values(tmp_path):
    (found,) = replay.diff(run(tmp_path / "a"), run(tmp_path / "b", code=3))
    assert json.loads(json.dumps(found.to_dict())) == {
        "section": "results",
        "who": "server",
        "what": "exit status",
        "a": [0],
        "b": [3],
    }


def test_what_is_no_run_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"there is no run in .*/empty; a run is a directory with a log/ in it"):
        replay.diff(tmp_path / "empty", run(tmp_path / "a"))
    with pytest.raises(UsageError, match="there is no run in"):
        replay.diff(run(tmp_path / "b"), [])


def test_old_logs_are_compared():
    old, new = VERSIONS[0], VERSIONS[-1]
    assert {each.section for each in replay.diff(old, new)} <= {"description", "order", "times", "results"}


# --- at a shell ---------------------------------------------------------------------------------------------------

LATER = "20300318T000000.000000Z-bbbb0001"


def test_two_runs_are_compared_at_a_shell(home):
    write(home)
    write(home, FAILED, exp_id="other", run_id=LATER)
    assert lines("diff", "hello", "other") == [
        f"{RUN} → {LATER}: 5 differences",
        "",
        "results",
        "  aborted: no → yes",
        "  #1: state: STARTED → FAILED",
        "  #1: failed: no → yes",
        "  #1: exit status: nothing → 3",
        "  #1: error: nothing → the device is gone",
    ]
    assert lines("diff", "hello", "hello") == [f"{RUN} → {RUN}: 0 differences"]
    assert json.loads("\n".join(lines("diff", "hello", "other", "--json")))[1] == {
        "section": "results",
        "who": "#1",
        "what": "state",
        "a": ["STARTED"],
        "b": ["FAILED"],
    }


def test_two_moments_are_compared_at_a_shell(home):
    write(home, FAILED)
    moments = [f"{RUN} → {RUN}: 1 difference", "", "results", "  #1: state: READY → STARTED"]
    assert lines("diff", "hello", "--from", "0.3s", "--to", "10") == moments
    assert len(lines("diff", "hello", "--from", "0.3s")) > 3


def test_all_runs_of_experiments_are_compared_at_a_shell(home):
    write(home)
    write(home, FAILED, run_id=LATER)
    write(home, FAILED, exp_id="other", run_id="20300319T000000.000000Z-cccc0001")
    assert lines("diff", "--all", "hello", "other") == [
        "2 runs of hello → 20300319T000000.000000Z-cccc0001: 0 differences"
    ]
    assert len(lines("diff", "aaaa", "other")) > 3


def test_of_an_experiment_what_ended_before_it_began_is_not_compared(home):
    write(home)
    write(home, [], run_id=LATER)
    (home / "hello" / "20300320T000000.000000Z-dddd0001" / "log").mkdir(parents=True)
    assert lines("diff", "--all", "hello", "hello") == [f"{RUN} → {RUN}: 0 differences"]
    assert replay.diff(home / "hello", home / "hello") == []


def test_what_cannot_be_compared_is_refused(home, tmp_path):
    write(home)
    (tmp_path / "empty").mkdir()
    write(home, [], exp_id="none", run_id="20300317T174643.000000Z-aaaa0004")
    damage(write(home, exp_id="bad", run_id="20300317T174642.000000Z-aaaa0003"))
    assert refusal("diff", "hello").startswith("with what? netreel diff A B compares two runs")
    assert refusal("diff", "--all", "hello").startswith("with what? ")
    assert refusal("diff", "hello", "helo").startswith("there is no run 'helo'")
    assert refusal("diff", "hello", tmp_path / "empty").startswith(f"{tmp_path}/empty is empty; ")
    assert "holds no event" in refusal("diff", "hello", "none")
    assert "holds no event" in refusal("diff", "--all", "hello", "none")
    assert "checksum" in refusal("diff", "bad", "hello")
    assert refusal("diff", "hello", "--from", "soon").startswith("--from")
    assert refusal("diff", "hello", "--to", "99") == "there is no event 99: the log goes from 1 to 10"

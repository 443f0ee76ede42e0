"""`replay.explain`: every state and every wait has its reason, in words, down to the line of the script."""

import json
from itertools import pairwise
from random import Random

import pytest

import replay
from engine.core import messages, revise
from engine.core.errors import UnknownGuid
from engine.core.events import ControllerOpened
from engine.core.states import ENDS, ResourceState, Step
from tests.engine.core.lab import DEPLOY, START, STOP, S
from tests.golden.test_golden import VERSIONS
from tests.replay.labs import lab_in
from tests.simulation.experiments import draw
from tests.simulation.playing import play

SERVER = "#2 lab::App (server)"
READY, STARTED, STOPPED, FAILED = (ResourceState[name] for name in ("READY", "STARTED", "STOPPED", "FAILED"))


@pytest.fixture
def lab(tmp_path):
    """An empty experiment; `why` explains it as its log stands."""
    return lab_in(tmp_path)


@pytest.fixture
def why(lab, tmp_path):
    """What is said of a resource now, line by line."""

    def lines(guid, at=None):
        at = f"{(lab.now - 100 * S) / S}s" if at is None else at
        return str(replay.explain(tmp_path, guid, at)).splitlines()

    return lines


def standing(lines):
    """The part that says how it stands."""
    return lines[: lines.index("")]


def causes(lines):
    """The part that says how it came to that."""
    return [line.strip() for line in lines[lines.index("") + 2 :]]


def installing(lab):
    """A client waits for a server, which is READY and waits for its group: there a third one is being installed."""
    host = lab.host()
    server, client, tools = lab.app(host, "server"), lab.app(host, "client"), lab.app(host)
    lab.when(client, START, server, STARTED, 2)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.wait(11.9)
    lab.done(server, client)
    lab.wait(29.6)
    return host, server, client, tools


def until_it_ran(lab):
    """The client starts 2 s after that server, and runs for 3 s."""
    _, server, client, tools = installing(lab)
    lab.done(tools)
    lab.wait(0.25)
    lab.done(server, tools)
    lab.wait(6)
    lab.done(client)
    lab.wait(3)
    lab.ended(client, 0)
    return client


# --- what it waits for ------------------------------------------------------------------------------------------


def test_a_hook_that_says_what_it_is_doing_is_quoted(lab, why):
    *_, tools = installing(lab)
    lab.doing(tools, "installing iperf3 with apt-get")
    lab.wait(3)
    assert (
        "  its deploy has been under way on host h3 for 44.5 s, installing iperf3 with apt-get for 3.00 s"
        in standing(why(tools))
    )


def test_what_the_host_says_of_itself_is_told_of_what_runs_there(lab, why):
    host, server, *_, tools = installing(lab)
    lab.done(tools)
    lab.done(server, tools)
    lab.remark(host, "has not answered since 12:00:00 UTC: no route")
    lab.wait(23)
    said = "has not answered since 12:00:00 UTC: no route (said 23.0 s ago)"
    runs = "  it runs until it ends or is stopped"
    assert standing(why(host))[1:] == [runs, f"  it {said}"]
    assert standing(why(server))[1:] == [runs, f"  #1 lab::Host (h3) {said}"]


def test_a_wait_is_explained_by_that_of_whom_it_waits_for(lab, why):
    installing(lab)
    assert standing(why("client")) == [
        "#3 lab::App (client) has been READY since 12.40 s:",
        "  its start waits for #2 lab::App (server) to be STARTED for 2 s (demo.py:5):",
        "    #2 lab::App (server) has been READY since 12.40 s:",
        "      its start waits for all of its group to be READY, of which #4 lab::App is not (demo.py:6):",
        "        #4 lab::App has been PROVISIONED since 0.00 s:",
        "          its deploy has been under way on host h3 for 41.5 s",
        "  its start waits for all of its group to be READY, of which #4 lab::App is not (demo.py:6)",
    ]


def test_a_delay_that_goes_by_says_how_much_is_left(lab, why):
    _, server, client, tools = installing(lab)
    lab.done(tools)
    lab.done(server, tools)
    lab.wait(0.5)
    assert standing(why(client)) == [
        "#3 lab::App (client) has been READY since 12.40 s:",
        "  its start waits for #2 lab::App (server) to be STARTED for 2 s, of which 1.50 s are left (demo.py:5)",
    ]


def test_what_runs_waits_for_nothing_else_and_what_has_ended_for_nothing(lab, why):
    one = lab.add()
    lab.deploy()
    lab.wait(1)
    assert standing(why(one)) == ["#1 plain has been STARTED since 0.00 s:", "  it runs until it ends or is stopped"]
    lab.ended(one, 3)
    assert standing(why(one)) == ["#1 plain has been STOPPED since 1.00 s, with exit status 3."]


def test_what_nobody_has_deployed(lab, why):
    one, two = lab.add(), lab.add()
    lab.when(two, DEPLOY, one, READY)
    lab.deploy(two)
    assert standing(why(two)) == [
        "#2 plain has been NEW since 0.00 s:",
        "  its deployment waits for #1 plain to be READY (demo.py:3):",
        "    #1 plain has been NEW since 0.00 s:",
        "      nobody has deployed it",
    ]


def test_a_stop_and_a_planned_value_that_are_waited_for(lab, why):
    lab.type("lab::Level", (), attributes={"level": 0})
    one, two = lab.add(rtype="lab::Level"), lab.add("start")
    lab.when(one, STOP, two, STOPPED)
    lab.turn(revise.plan_value(lab.world, "level", 4, "live", [one], [two], STARTED, S))
    lab.deploy(barrier=False)
    assert standing(why(one)) == [
        "#1 lab::Level has been STARTED since 0.00 s:",
        "  its stop waits for #2 start to be STOPPED (demo.py:3):",
        "    #2 start has been READY since 0.00 s:",
        "      its start has been under way for 0.00 s",
        "  level, which is to be 4, waits for #2 start to be STARTED for 1 s (demo.py:4)",
    ]


def test_what_was_aborted_says_by_whose_failure(lab, why):
    _, _, client, tools = installing(lab)
    lab.fail(tools, "no space left")
    assert standing(why(client)) == [
        "#3 lab::App (client) has been READY since 12.40 s:",
        "  its start does not come any more: the experiment was aborted by the failure of #4:",
        "    #4 lab::App has been FAILED since 42.00 s: no space left",
    ]


def test_what_can_never_come(lab, why):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, STARTED)
    lab.deploy(barrier=False)
    lab.fail(one)
    assert standing(why(two)) == ["#2 start has been FAILED since 0.00 s: it waits for #1 start, which is FAILED."]


def test_a_host_that_does_not_answer(lab, tmp_path, why):
    one = lab.add("start")
    lab.deploy()
    lab.wait(1)
    lab.done(one)
    lab = lab.crash()
    (probe,) = lab.take_over()
    lab.turn(messages.Unanswered(one, probe.attempt.token, "no route to host"))
    lab.wait(5)
    assert standing(why(one)) == [
        "#1 start has been STARTED since 1.00 s:",
        "  what became of it is unknown since 1.00 s; nobody answers: no route to host",
    ]


def test_a_release_waits_for_those_that_depend_on_it(lab, why):
    host, *_ = installing(lab)
    lab.release()
    assert standing(why(host)) == [
        "#1 lab::Host has been READY since 0.50 s:",
        "  its release waits for that of #2 lab::App (server), #3 lab::App (client), #4 lab::App:",
        "    #4 lab::App has been PROVISIONED since 0.00 s:",
        "      its deploy has been under way on host h3 for 41.5 s, and its result is no longer wanted",
        "    #2 lab::App (server) has been READY since 12.40 s:",
        "      its release has been under way on host h3 for 0.00 s",
        "    #3 lab::App (client) has been READY since 12.40 s:",
        "      its release has been under way on host h3 for 0.00 s",
    ]


def test_of_many_the_most_telling_are_explained(lab, why):
    apps = [lab.add("start", critical=False) for _ in range(6)]
    last = lab.add()
    lab.when(last, START, apps, STARTED)
    lab.deploy(*apps[3:], last, barrier=False)
    assert standing(why(last))[1:] == [
        "  its start waits for #1 start, #2 start, #3 start, #4 start, #5 start and 1 more to be STARTED (demo.py:8):",
        "    #4 start has been READY since 0.00 s:",
        "      its start has been under way for 0.00 s",
        "    #5 start has been READY since 0.00 s:",
        "      its start has been under way for 0.00 s",
        "    #6 start has been READY since 0.00 s:",
        "      its start has been under way for 0.00 s",
        "    and 3 more",
    ]


def test_where_more_is_under_way_than_there_are_workers_it_may_wait_for_one(lab, why):
    lab.turn([ControllerOpened(0, "lab", "run", {"workers": 2}, persist=False)])
    apps = [lab.add("start") for _ in range(3)]
    lab.deploy(barrier=False)
    text = "  its start has been under way for 0.00 s"
    assert standing(why(apps[0]))[1] == f"{text}; so are 2 more, and 2 run at once: it may wait for a worker"
    lab.done(apps[0])
    assert standing(why(apps[1]))[1] == text


def test_of_a_great_many_only_some_are_explained(lab, why):
    """Each of 60 waits for all before it: what all of them wait for would fill pages."""
    apps = [lab.add("start")]
    for _ in range(59):
        apps.append(lab.add("start"))
        lab.when(apps[-1], START, apps[:-1], STARTED)
    lab.deploy(barrier=False)
    assert len(standing(why(apps[-1]))) < 100


def test_of_a_long_row_the_beginning_and_the_end_are_told(lab, why):
    row = [lab.add("start") for _ in range(30)]
    for one, two in pairwise(row):
        lab.when(two, START, one, STARTED)
    lab.deploy(barrier=False)
    told = standing(why(row[-1]))
    assert told[-2:] == [
        f"{'':36}and so on, down to #1 start has been READY since 0.00 s:",
        f"{'':38}its start has been under way for 0.00 s",
    ]
    assert len(told) == 2 * 9 + 2


# --- how it came to that ----------------------------------------------------------------------------------------


def test_causes_go_down_to_the_line_of_the_script(lab, why):
    client = until_it_ran(lab)
    assert causes(why(client)) == [
        "51.25 s  #3 lab::App (client) came to its end after 3.00 s, with exit status 0",
        "48.25 s  the start of #3 lab::App (client) was done after 4.00 s: it was STARTED",
        f"44.25 s  the start of #3 lab::App (client) began; it waited for {SERVER} to be STARTED for 2 s (demo.py:5)",
        "42.25 s  the start of #2 lab::App (server) was done after 0.25 s: it was STARTED",
        "42.00 s  the start of #2 lab::App (server) began; it waited for all of its group to be READY (demo.py:6)",
        "42.00 s  the deploy of #4 lab::App was done after 41.5 s: it was READY",
        "0.50 s  the deploy of #4 lab::App began; it waited for #1 lab::Host, to which it is connected, to be READY",
        "0.50 s  #1 lab::Host was READY: nothing was to do for configure, deploy",
        "0.50 s  the provision of #1 lab::Host was done after 0.50 s: it was PROVISIONED",
        "0.00 s  the provision of #1 lab::Host began",
        "0.00 s  #1 lab::Host was RESERVED: nothing was to do for discover, reserve",
        "0.00 s  the deployment of #1 #2 #3 #4 was asked for, as group 1 (demo.py:6)",
    ]


def test_what_was_released_tells_its_failure_too(lab, why):
    one = lab.add("start", "release")
    lab.deploy()
    lab.wait(1)
    lab.fail(one, "no such command")
    lab.wait(1)
    lab.release()
    lab.done(one)
    lines = why(one)
    assert standing(lines) == [
        "#1 start+release has been RELEASED since 2.00 s; it had failed at 1.00 s: no such command."
    ]
    assert causes(lines) == [
        "2.00 s  the release of #1 start+release was done after 0.00 s: it was RELEASED",
        "2.00 s  the release of #1 start+release began",
        "2.00 s  the release of #1 was asked for (demo.py:3)",
        "1.00 s  the start of #1 start+release failed after 1.00 s: no such command",
        "0.00 s  the start of #1 start+release began; it waited for all of its group to be READY (demo.py:2)",
        "0.00 s  #1 start+release was READY: nothing was to do for discover, reserve, provision, configure, deploy",
        "0.00 s  the deployment of #1 was asked for, as group 1 (demo.py:2)",
    ]


def test_a_release_that_failed(lab, why):
    one = lab.add("release")
    lab.deploy()
    lab.release()
    lab.fail(one, "it is busy")
    assert standing(why(one)) == ["#1 release has been RELEASED since 0.00 s; its release failed: it is busy."]


def test_a_failure_is_told_with_that_of_whom_it_waited_for(lab, why):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, STARTED)
    lab.deploy(barrier=False)
    lab.fail(one, "no such command")
    assert causes(why(two))[:2] == [
        "0.00 s  #2 start failed: it waits for #1 start, which is FAILED",
        "0.00 s  the start of #1 start failed after 0.00 s: no such command",
    ]


def test_what_was_asked_for_by_hand_waited_for_nothing(lab, why):
    one, two = lab.add(), lab.add()
    lab.when(two, START, one, STARTED)
    lab.deploy(two)
    lab.request(two, Step.START)
    assert causes(why(two))[-1] == "0.00 s  the start of #2 plain was asked for (demo.py:5)"


def test_an_attempt_that_was_void_is_made_again(lab, why):
    one = lab.add("start")
    lab.deploy()
    lab = lab.crash()
    (probe,) = lab.take_over()
    lab.turn(messages.NotBegun(one, probe.attempt.token))
    lab.done(one)
    assert causes(why(one))[:3] == [
        "0.00 s  the start of #1 start was done after 0.00 s: it was STARTED",
        "0.00 s  the start of #1 start began",
        "0.00 s  the start of #1 start was void: it never began",
    ]


def test_a_long_row_of_causes_is_told_without_its_middle(lab, why, tmp_path):
    row = [lab.add() for _ in range(30)]
    for one, two in pairwise(row):
        lab.when(two, START, one, STARTED)
    lab.deploy(barrier=False)
    told = causes(why(row[-1]))
    assert len(told) == 25
    assert told[18] == f"and {len(replay.explain(tmp_path, 30).causes) - 24} more"
    assert told[-1].startswith("0.00 s  the deployment of #1 #2 #3 #4 #5 and 25 more was asked for")


def test_a_delay_led_to_it_though_something_else_came_later(lab, why):
    """The log names the event behind which a step came: the last one, which need not be what it waited for."""
    one, two = lab.add(), lab.add("deploy")
    lab.when(two, START, one, STARTED, 5)
    lab.deploy(barrier=False)
    lab.wait(1)
    lab.done(two)
    lab.wait(5)
    started = "#{} {} was STARTED: nothing was to do for start"
    assert causes(why(two))[:2] == [
        f"5.00 s  {started.format(2, 'deploy')}; it waited for #1 plain to be STARTED for 5 s (demo.py:3)",
        f"0.00 s  {started.format(1, 'plain')}",
    ]


# --- which one, and when ----------------------------------------------------------------------------------------


def test_it_is_explained_as_of_a_moment(lab, tmp_path, why):
    installing(lab)
    assert standing(why(4, "10s")) == [
        "#4 lab::App has been PROVISIONED since 0.00 s:",
        "  its deploy has been under way on host h3 for 9.50 s",
    ]
    assert replay.explain(tmp_path, 2, 5).state is ResourceState.NEW


def test_a_resource_is_named_by_its_number_or_its_label(lab, tmp_path):
    one = lab.add(label="7")
    assert replay.explain(tmp_path, "7").guid == replay.explain(tmp_path, one).guid == one
    with pytest.raises(UnknownGuid, match="there is no resource #9; registered are #1"):
        replay.explain(tmp_path, 9)
    with pytest.raises(UnknownGuid, match="no resource is labelled 'x'"):
        replay.explain(tmp_path, "x")


def test_it_is_plain_values(lab, tmp_path):
    installing(lab)
    plain = replay.explain(tmp_path, "client").to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["waits"][0]["at"] == "demo.py:5"
    assert plain["waits"][0]["because"][0]["text"] == "#2 lab::App (server) has been READY since 12.40 s"
    assert plain["causes"][-1] == {
        "seq": plain["causes"][-1]["seq"],
        "seconds": 0.0,
        "guid": 0,
        "text": "the deployment of #1 #2 #3 #4 was asked for, as group 1",
        "at": "demo.py:6",
    }


@pytest.mark.parametrize("seed", range(4))
def test_whatever_befalls_an_experiment_is_explained(seed, tmp_path):
    """Random experiments with failures, silent hosts and controllers that die, looked at in between and at the end."""
    played = play(draw(Random(seed), seed))
    run_dir = played.sim.export(tmp_path / "run")
    last = replay.state(run_dir).seq
    for seq in (*Random(seed).sample(range(1, last), 5), last):
        for guid in replay.state(run_dir, seq).resources:
            found = replay.explain(run_dir, guid, seq)
            assert all(each.seq <= seq and each.text in str(found) for each in found.causes[:5])
            assert found.waits or found.state in ENDS


@pytest.mark.slow
@pytest.mark.parametrize("run_dir", VERSIONS, ids=lambda path: path.name)
def test_every_resource_of_an_old_log_is_explained_at_every_event(run_dir):
    for seq in range(1, replay.state(run_dir).seq + 1):
        for guid in replay.state(run_dir, seq).resources:
            found = replay.explain(run_dir, guid, seq)
            assert found.causes[0].seq <= seq
            assert found.causes[-1].text

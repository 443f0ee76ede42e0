"""`netreel watch` where there is no terminal, and what it refuses."""

import json

import pytest

import replay
from replay.cli import watching
from tests.replay.shell import answer, lines, netreel, refusal
from tests.replay.test_cli_looking import OVER, RUN, SECOND, START, damage, write


@pytest.fixture
def terminal(monkeypatch):
    """There is one; what is shown on it, and how it is left with status 130."""
    shown = []

    class Watch:
        return_code = 130

        def __init__(self, run_dir, world, at):
            shown.append((run_dir.name, world.seq, at))

        def run(self):
            """Somebody presses Ctrl-C."""

    monkeypatch.setattr(watching, "_is_terminal", lambda: True)
    monkeypatch.setattr("replay.watch.app.Watch", Watch)
    return shown


def status(*args):
    """With which status a call ends."""
    return netreel(*args).exit_code


def test_without_a_terminal_it_answers_as_state_does(home):
    write(home)
    assert lines("watch", "hello", "--at", "0.3s") == lines("state", "hello", "--at", "0.3s")
    assert json.loads(answer("watch", "hello", "--json")) == json.loads(answer("state", "hello", "--json"))


def test_on_a_terminal_it_begins_where_it_is_told_to(home, terminal):
    run_dir = write(home, OVER)
    for moment in [], ["--at", "0.3s"], ["--at", "9"]:
        assert status("watch", "hello", *moment) == 130
    last = replay.state(run_dir).seq
    assert terminal == [(RUN, last, None), (RUN, 9, START + SECOND * 3 // 10), (RUN, 9, START + SECOND // 4)]


def test_what_is_damaged_is_shown_as_far_as_it_goes(home, terminal):
    run_dir = write(home, OVER)
    path = next((run_dir / "log").glob("*.log"))
    data = bytearray(path.read_bytes())
    data[-10] ^= 1
    path.write_bytes(data)
    assert status("watch", "hello") == 130
    assert terminal == [(RUN, len(OVER) - 1, None)]


@pytest.mark.parametrize("args", [["nothing"], ["hello", "--at", "soon"], ["hello", "--at", "99"], ["."]])
def test_what_cannot_be_watched_is_refused_in_a_line(home, terminal, args):
    write(home)
    assert refusal("watch", *args) == refusal("state", *args)
    assert terminal == []


def test_a_log_that_is_damaged_from_the_start_is_refused(home, terminal):
    damage(write(home))
    assert "does not match its checksum" in refusal("watch", "hello")
    assert terminal == []

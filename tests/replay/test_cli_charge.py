"""Signals and a full disk, while the program is in charge of a run."""

import os
import re
import signal
import threading

import pytest

import eventlog
import replay
from engine import Alive, ResourceFactory
from engine.runtime.session import Session
from eventlog._disk import RealFile
from replay.cli import interrupts
from tests.replay.test_cli_running import (
    IN_A_WITH,
    RUNS_ON,
    Thing,
    _known_types,
    home,
    left_behind,
    netreel,
    only_run,
    released_by,
    script,
    short,
)

__all__ = ["_known_types", "home", "script"]  # fixtures of all tests here


# --- Ctrl-C -----------------------------------------------------------------------------------------------------

INTERRUPT = "    os.kill(os.getpid(), signal.SIGINT)\n"


def test_one_interrupt_lets_go_and_destroys_nothing(home, script, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 0.01)
    result = netreel("run", script(IN_A_WITH + INTERRUPT + "    ec.wait_finished(thing)"))
    run_dir = only_run(home)
    assert result.exit_code == 130
    assert result.stderr.splitlines() == [
        "netreel: letting go; press Ctrl-C again within a second to release everything instead",
        f"netreel: hello goes on without its controller; to come back: netreel reconnect {short(run_dir)}",
    ]
    assert eventlog.holder(run_dir) is None
    world = replay.state(run_dir)
    assert (world.closed, world.resources[1].state.name) == (False, "STARTED")


def test_two_interrupts_release_everything(home, script, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 60)
    result = netreel("run", script(RUNS_ON + "if True:\n" + INTERRUPT + INTERRUPT + "    ec.wait_finished(thing)"))
    assert result.exit_code == 130
    assert result.stderr.splitlines()[-1] == "netreel: releasing everything"
    assert replay.state(only_run(home)).closed
    assert replay.check(only_run(home)) == []


def test_two_interrupts_do_not_break_off_a_release(home, monkeypatch):
    told = threading.Event()

    def release(self, intent):
        os.kill(os.getpid(), signal.SIGINT)
        assert told.wait(10)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(interrupts, "_GRACE", 60)
    monkeypatch.setattr(interrupts, "say", lambda message: told.set())
    released_by(monkeypatch, release)
    run_dir = left_behind(home)
    assert netreel("release", "hello").exit_code == 130
    assert replay.state(run_dir).closed
    assert replay.check(run_dir) == []


def test_an_interrupt_without_a_controller_ends_the_script(home, script):
    result = netreel("run", script('try: os.kill(os.getpid(), signal.SIGINT)\nfinally: print("bye")'))
    assert (result.exit_code, result.stdout, result.stderr) == (130, "bye\n", "")


def test_a_script_that_ends_before_it_is_let_go_has_ended(home, script, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 60)
    result = netreel("run", script(IN_A_WITH + INTERRUPT))
    assert result.exit_code == 0
    assert replay.state(only_run(home)).closed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


TERMINATE = "    os.kill(os.getpid(), signal.SIGTERM)\n"


def test_a_termination_lets_go_at_once_and_says_how_to_come_back(home, script, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 60)
    result = netreel("run", script(IN_A_WITH + TERMINATE + "    ec.wait_finished(thing)"))
    run_dir = only_run(home)
    assert result.exit_code == 143
    assert result.stderr == (
        f"netreel: hello goes on without its controller; to come back: netreel reconnect {short(run_dir)}\n"
    )
    assert replay.state(run_dir).resources[1].state.name == "STARTED"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_termination_after_an_interrupt_does_not_wait_for_a_second_one(home, script, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 60)
    result = netreel("run", script(IN_A_WITH + INTERRUPT + TERMINATE + "    ec.wait_finished(thing)"))
    assert result.exit_code == 143
    assert result.stderr.endswith(f"to come back: netreel reconnect {short(only_run(home))}\n")


def test_a_termination_breaks_off_a_release_that_can_be_gone_on_with(home, monkeypatch):
    told = threading.Event()
    gone = threading.Event()

    def release(self, intent):
        os.kill(os.getpid(), signal.SIGINT)
        assert told.wait(10)
        told.clear()
        os.kill(os.getpid(), signal.SIGINT)
        assert told.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        gone.wait(10)

    monkeypatch.setattr(interrupts, "_GRACE", 60)
    monkeypatch.setattr(interrupts, "say", lambda message: told.set())
    released_by(monkeypatch, release)
    run_dir = left_behind(home)
    result = netreel("release", "hello")
    gone.set()
    assert result.exit_code == 143
    assert result.stderr.endswith(f"is not released; to do so: netreel release {short(run_dir)}\n")
    assert not replay.state(run_dir).closed
    monkeypatch.setitem(ResourceFactory._types, "lab::Thing", Thing)
    assert netreel("release", "hello").exit_code == 0
    assert replay.check(run_dir) == []


def test_a_termination_without_a_controller_ends_the_script(home, script):
    result = netreel("run", script('try: os.kill(os.getpid(), signal.SIGTERM)\nfinally: print("bye")'))
    assert (result.exit_code, result.stdout, result.stderr) == (143, "bye\n", "")


# --- a full disk --------------------------------------------------------------------------------------------------

FULL = """
from eventlog import WriteFailed
def full(events): raise WriteFailed("the disk is full")
ec._session._writer.append = full
ec.set(thing, "label", "new")
"""


def test_a_script_that_finds_a_full_disk_is_told_how_to_come_back(home, script):
    result = netreel("run", script(RUNS_ON + FULL))
    last = f"hello goes on without its controller; to come back: netreel reconnect {short(only_run(home))}"
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, f"netreel: {last}")


REALLY_FULL = """
with open("/dev/full", "wb", buffering=0) as full:
    RealFile.write = full.write
    ec.register_resource("lab::Thing")
"""


def test_a_full_disk_is_told_once_and_at_the_line_of_the_script(home, script, monkeypatch):
    monkeypatch.setattr(RealFile, "write", RealFile.write)  # which the script replaces
    result = netreel("run", script("from eventlog._disk import RealFile\n" + RUNS_ON + REALLY_FULL))
    begin, place, _, said, back = result.stderr.splitlines()
    assert begin == "Traceback (most recent call last):"
    assert re.fullmatch(r'  File ".*/script\.py", line 13, in <module>', place)
    assert said.startswith("eventlog.errors.WriteFailed: ")
    assert back.startswith("netreel: hello goes on without its controller; ")


@pytest.mark.parametrize("command", ["reconnect", "release"])
def test_a_takeover_that_finds_a_full_disk_is_told_how_to_come_back(home, command, monkeypatch):
    def full(self, entries):
        raise eventlog.WriteFailed("the disk is full")

    run_dir = left_behind(home)
    monkeypatch.setattr(Session, "_append", full)
    result = netreel(command, "hello")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "netreel: the disk is full",
        f"netreel: hello goes on without its controller; to come back: netreel reconnect {short(run_dir)}",
    ]


def test_an_interrupt_while_reconnected_lets_go_again(home, monkeypatch):
    monkeypatch.setattr(interrupts, "_GRACE", 0.01)
    monkeypatch.setattr(Thing, "probe", lambda self, *_: os.kill(os.getpid(), signal.SIGINT) or Alive())
    run_dir = left_behind(home)
    result = netreel("reconnect", "hello")
    assert result.exit_code == 130
    assert result.stderr.endswith(f"to come back: netreel reconnect {short(run_dir)}\n")
    assert replay.state(run_dir).resources[1].state.name == "STARTED"

"""What the Tab key offers."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from msgspec.structs import replace

from engine.core import events
from replay.cli.program import main
from tests.replay.shell import answer, refusal
from tests.replay.test_cli_looking import RUN, THING, WAITING, damage, segment, write


def offered(*typed, begun=""):
    """What may stand behind the words that were typed, where a last one was begun."""
    found = ShellComplete(main, {}, "netreel", "_NETREEL_COMPLETE").get_completions([*map(str, typed)], begun)
    return [item.value for item in found]


def test_commands_are_completed():
    assert offered(begun="re") == ["reconnect", "resume", "release", "report"]


def test_runs_are_completed_by_their_experiment_and_by_the_end_of_their_id(home):
    write(home)
    write(home, run_id="20300317T174640.000000Z-bbbb0002")
    assert sorted(offered("show")) == sorted([RUN[-8:], "bbbb0002", "hello"])
    assert offered("diff", "hello", begun="bb") == ["bbbb0002"]
    assert offered("show", "--home", home.parent / "other") == []


def test_resources_and_traces_are_those_of_the_run_before_them(home):
    traced = replace(THING, traces={"stdout": True, "pcap": False})
    labelled = events.ResourceRegistered(3, "lab::Thing", {}, "server")
    write(home, [WAITING[0], (0, traced), *WAITING[2:], (0.5, labelled)])
    assert offered("why", "hello") == ["1", "2", "server"]
    assert offered("trace", "hello", "server") == ["pcap", "stdout"]
    assert offered("log", "hello", "--guid") == []


@pytest.mark.parametrize("spoil", [damage, lambda run_dir: segment(run_dir).unlink()])
def test_where_nothing_can_be_read_nothing_is_offered(home, spoil):
    spoil(write(home))
    assert offered("why", "hello") == offered("why", "nobody") == []


def test_types_are_completed():
    assert offered("types", begun="linux::Pi") == ["linux::Ping"]


@pytest.mark.slow
def test_bash_completes_with_the_script(home, tmp_path):
    write(home)
    script = tmp_path / "netreel.bash"
    script.write_text(answer("completion", "bash"))
    typed = "COMP_WORDS=(netreel show he); COMP_CWORD=2; _netreel_completion netreel; echo ${COMPREPLY[@]}"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    run = ["bash", "-c", f"source {script}; {typed}"]
    said = subprocess.run(run, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=True)
    assert said.stdout == "hello\n"


def test_a_shell_that_is_not_known_is_refused():
    assert "'bash', 'zsh', 'fish'" in refusal("completion", "tcsh")

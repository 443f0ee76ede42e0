"""`netreel plot` on logs and descriptions that are written here."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.replay.shell import lines, netreel, refusal
from tests.replay.test_cli_looking import FAILED, RUN, damage, write

DESCRIPTION = {
    "format": "netreel-description",
    "version": 1,
    "exp_id": "planned",
    "resources": [
        {"guid": 1, "rtype": "linux::Node", "attributes": {"hostname": "localhost"}},
        {"guid": 2, "rtype": "linux::Application", "label": "web", "connections": [1]},
    ],
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, home):
    """The current directory: empty, and not the one of the runs."""
    path = tmp_path / "here"
    path.mkdir()
    monkeypatch.chdir(path)
    return path


@pytest.fixture
def description(tmp_path):
    path = tmp_path / "planned.json"
    path.write_text(json.dumps(DESCRIPTION))
    return path


@pytest.mark.slow
def test_a_run_is_drawn_into_the_current_directory(home, here):
    run_dir = write(home)
    before = sorted(run_dir.rglob("*"))
    path = here / f"hello_{RUN}.png"
    assert lines("plot", "hello") == [str(path)]
    assert path.read_bytes().startswith(b"\x89PNG")
    assert sorted(run_dir.rglob("*")) == before


@pytest.mark.parametrize(
    ("output", "begin"),
    [("a.svg", "<?xml"), ("a.dot", "digraph "), ("a.mmd", "---\ntitle: "), ("a", "\N{REPLACEMENT CHARACTER}PNG")],
)
def test_the_format_is_that_of_the_file(home, here, output, begin):
    write(home)
    (path,) = lines("plot", "hello", "--output", output)
    assert path == str(here / (output if "." in output else "a.png"))
    assert (here / path).read_text(errors="replace").startswith(begin)


def test_a_format_can_be_asked_for(home, here):
    write(home)
    assert lines("plot", "hello", "--format", "mermaid") == [str(here / f"hello_{RUN}.mmd")]


@pytest.mark.parametrize(
    ("output", "path"), [("a", "a.dot"), ("exp-1.2", "exp-1.2.dot"), ("a.dot", "a.dot"), ("a.DOT", "a.DOT")]
)
def test_a_file_is_called_as_it_was_asked_for(home, here, output, path):
    write(home)
    assert lines("plot", "hello", "--format", "dot", "--output", output) == [str(here / path)]
    assert [entry.name for entry in here.iterdir()] == [path]


def test_a_device_and_a_pipe_are_written_to_as_they_are(home, here):
    write(home)
    os.mkfifo("pipe.pdf")
    with ThreadPoolExecutor(1) as readers:
        read = readers.submit((here / "pipe.pdf").read_text)
        assert lines("plot", "hello", "--format", "dot", "--output", "pipe.pdf") == [str(here / "pipe.pdf")]
        assert read.result(10).startswith("digraph ")
    assert lines("plot", "hello", "--format", "mermaid", "--output", "/dev/null") == ["/dev/null"]
    assert [entry.name for entry in here.iterdir()] == ["pipe.pdf"]


def test_standard_output_gets_the_plot_and_nothing_else(home, here):
    write(home)
    text = "\n".join(lines("plot", "hello", "--format", "dot", "--output", "-"))
    assert text.startswith("digraph ")
    assert text.endswith("}")
    assert netreel("plot", "hello", "--output", "-").stdout_bytes.startswith(b"\x89PNG")
    assert list(here.iterdir()) == []


def test_a_moment_shows_the_states_of_then(home):
    write(home)
    text = "\n".join(lines("plot", "hello", "--format", "dot", "--output", "-", "--at", "0.3s"))
    assert "#1 lab::Thing is READY" in text
    assert "after event 9, 0.25 s from its start" in text


def test_json_says_what_was_drawn(home, here):
    write(home)
    told = json.loads("\n".join(lines("plot", "hello", "--format", "dot", "--json")))
    path = str(here / f"hello_{RUN}.dot")
    counts = {"resources": 2, "connections": 0, "conditions": 1, "planned": 0}
    assert told == {"path": path, "format": "dot", **counts}


def test_a_description_is_drawn_as_it_is_described(here, description):
    assert lines("plot", description, "--format", "dot") == [str(here / "planned.dot")]
    text = (here / "planned.dot").read_text()
    assert 'label="planned\\nas described"' in text
    assert "r1 -> r2" in text
    assert "#2 web" in text


@pytest.mark.slow
def test_a_gantt_chart_shows_states_over_time(home, here):
    write(home, FAILED)
    told = json.loads("\n".join(lines("plot", "hello", "--gantt", "--format", "svg", "--json")))
    path = here / f"hello_{RUN}_gantt.svg"
    assert told == {"path": str(path), "format": "svg", "resources": 2}
    text = path.read_text()
    assert "<title>#1 lab::Thing: NEW 0.00 to 0.00 s, READY 0.00 to 0.50 s, STARTED 0.50 to 1.00 s, FAILED" in text
    assert all(f">{word}<" in text for word in ("\N{BALLOT X} #1", "#2", "lab::Thing", "READY", "1 s", "it failed"))
    assert 'id="state-READY"' in text
    assert lines("plot", "hello", "--gantt", "--at", "0.5s", "--output", "then.svg") == [str(here / "then.svg")]
    assert ">after event 10, 0.50 s from its start<" in (here / "then.svg").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["hello", "--gantt", "--format", "dot"],
            "a Gantt chart is a picture: it is written as png or svg, not as dot",
        ),
        (["nothing"], "there is no run 'nothing' below "),
        (["none.json"], "none.json: no such file"),
        (["hello", "--at", "soon"], "--at takes a seq, a time from the start such as 12.5s, or an ISO date: "),
        (["hello", "--output", "none/x.dot"], "the plot cannot be written to "),
        (
            ["hello", "--output", "x.pdf"],
            "x.pdf cannot be a plot: one ends in .png, .svg, .dot or .mmd, or has no ending yet",
        ),
        (["hello", "--output", "a.svg", "--format", "dot"], "a.svg cannot be a plot in the format dot, which ends in "),
        (["hello", "--json", "--output", "-"], "--json and --output - both write to standard output; "),
        (
            ["hello", "--format", "pdf"],
            "Invalid value for '--format': 'pdf' is not one of 'png', 'svg', 'dot', 'mermaid'.",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_line(home, here, args, message):
    write(home)
    assert refusal("plot", *args).startswith(message)
    assert list(here.iterdir()) == []


def test_a_moment_of_a_description_is_refused(description):
    assert refusal("plot", description, "--at", "1").endswith("is a description, which has no moments; leave --at out")
    told = refusal("plot", description, "--gantt")
    assert told.endswith("is a description, in which nothing has happened; leave --gantt out")


def test_a_damaged_run_is_refused(home, here):
    damage(write(home))
    assert "netreel: " in netreel("plot", "hello").stderr
    assert list(here.iterdir()) == []

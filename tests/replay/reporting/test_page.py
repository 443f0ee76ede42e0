"""What stands on the page of a run."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

import replay
from engine import UsageError
from engine.core import events
from engine.core.states import ResourceState
from engine.plots.gantt import Bar
from eventlog import FileStore
from replay.reporting import gathering, page, report
from tests.engine.core.lab import START, STOP
from tests.replay.labs import lab_in
from tests.replay.recorders import Recorder, path_of
from tests.replay.shell import answer, refusal
from tests.replay.test_debugging_page import FIRST, play

pytestmark = pytest.mark.slow


class Sections(HTMLParser):
    """The texts of a page by section, each as it is read. Tags that are opened must be closed."""

    VOID = frozenset({"meta", "input"})

    def __init__(self, text):
        super().__init__()
        self.texts, self._open, self._section = {}, [], ""
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        if tag == "section":
            self._section = dict(attrs)["id"]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        optional = {"path", "use", "clippath", "defs"}
        assert self._open.pop() == tag or tag in optional

    def handle_data(self, data):
        self.texts[self._section] = f"{self.texts.get(self._section, '')} {data}"


def sections(run_dir, **how):
    return {name: " ".join(text.split()) for name, text in Sections(report(run_dir, **how)).texts.items()}


def events_in(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.fixture(autouse=True)
def topology(monkeypatch):
    """Nothing: to draw it takes longest of all, and most tests look at something else."""
    monkeypatch.setattr(page, "_topology", lambda drawing: "")


@pytest.fixture
def drawn(monkeypatch, topology, original=page._topology):
    """The topology is drawn."""
    monkeypatch.setattr(page, "_topology", original)


def last_of(run_dir):
    """The seq of its last event."""
    return replay.state(run_dir).seq


@pytest.fixture
def run_dir(home):
    """The first run of the page about debugging: its client ends with status 1."""
    play(home / "hello" / FIRST, 41, 1)
    return home / "hello" / FIRST


@pytest.mark.slow
def test_it_tells_all_about_a_run(run_dir, drawn):
    told = sections(run_dir)
    assert list(told) == ["", "topology", "gantt", "resources", "conditions", "traces", "origin", "audit", "events"]
    assert f"{last_of(run_dir)} events over 53.9 s; 4 resources:" in told[""]
    assert "#2 server" in told["topology"]
    assert "What took the time: #3 linux::Application (client) came to its end after 10.0 s" in told["gantt"]
    assert "3 client linux::Application STOPPED 53.85 s 1" in told["resources"]
    assert told["conditions"].endswith("START #3 #2 STARTED + 2 s")
    assert "hello.py" in told["origin"]
    assert told["audit"] == f"Audit {last_of(run_dir)} events audited: all of it was allowed."


def test_it_has_each_event_with_what_led_to_it(run_dir):
    found = events_in(report(run_dir))
    rows = [
        dict(zip(("seq", "at", "kind", "guid", "text", "place", "cause"), row, strict=True)) for row in found["rows"]
    ]
    assert [row["seq"] for row in rows] == list(range(1, last_of(run_dir) + 1))
    assert rows[11] | {"kind": found["kinds"][rows[11]["kind"]]} == {
        "seq": 12,
        "at": 0,
        "kind": "group.deployed",
        "guid": 0,
        "text": "the deployment of #1 #2 #3 #4 was asked for, as group 1",
        "place": "hello.py:9",
        "cause": 0,
    }


def test_failures_come_first_with_their_stories(tmp_path):
    lab = lab_in(tmp_path)
    host = lab.host()
    lab.deploy()
    lab.wait(1)
    lab.fail(host, "no such <device>")
    told = sections(tmp_path)
    assert list(told)[1] == "failures"
    assert "#1 lab::Host no such <device>" in told["failures"]
    assert "the provision of #1 lab::Host failed after 1.00 s: no such <device>" in told["failures"]
    assert ", aborted" in told[""]


def test_of_many_failures_the_first_have_a_story(tmp_path, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_STORIES", 1)
    lab = lab_in(tmp_path)
    for _ in range(2):
        lab.add("start", critical=False)
    lab.deploy()
    for guid in 1, 2:
        lab.fail(guid)
    assert [bool(failure.story) for failure in gathering.gather(tmp_path).failures] == [True, False]
    assert sections(tmp_path)["failures"].startswith(
        "Failures How it came to that is told of the first 1 of 2 failures; netreel why run GUID tells it of any."
    )


def test_nothing_is_loaded_and_no_foreign_script_runs(run_dir, drawn):
    text = report(run_dir)
    assert re.search(r"\b(src|srcset|action|data)=|@import|url\(", text) is None
    assert set(re.findall(r'(?:xlink:)?href="([^#"]+)', text)) == set()
    assert "default-src 'none'" in text
    assert "script-src 'sha256-" in text


def test_what_the_user_said_is_text(tmp_path, drawn):
    lab = lab_in(tmp_path, script="<i>.py")
    evil = '</script><b onclick="x">\'&'
    host = lab.add(rtype="lab::Host", label=evil, hostname=evil)
    lab.app(host, label=f"{evil}2", **{"<i>": evil})
    lab.deploy()
    lab.fail(host, evil)
    text = report(tmp_path)
    assert evil not in text
    assert text.count("</script>") == 2
    assert f"{evil}2" in sections(tmp_path)["resources"]


def test_it_is_the_same_each_time(run_dir, drawn):
    assert report(run_dir) == report(run_dir)


def test_a_long_log_is_told_without_its_middle(run_dir, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_EVENTS", 10)
    text, last = report(run_dir), last_of(run_dir)
    assert [row[0] for row in events_in(text)["rows"]] == [*range(1, 6), *range(last - 4, last + 1)]
    assert f"{last - 10} events from the middle of the log are not here; netreel log" in text


def test_a_chart_of_very_many_states_is_told_less_finely():
    ready, started = ResourceState.READY, ResourceState.STARTED
    bars = [Bar(0, 1, ready), Bar(1, 5, started), Bar(5, 5.5, ready), Bar(8, 10, ready)]
    assert list(page._coarse(bars, 2)) == [Bar(0, 2, ready), Bar(2, 6, started), Bar(8, 10, ready)]


def test_what_the_chart_leaves_out_is_said(run_dir, monkeypatch):
    monkeypatch.setattr(page, "_MOST_BARS", 8)
    monkeypatch.setattr(page, "_MOST_STEPS", 3)
    told = sections(run_dir)["gantt"]
    assert "too many states to show each: every 26.9 s are shown as what took most of them" in told
    assert "There are too many steps to show them." in told


@pytest.mark.parametrize(
    ("end", "ticks"),
    [(0, []), (0.25, [0, 0.05, 0.1, 0.15, 0.2, 0.25]), (6, [0, 1, 2, 3, 4, 5, 6]), (53.9, [0, 10, 20, 30, 40, 50])],
)
def test_the_axis_has_a_few_round_numbers(end, ticks):
    assert list(page._ticks(end)) == pytest.approx(ticks)


def test_without_matplotlib_there_is_no_topology_and_all_the_rest(run_dir, drawn, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("matplotlib", "engine.plots."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = sections(run_dir)
    assert "needs matplotlib: pip install 'netreel[plots]'" in told["topology"]
    assert "4 tools linux::Application STARTED" in told["resources"]


def test_a_fork_says_what_it_was_forked_from(run_dir):
    (run_dir / "forked.json").write_text(
        json.dumps({"run_id": "old", "directory": "/x", "seq": 7, "seconds": 2, "states": {}})
    )
    assert "Forked from old, as it was after event 7, 2.00 s from its start." in sections(run_dir)[""]


def test_a_violation_is_told(run_dir, monkeypatch):
    violation = replay.Violation(3, 1, "order", "it follows event 9")
    monkeypatch.setattr(gathering, "audit", lambda entries: [violation])
    assert (
        sections(run_dir)["audit"]
        == f"Audit 1 of {last_of(run_dir)} events are not as they must be: event 3: order: it follows event 9"
    )


def test_how_many_violations_more_there_are_is_told(run_dir, monkeypatch):
    violation = replay.Violation(3, 1, "order", "it follows event 9")
    monkeypatch.setattr(gathering, "audit", lambda entries: [violation] * 102)
    assert sections(run_dir)["audit"].endswith("event 9 and 2 more: netreel check run")


def test_a_run_of_which_nothing_is_in_the_log_is_refused(tmp_path):
    FileStore(tmp_path).open_writer("a test").close()
    with pytest.raises(UsageError, match="holds no event: its controller ended before it wrote one"):
        report(tmp_path)


def test_what_is_planned_and_waited_for_is_told(tmp_path):
    lab = lab_in(tmp_path)
    host = lab.host()
    one, two = lab.app(host), lab.app(host)
    lab.when(one, START, two, ResourceState.STARTED, 1)
    lab.when(two, STOP, one, ResourceState.STOPPED)
    lab.deploy()
    told = sections(tmp_path)
    assert "STOP #3 #2 STOPPED" in told["conditions"]
    assert "before its deploy" in told["resources"]


def test_a_value_that_was_planned_is_told_also_once_it_is_set(tmp_path):
    lab = lab_in(tmp_path)
    host = lab.host()
    lab.turn([events.AttributePlanned(0, [host], "hostname", "h4", [host], ResourceState.STARTED, 0)])
    lab.deploy()
    lab.done(host)
    told = sections(tmp_path)
    assert replay.state(tmp_path).resources[host].attributes["hostname"] == "h4"
    assert told["conditions"].endswith("hostname = 'h4' #1 #1 STARTED")
    assert "1 h4 lab::Host STARTED" in told["resources"]


# --- traces


@pytest.fixture
def live(ec, lab1):
    """A controller whose #1 runs, on a host that can be lost."""
    made = ec("hello")
    made.add(Recorder(), label="the one")
    made.deploy()
    assert made.wait_started([1], timeout=20)
    return made


def test_traces_are_shown_as_they_begin(live, monkeypatch):
    monkeypatch.setattr(gathering, "_HEAD", 30)
    path_of(live.run_dir, 1, "stdout").write_bytes(b"\x1b[31mred\x1b[0m \x1b]0;title\x07<b>\r\n\xff\x07" + b"." * 100)
    path_of(live.run_dir, 1, "result").write_bytes(b"\0binary")
    told = sections(live.run_dir)["traces"]
    assert (
        "#1 lab::Recorder (the one): stdout, 130 bytes red <b> \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
        in told
    )
    assert f"and more: netreel trace {live.run_id} 1 stdout" in told
    assert (
        f"#1 lab::Recorder (the one): result, 7 bytes, no text: netreel trace {live.run_id} 1 result --output FILE"
        in told
    )
    assert "binary" not in told
    assert "made, 4 bytes made" in told


def test_of_many_traces_the_first_are_shown_and_the_others_told(live, monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_HEADS", 1)
    path_of(live.run_dir, 1, "stdout").write_bytes(b"first")
    told = sections(live.run_dir)["traces"]
    assert told == (
        "Traces #1 lab::Recorder (the one): stdout, 5 bytes first 1 more, of which nothing is shown; "
        f"netreel trace {live.run_id} GUID NAME shows one #1 lab::Recorder (the one): made, 4 bytes"
    )


def test_what_cannot_be_read_is_told_and_keeps_nobody_from_the_rest(live, lab1):
    lab1.lost = True
    told = sections(live.run_dir)["traces"]
    assert "could not be read" in told
    assert "lab1: no route to host" in told
    assert "made, 4 bytes" in told


def test_no_host_is_asked_where_nobody_wants_the_traces(live, lab1):
    lab1.lost = True
    assert sections(live.run_dir, with_traces=False)["traces"] == (
        f"Traces They are left out, as was asked for; netreel trace {live.run_id} lists them."
    )


# --- the command


def test_the_command_writes_a_file_and_says_which(run_dir, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert answer("report", "hello") == f"hello_{FIRST}.html\n"
    assert (tmp_path / f"hello_{FIRST}.html").read_text() == report(run_dir)
    assert answer("report", "hello", "-o", "-") == report(run_dir)
    told = json.loads(answer("report", "hello", "--output", "x.html", "--no-traces", "--json"))
    assert told == {"path": "x.html", "format": "html"}


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["helo"], "there is no run 'helo' below"),
        (["hello", "--json", "-o", "-"], "--json and --output - both write to standard output"),
        (["hello", "-o", "no/x.html"], "no/x.html: no such file or directory"),
        (["hello", "-o", "no/"], "there is no directory no/; give one that is there, or a file that ends in .html"),
        (["hello", "-o", "hello.py/"], "there is no directory hello.py/; give one that is there"),
        (["hello", "-o", "hello.py"], "hello.py cannot be a page: one ends in .html or .htm"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_replaced(run_dir, tmp_path, monkeypatch, args, message):
    monkeypatch.chdir(tmp_path)
    Path("hello.py").write_text("precious")
    assert refusal("report", *args).startswith(message)
    assert Path("hello.py").read_text() == "precious"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "hello.py"}

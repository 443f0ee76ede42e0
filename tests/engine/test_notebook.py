"""How things look in a notebook: plain HTML without scripts, in which every text is a text."""

import re
from html.parser import HTMLParser

import pytest

import replay
from engine import ResourceState
from engine.notebook import Row, experiment
from tests.engine.kinds import new_stage

EVIL = "<script>alert('&')</script>"
EMPTY = {"br"}


class Page(HTMLParser):
    """A well-formed piece of HTML: its elements, and the text in it."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text, self._open = set(), "", []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        assert all(name in {"style", "title"} for name, _ in attrs)
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text += f"{data} "


def shown(thing):
    page = Page(thing._repr_html_())
    assert page.elements <= {"div", "b", "br", "span", "table", "tr", "td", "th", "small"}
    return " ".join(page.text.split())


@pytest.fixture
def one(ec):
    new_stage()
    one = ec("lab-1")
    thing = one.register_resource("test::Thing", label=EVIL)
    one.register_resource("test::Plain", connectedTo=thing)
    return one


def test_a_controller_shows_its_resources(one):
    told = shown(one)
    assert told.startswith(f"lab-1 {one.run_id} RUNNING 2 NEW # label type state since 1 {EVIL} test::Thing NEW 0.")
    assert told.endswith("nobody has deployed it")
    one.deploy()
    one.wait_started([1, 2])
    assert "2 STARTED" in shown(one)
    one.shutdown()
    assert "2 RELEASED" in shown(one)


def test_a_handle_shows_its_state_and_its_values(one):
    assert re.fullmatch(rf"#1 {re.escape(EVIL)} test::Thing NEW since \d\.\d\d s nobody has deployed it", shown(one[1]))
    one.set(1, "critical", False)
    assert shown(one[1]).endswith("critical False")
    gone = one[2]
    one.unregister_connection(1, 2)
    one.remove_resource(2)
    assert "of which nothing is known any more" in shown(gone)


def test_a_run_shows_how_it_stood(one):
    one.shutdown()
    world = replay.state(one.run_dir)
    told = shown(world)
    assert told.startswith(f"lab-1 {one.run_id} after event {world.seq}, ")
    assert "2 RELEASED" in told
    assert EVIL in told
    assert shown(world.resources[1]).startswith(f"#1 {EVIL} test::Thing RELEASED since ")


def test_a_time_line_shows_states_over_time(one):
    one.deploy()
    one.wait_started([1, 2])
    line = replay.timeline(one.run_dir)
    assert EVIL in shown(line)
    assert "STARTED" in shown(line)
    assert 'title="STARTED ' in line._repr_html_()


def test_of_many_resources_the_first_are_shown():
    rows = [Row(guid, None, "lab::Thing", ResourceState.NEW, "0.00 s", "x" * 500) for guid in range(1, 131)]
    html = experiment("many", "now", rows)
    assert html.count("<tr>") == 101
    assert html.endswith("<div>and 30 more</div>")
    assert "x" * 199 + "…" in html
    assert "x" * 200 not in html

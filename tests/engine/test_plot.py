"""Plots: what they show, where it stands, how it looks, and the files that it becomes."""

import re
import subprocess
import sys
from functools import cache
from html import unescape
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from engine import plot
from engine.core import events
from engine.core.apply import apply
from engine.core.errors import UsageError
from engine.core.states import DEPLOYMENT, ResourceState, Step
from engine.core.world import World
from engine.netgraph import NetGraph
from engine.plot import PFormats
from engine.plots import looks
from engine.plots.drawing import Rule, draw
from engine.plots.layout import arrange
from engine.plots.packing import Size

pytestmark = pytest.mark.slow

S = 1_000_000_000
STARTED, READY, STOPPED = ResourceState.STARTED, ResourceState.READY, ResourceState.STOPPED
NAMES = [
    'a"b',
    "x\\y",
    "q -> r",
    "line\nbreak",
    "Gerät 日本",
    "<b>&amp;",
    "`md` *b* _i_",
    "end",
    "$x^2$ #1;",
    "[a](b)|{c}",
    "\\N\\G",
    "\x00\x1b",
    "%%{init}%%",
    '"]; class',
]

LINK = {"name": "host", "rtype": "lab::Host", "min": 0, "max": None, "after": "READY", "before": "deploy"}
TYPES = [
    events.TypeDeclared(0, "lab::Host", ["lab::Host"], [], [], {"critical": True}, [], {}),
    events.TypeDeclared(0, "lab::App", ["lab::App"], [], [LINK], {"critical": True, "rate": 1}, [], {}),
]
"""Installed nowhere."""

WAY = {
    ResourceState.DISCOVERED: DEPLOYMENT[:1],
    ResourceState.RESERVED: DEPLOYMENT[:2],
    ResourceState.PROVISIONED: DEPLOYMENT[:3],
    READY: DEPLOYMENT,
    STARTED: [*DEPLOYMENT, Step.START],
    STOPPED: [*DEPLOYMENT, Step.START, Step.STOP],
    ResourceState.RELEASED: [Step.RELEASE],
}


def world_of(*made):
    """The world that these events come to, one each second."""
    world = World(exp_id="hello", run_id="run-1", start=101 * S)
    for seq, event in enumerate([*TYPES, *made], 1):
        apply(world, events.Entry(seq, (100 + seq) * S, 0, 1, event))
    return world


def app(guid, label=None, rtype="lab::App", **attributes):
    return events.ResourceRegistered(guid, rtype, attributes, label)


def host(guid, label=None):
    return app(guid, label, "lab::Host")


def connected(guid, other):
    return events.ResourceConnected(guid, other)


def condition(guids, on, state=STARTED, delay=0, step=Step.START):
    return events.ConditionRegistered(0, list(guids), step, list(on), state, delay * S)


def planned(guids, on, value=5, delay=0):
    return events.AttributePlanned(0, list(guids), "rate", value, list(on), STARTED, delay * S)


def brought(guid, state):
    return events.StepPassed(guid, list(WAY[state]))


def failed(guid):
    return events.ResourceFailed(guid, {"type": "Failed", "message": "the disk is full"}, 3, 0)


def everything():
    """A drawing with all that there can be in one."""
    states = list(WAY)
    made = [host(1, "alpha"), *(app(guid, f"a{guid}", critical=guid != 9) for guid in range(2, 11))]
    made += [connected(guid, 1) for guid in range(2, 8)]
    made += [brought(guid, state) for guid, state in enumerate(states, 2)]
    made += [condition([3], [2], delay=2), condition([4, 5], [6, 7]), planned([8], [2]), failed(9)]
    return draw(world_of(*made))


# --- what is shown ----------------------------------------------------------------------------------------------


def test_a_node_has_number_label_type_state_and_story():
    world = world_of(app(1, "web"), app(2, critical=False), brought(1, STARTED), failed(2))
    one, two = draw(world).nodes.values()
    assert (one.name, one.rtype, one.state, one.critical, one.failed) == ("#1 web", "lab::App", STARTED, True, False)
    assert (two.name, two.state, two.critical, two.failed) == ("#2", ResourceState.FAILED, False, True)
    assert two.story == "#2 lab::App is FAILED: the disk is full"


def test_what_failed_shows_as_such_after_its_release():
    node = draw(world_of(app(1), failed(1), brought(1, ResourceState.RELEASED))).nodes[1]
    assert (node.state, node.failed) == (ResourceState.RELEASED, True)
    assert node.story.endswith("it had failed: the disk is full")


def test_a_wire_begins_at_the_one_that_is_needed_else_at_the_lower_number():
    drawing = draw(world_of(app(1), host(2), app(3), connected(1, 2), connected(3, 1)))
    assert drawing.wires == ((1, 3), (2, 1))
    assert [guid for guid, node in drawing.nodes.items() if node.is_base] == [2]


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (condition([2], [1], delay=2), "START after STARTED + 2 s"),
        (condition([2], [1], STOPPED, 0.25, Step.STOP), "STOP after STOPPED + 0.25 s"),
        (condition([2], [1], READY, step=Step.DISCOVER), "DEPLOY after READY"),
        (planned([2], [1], "a\nb", 1), "rate = 'a\\nb' after STARTED + 1 s"),
    ],
)
def test_a_rule_says_what_comes_after_what(made, text):
    (rule,) = draw(world_of(app(1), app(2), brought(2, STARTED), made)).rules
    assert (rule.text, rule.on, rule.guids, rule.is_direct) == (text, (1,), (2,), True)


def test_links_and_groups_are_no_rules():
    made = [host(1), app(2), connected(2, 1), events.GroupDeployed(0, 1, [1, 2], wait_all_ready=True)]
    assert draw(world_of(*made)).rules == ()


def test_what_was_stated_for_each_alone_is_one_rule():
    """A loop over those that wait, and one over those that are waited for, make a thousand conditions, or one."""
    made = [app(guid) for guid in range(1, 41)]
    each = [condition([guid], range(1, 21)) for guid in range(21, 41)]
    assert draw(world_of(*made, *each)).rules == (
        Rule("START", "STARTED", tuple(range(1, 21)), tuple(range(21, 41)), is_plan=False),
    )
    each = [condition([40], [guid]) for guid in range(1, 21)]
    assert draw(world_of(*made, *each)).rules == (Rule("START", "STARTED", tuple(range(1, 21)), (40,), is_plan=False),)


def test_a_moment_is_told_with_an_abort():
    world = world_of(app(1), brought(1, STARTED), failed(1), events.ExperimentAborted(0, 1))
    drawing = draw(world)
    assert (drawing.name, drawing.title) == ("hello_run-1", "hello  run-1")
    assert drawing.moment == "after event 6, 5.00 s from its start, aborted"


# --- where it stands --------------------------------------------------------------------------------------------


def topology(kind, count, **more):
    graph = NetGraph(topo_type=kind, node_count=count, **more)
    made = [app(nid + 1) for nid in graph.nodes()]
    return [*made, *(connected(one + 1, two + 1) for one, two in graph.edges())]


def hosts(count, apps):
    made = [host(guid) for guid in range(1, count + 1)]
    for number in range(count * apps):
        guid = count + 1 + number
        made += [app(guid), connected(guid, number // apps + 1)]
    return made


def chained(made):
    """The same, and each starts after the one before."""
    count = sum(isinstance(event, events.ResourceRegistered) for event in made)
    return [*made, *(condition([guid], [guid - 1], delay=guid % 3) for guid in range(2, count + 1))]


def routers():
    """A ring of hosts, each with two interfaces and an application, and a wire from interface to interface."""
    made = hosts(6, 3)
    return [*made, *(connected(7 + 3 * number, 8 + (3 * number + 3) % 18) for number in range(6))]


SCENES = {
    "nothing": [],
    "one": [app(1)],
    "loose 40": [app(guid) for guid in range(1, 41)],
    "star 40": topology("star", 40),
    "star 1000": topology("star", 1000),
    "long star": topology("star", 41, branches=5),
    "tree 40": topology("tree", 40, branches=3),
    "tree 1000": topology("tree", 1000),
    "line 5": chained(topology("linear", 5)),
    "line 200": chained(topology("linear", 200)),
    "ring 12": chained(topology("ring", 12)),
    "ring 200": topology("ring", 200),
    "ladder 40": topology("ladder", 40),
    "grid 42": chained(topology("grid", 42)),
    "grid 324": topology("grid", 324),
    "mesh 12": topology("mesh", 12),
    "hosts 5": chained(hosts(2, 2)),
    "hosts 200": chained(hosts(20, 9)),
    "hosts 1000": hosts(100, 9),
    "routers": chained(routers()),
    "all for all": [*(app(guid) for guid in range(1, 401)), condition(range(201, 401), range(1, 201))],
    "crowded": [app(1), app(2), *(condition([2], [1], delay=number) for number in range(1, 40))],
}


@cache
def arranged(name):
    return arrange_anew(name)


def arrange_anew(name):
    drawing = draw(world_of(*SCENES[name]))
    return arrange(drawing, Size(1.1, 0.4), [Size(1.0, 0.27)] * len(drawing.rules))


@pytest.mark.parametrize("name", SCENES)
def test_nothing_covers_a_label(name):
    page = arranged(name)
    boxes = [*page.boxes.values(), *page.pills]
    left, top, right, bottom = (
        np.array([getattr(box, side) for box in boxes]) for side in ("x", "y", "right", "bottom")
    )
    apart = (left[:, None] >= right - 1e-6) | (top[:, None] >= bottom - 1e-6)
    overlaps = ~(apart | apart.T)
    np.fill_diagonal(overlaps, val=False)
    assert not overlaps.any()
    assert all(box.x >= page.frame.x and box.y >= page.frame.y for box in boxes)
    assert all(box.right <= page.frame.right + 1e-6 and box.bottom <= page.frame.bottom + 1e-6 for box in boxes)


@pytest.mark.parametrize("name", SCENES)
def test_a_picture_has_a_useful_shape(name):
    """Neither does it waste much room, nor is it a ribbon."""
    page = arranged(name)
    area = sum(box.width * box.height for box in page.boxes.values())
    assert page.frame.width * page.frame.height <= 40 * area
    if len(page.boxes) > 40:
        assert 1 / 4 < page.frame.width / page.frame.height < 4


@pytest.mark.parametrize("name", ["star 1000", "tree 40", "tree 1000", "hosts 200", "long star"])
def test_wires_to_what_is_carried_run_behind_no_box(name):
    page = arranged(name)
    corners = [track for track in page.tracks if len(track) == 4]
    assert len(corners) == len(page.boxes) - (20 if name.startswith("hosts") else 1)
    boxes = np.array([[box.x, box.y, box.right, box.bottom] for box in page.boxes.values()])
    for track in corners:
        for one, two in pairwise(track):
            (x, to_x), (y, to_y) = sorted((one[0], two[0])), sorted((one[1], two[1]))
            behind = (x < boxes[:, 2] - 0.01) & (boxes[:, 0] + 0.01 < to_x)
            behind &= (y < boxes[:, 3] - 0.01) & (boxes[:, 1] + 0.01 < to_y)
            assert not behind.any()


def test_the_nodes_of_a_line_stand_beside_each_other():
    boxes = arranged("line 200").boxes
    for guid in range(2, 201):
        one, two = boxes[guid - 1].center, boxes[guid].center
        assert abs(one[0] - two[0]) + abs(one[1] - two[1]) < 2.0


def test_the_nodes_of_a_grid_stand_like_one():
    boxes = arranged("grid 42").boxes
    assert boxes[1].x < boxes[7].x
    assert boxes[1].y < boxes[42].y
    assert abs(boxes[1].y - boxes[7].y) < 0.3


def test_all_wires_are_drawn_once():
    drawing = draw(world_of(*SCENES["routers"]))
    assert len(arranged("routers").tracks) == len(drawing.wires) == 24


def test_the_same_drawing_has_the_same_layout():
    assert arrange_anew("grid 42") == arranged("grid 42")


# --- how it looks -----------------------------------------------------------------------------------------------


def linear(colour):
    """The three components of a colour in linear light (sRGB, IEC 61966-2-1)."""
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    return float(linear(colour) @ (0.2126, 0.7152, 0.0722))


def contrast(one, two):
    """As WCAG 2 has it: from 1 to 21."""
    dark, light = sorted((luminance(one), luminance(two)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("state", ResourceState)
def test_texts_have_enough_contrast(state):
    assert contrast(looks.STATES[state].fill, looks.STATES[state].text) >= 4.5


@pytest.mark.parametrize("colour", [looks.CONDITION, looks.PLAN])
def test_rules_have_enough_contrast(colour):
    assert contrast(colour, "#ffffff") >= 4.5


SIGHT = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
    "grey": [[0.2126, 0.7152, 0.0722]] * 3,
}
"""What is seen of linear light (Machado, Oliveira and Fernandes 2009), and of a print without colours."""

TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(seen):
    """CIE L*a*b* of linear light."""
    xyz = TO_XYZ @ np.clip(seen, 0, 1) / (0.9505, 1.0, 1.089)
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


@pytest.mark.parametrize(
    ("sight", "least"), [("all", 12), ("no red", 12), ("no green", 12), ("no blue", 12), ("grey", 5)]
)
def test_states_are_told_apart_by_everybody(sight, least):
    places = [lab(SIGHT[sight] @ linear(look.fill)) for look in looks.STATES.values()]
    distances = [np.linalg.norm(one - two) for number, one in enumerate(places) for two in places[:number]]
    assert min(distances) >= least


# --- files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PFormats)
def test_a_file_in_a_directory_is_called_after_the_run(tmp_path, kind):
    path = plot.plot(world_of(app(1)), tmp_path, kind)
    assert path == tmp_path / f"hello_run-1.{kind.value}"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["exp-1.2", "exp-1.2.dot"])
def test_an_ending_may_be_left_out(tmp_path, name):
    (tmp_path / "exp-1.2.dot").write_text("an earlier one")
    assert plot.write(everything(), tmp_path / name, PFormats.DOT) == tmp_path / "exp-1.2.dot"
    assert (tmp_path / "exp-1.2.dot").read_text().startswith("digraph")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    (tmp_path / "taken.dot").mkdir()
    with pytest.raises(UsageError, match=r"cannot be written to .*/none/x\.dot: no such file or directory; give a dir"):
        plot.write(everything(), tmp_path / "none" / "x", PFormats.DOT)
    with pytest.raises(UsageError, match=r"cannot be written to .*/taken\.dot: is a directory"):
        plot.write(everything(), tmp_path / "taken", PFormats.DOT)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.dot"]


def test_what_is_no_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"format='png' is none; take one of PFormats\.FIGURE, "):
        plot.write(everything(), tmp_path, "png")


def test_without_matplotlib_texts_are_still_written(tmp_path, monkeypatch):
    for name in [
        name for name in sys.modules if name.startswith(("matplotlib", "engine.plots.figure", "engine.plots.ink"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for kind in (PFormats.FIGURE, PFormats.SVG):
        with pytest.raises(
            UsageError, match=r"^a picture needs matplotlib: pip install 'netreel\[plots\]'; DOT and Mermaid "
        ):
            plot.write(everything(), tmp_path, kind)
    assert list(tmp_path.iterdir()) == []
    assert plot.write(everything(), tmp_path, PFormats.DOT).exists()
    assert plot.write(everything(), tmp_path, PFormats.MERMAID).exists()


def test_showing_without_a_display_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="there is no display to show the plot on: neither DISPLAY nor WAYLAND"):
        plot.write(everything(), tmp_path, PFormats.DOT, show=True)
    assert list(tmp_path.iterdir()) == []


def test_showing_opens_the_file(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(plot.webbrowser, "open", lambda uri: not opened.append(uri))
    path = plot.write(everything(), tmp_path, PFormats.DOT, show=True)
    assert opened == [path.as_uri()]


def test_without_a_viewer_it_says_where_the_file_is(tmp_path, monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(plot.webbrowser, "open", lambda uri: False)
    with pytest.raises(UsageError, match=r"no viewer to show the plot with; it is in .*/hello_run-1\.dot"):
        plot.write(everything(), tmp_path, PFormats.DOT, show=True)
    assert (tmp_path / "hello_run-1.dot").exists()


LOOK = """
import sys
from engine import plot
from engine.core.world import World
print("matplotlib" in sys.modules, "networkx" in sys.modules)
plot.render(plot.draw(World()))
print("matplotlib.pyplot" in sys.modules, "rms" in sys.modules)
"""


def test_matplotlib_is_loaded_late_and_its_global_state_never():
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"] * 4


# --- PNG and SVG ------------------------------------------------------------------------------------------------


def test_a_png_is_a_picture_and_always_the_same():
    data = plot.render(everything())
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = (int.from_bytes(data[at : at + 4]) for at in (16, 20))
    assert 500 < height < width < 2000
    assert plot.render(everything()) == data


def test_a_very_large_png_has_fewer_dots():
    from engine.plots.ink import Ink

    data = Ink(Size(2000, 1), (0, 0)).saved()
    assert int.from_bytes(data[16:20]) == 60_000


def svg_of(drawing):
    return ElementTree.fromstring(plot.render(drawing, PFormats.SVG))


SVG = "{http://www.w3.org/2000/svg}"


def test_an_svg_has_texts_and_tells_more_where_the_mouse_stands():
    drawing = everything()
    root = svg_of(drawing)
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"hello  run-1", "#1 alpha", "lab::Host", "after STARTED + 2 s", "rate = 5", "✗ #9 a9"} <= set(texts)
    titles = {
        group.get("id"): group[0].text for group in root.iter(f"{SVG}g") if len(group) and group[0].tag == f"{SVG}title"
    }
    assert titles["resource-9"] == titles["resource-9-name"] == drawing.nodes[9].story
    assert len(titles) == 3 * len(drawing.nodes)
    assert plot.render(drawing, PFormats.SVG) == plot.render(everything(), PFormats.SVG)


def hostile():
    made = [app(guid, name) for guid, name in enumerate(NAMES, 1)]
    return draw(world_of(*made, planned([2], [1], 'q"]) --> \\'), condition([3, 4], [5])))


def test_any_label_can_be_drawn():
    """As it is: no formula, no markup; and what the font does not have is no warning."""
    plot.render(hostile())
    texts = [text.text for text in svg_of(hostile()).iter(f"{SVG}text")]
    for name in ('#1 a"b', "#4 line break", "#5 Gerät 日本", "#6 <b>&amp;", "#9 $x^2$ #1;", "#12 ��"):
        assert name in texts


def test_a_long_label_is_cut():
    texts = [text.text for text in svg_of(draw(world_of(app(1, "x" * 100)))).iter(f"{SVG}text")]
    assert f"#1 {'x' * 24}…" in texts


# --- DOT --------------------------------------------------------------------------------------------------------

QUOTED = r'"((?:[^"\\]|\\.)*)"'
ATTRIBUTES = rf"(?: \[(\w+={QUOTED}(?:, \w+={QUOTED})*)\])?"
DOT_LINES = [
    rf"digraph {QUOTED} \{{",
    rf"  \s*\w+{ATTRIBUTES};",
    rf"  \w+ -> \w+{ATTRIBUTES};",
    rf"  subgraph \w+ \{{ label={QUOTED}; fontsize={QUOTED};",
    r"  \}",
    r"\}",
]


def shown_in_dot(quoted):
    """What graphviz shows of a string."""
    plain = re.sub(r"\\(.)", lambda escape: {"n": "\n"}.get(escape[1], escape[1]), quoted)
    return unescape(plain)


@pytest.mark.parametrize("drawing", [everything(), hostile(), draw(World())], ids=["all", "hostile", "nothing"])
def test_dot_is_well_formed_and_says_what_was_said(drawing):
    lines = plot.render(drawing, PFormats.DOT).decode().splitlines()
    for line in lines:
        assert any(re.fullmatch(form, line) for form in DOT_LINES), line
    labels = {
        int(match[1]): shown_in_dot(match[2])
        for line in lines
        if (match := re.match(rf"  r(\d+) \[label={QUOTED}", line))
    }
    assert labels == {guid: f"{looks.title(node)}\n{node.rtype}" for guid, node in drawing.nodes.items()}


def test_dot_has_an_arrow_for_one_and_a_point_for_many():
    text = plot.render(everything(), PFormats.DOT).decode()
    assert re.search(r"r2 -> r3 \[.*label=\"START after STARTED \+ 2 s\"\];", text)
    assert re.search(r"rule1 \[shape=\"point\", .*xlabel=\"START after STARTED\"\];", text)
    assert [line.split(" [")[0].strip() for line in text.splitlines() if "rule1 -> " in line or "-> rule1" in line] == [
        "r6 -> rule1",
        "r7 -> rule1",
        "rule1 -> r4",
        "rule1 -> r5",
    ]


def test_a_thousand_that_wait_for_a_thousand_are_two_thousand_arrows():
    made = [app(guid) for guid in range(1, 2001)]
    drawing = draw(world_of(*made, condition(range(1001, 2001), range(1, 1001))))
    assert plot.render(drawing, PFormats.DOT).decode().count(" -> ") == 2000
    assert plot.render(drawing, PFormats.MERMAID).decode().count("-.-") == 2000


# --- Mermaid ----------------------------------------------------------------------------------------------------

TEXT = r"[^\"#<>`\\\[\]{}|*_~%$@'!&?;]*"
LABEL = rf'"((?:{TEXT}|#\d+;|<br/>)*)"'
MERMAID_LINES = [
    r'---|title: ".*"|flowchart TB',
    rf"  r\d+(?:\[{LABEL}\]|\({LABEL}\))",
    rf"  rule\d+\(\[{LABEL}\]\)",
    r"  r\d+ --- r\d+",
    rf"  r\d+ -\. {LABEL} \.-> r\d+",
    r"  r\d+ -\.- rule\d+|  rule\d+ -\.-> r\d+",
    r"  linkStyle \d+(,\d+)* stroke:#[0-9a-f]{6}",
    r"  subgraph states|  end",
    r'    state[A-Z]+\["[A-Z]+"\]',
    r"  classDef \w+ (fill|stroke)[\w:,#\- ]+|  classDef uncritical stroke-dasharray:4 2",
    r"  class \w+(,\w+)* \w+",
]


def shown_in_mermaid(label):
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), label.replace("<br/>", "\n"))


@pytest.mark.parametrize("drawing", [everything(), hostile(), draw(World())], ids=["all", "hostile", "nothing"])
def test_mermaid_is_well_formed_and_says_what_was_said(drawing):
    lines = plot.render(drawing, PFormats.MERMAID).decode().splitlines()
    for line in lines:
        assert any(re.fullmatch(form, line) for form in MERMAID_LINES), line
    matches = (re.fullmatch(rf"  r(\d+)[\[(]{LABEL}[\])]", line) for line in lines)
    labels = {int(match[1]): shown_in_mermaid(match[2]) for match in matches if match}
    assert labels == {guid: f"{looks.title(node)}\n{node.rtype}" for guid, node in drawing.nodes.items()}


def test_mermaid_colours_its_arrows():
    lines = plot.render(everything(), PFormats.MERMAID).decode().splitlines()
    arrows = [line for line in lines if re.match(r"  r(ule)?\d+ -", line)]
    styled = {line.split()[2]: line.split()[1].split(",") for line in lines if "linkStyle" in line}
    assert sorted(int(number) for numbers in styled.values() for number in numbers) == list(range(len(arrows)))
    (number,) = styled[f"stroke:{looks.PLAN}"]
    assert "rate " in arrows[int(number)]

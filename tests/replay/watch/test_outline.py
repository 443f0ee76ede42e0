"""The tree of resources, line by line."""

import pytest

from engine.core.world import Resource, World
from replay.watch.outline import By, Line, outline
from tests.engine.core.lab import Lab, link

pytestmark = pytest.mark.slow


@pytest.fixture
def lab():
    """Two hosts; a server and a client on the first, a probe on the second; the first group has started."""
    lab = Lab()
    lab.type("lab::Host")
    lab.type("lab::App", ("start",), [link("lab::Host")])
    one, two = lab.add(rtype="lab::Host"), lab.add(rtype="lab::Host")
    server = lab.add(rtype="lab::App", to=[one], label="server")
    lab.add(rtype="lab::App", to=[one], label="client", command="iperf3 -c")
    lab.add(rtype="lab::App", to=[two], label="probe")
    lab.deploy(one, server)
    lab.done(server)
    return lab


def drawn(lines):
    marks = {None: " ", True: "v", False: ">"}
    return [f"{'  ' * line.depth}{marks[line.is_open]} {line.key}" for line in lines]


def test_what_depends_on_another_stands_below_it(lab):
    assert drawn(outline(lab.world, By.CONNECTION)) == ["v 1", "    3", "    4", "v 2", "    5"]


def test_groups_and_what_is_in_none(lab):
    assert drawn(outline(lab.world, By.GROUP)) == [
        "v group 1",
        "    1",
        "    3",
        "v not deployed",
        "    2",
        "    4",
        "    5",
    ]


def test_types(lab):
    assert drawn(outline(lab.world, By.TYPE)) == [
        "v lab::Host",
        "    1",
        "    2",
        "v lab::App",
        "    3",
        "    4",
        "    5",
    ]


def test_what_is_folded_is_counted(lab):
    assert outline(lab.world, By.CONNECTION, {1})[0] == Line(1, 0, False, (3, 4))
    assert drawn(outline(lab.world, By.CONNECTION, {1})) == ["> 1", "v 2", "    5"]


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        ("iperf", ["v 1", "    4"]),
        ("STARTED", ["v 1", "    3"]),
        ("#5", ["v 2", "    5"]),
        ("lab::app nobody", ["v 1", "    4", "v 2", "    5"]),
        ("nothing", []),
        ("  ", ["v 1", "    3", "    4", "v 2", "    5"]),
    ],
)
def test_only_what_shows_the_words_and_what_is_above_it(lab, wanted, lines):
    assert drawn(outline(lab.world, By.CONNECTION, (), wanted)) == lines


def bare(above):
    """A world of nothing but resources, each with the number of the one that it depends on, or 0."""
    return World(
        resources={
            guid: Resource(guid, "lab::App", {}, critical=True, depends_on=[needed] if needed else [])
            for guid, needed in enumerate(above, 1)
        }
    )


def test_of_many_what_is_below_another_is_folded():
    world = bare([0, 0, *[1] * 99, *[2] * 100])
    assert drawn(outline(world, By.CONNECTION)) == ["> 1", "> 2"]
    assert drawn(outline(world, By.CONNECTION, {1}))[-2:] == ["    101", "> 2"]
    assert drawn(outline(world, By.CONNECTION, (), "#150")) == ["v 2", "    150"]


def test_a_tree_may_be_deeper_than_python_goes():
    lines = outline(bare(range(2000)), By.CONNECTION, range(1, 2001))
    assert lines[-1] == Line(2000, 1999, None)

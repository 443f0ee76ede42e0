"""From a controller to a file and back: the same experiment, or one clear error and nothing left behind."""

import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import eventlog
from engine import (
    ExperimentController,
    ResourceAction,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    Trace,
    UnknownResourceType,
    UsageError,
    attr,
    link,
)
from engine.description import BadDescription, Description, SFormats, build, from_world, problems, read, save
from engine.description.model import ConditionDescription, Edge, Node, ResourceDescription, SettingDescription, Topology
from tests.engine.kinds import App, Host, Plain, Thing
from tests.engine.test_description_formats import NEPI, ROOT

DEPLOY, START, STOP = ResourceAction.DEPLOY, ResourceAction.START, ResourceAction.STOP
STARTED, STOPPED = ResourceState.STARTED, ResourceState.STOPPED


def described(ec):
    return ec._session.read(lambda world: from_world(world, ec.netgraph))


def standing(ec):
    """The resources as they stand, without when that came, where in the log, and what was said twice or taken back."""
    resources = ec._session.read(lambda world: world.to_dict())["resources"]
    return {guid: {**each, "times": None, **_told(each)} for guid, each in resources.items()}


def _told(resource):
    switched_off = [name for name, enabled in resource["traces"].items() if not enabled]
    return {"traces": switched_off, **{key: bool(resource[key]) for key in ("conditions", "plans")}}


def connections(ec):
    return ec._session.read(lambda world: {it.guid: list(it.connections) for it in world.resources.values()})


def describe_all(ec):
    """Something of everything that can be said."""
    host = ec.add(Host(), label="left host")
    app = ec.add(App(command="<run>\x00"), on=host)
    thing = ec.register_resource("test::Thing", guid=7, names=["a"], limits={"b": 1}, blob=b"\0", critical=False)
    other = ec.register_resource("test::Thing", password="env:SECRET", connectedTo=[thing])
    ec.register_condition(app, START, [thing, other], STARTED, "1.5s")
    ec.register_condition([thing, other], STOP, app, STOPPED)
    ec.set_with_conditions("level", 0.25, [thing, other], app, STARTED, 2)
    ec.set_global("test::Thing", "size", 4)
    ec.disable_trace(thing, "log")


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SFormats)
def test_what_is_saved_is_loaded_as_it_was(ec, kind):
    first = ec("whole", topo_type="ring", node_count=4, assign_ips=True, assign_st=True, seed=3)
    describe_all(first)
    path = first.save(format=kind)
    second = ec.load(path)
    assert described(second) == described(first) == read(path)
    assert standing(second) == standing(first)
    assert second.netgraph == first.netgraph
    assert (second.exp_id, second.get(7, "size"), second.trace_enabled(7, "log")) == ("whole", 4, False)
    assert second.run_id != first.run_id
    assert second.serialize(kind) == first.serialize(kind) == path.read_text()


def test_a_controller_that_takes_over_has_the_topology_that_was_loaded(ec):
    topology = Topology("linear", None, (Node(0), Node(1)), (Edge(0, 1),))
    first = build(Description("topo", topology=topology), ec)
    first.detach()
    assert ec.reconnect(first.run_dir).netgraph == first.netgraph


def test_the_order_of_connections_is_kept(ec):
    first = ec("order")
    for guid in range(1, 6):
        first.register_resource("test::Plain", guid)
    for pair in [(5, 3), (1, 3), (3, 2), (5, 1), (4, 5), (1, 2)]:
        first.register_connection(*pair)
    assert connections(first) == {1: [3, 5, 2], 2: [3, 1], 3: [5, 1, 2], 4: [5], 5: [3, 1, 4]}
    assert connections(ec.load(first.save())) == connections(first)


def test_orders_of_connections_that_contradict_each_other_are_as_good_as_any(ec):
    ring = [(1, (2, 3)), (2, (3, 1)), (3, (1, 2))]
    resources = tuple(ResourceDescription(guid, "test::Plain", connections=others) for guid, others in ring)
    loaded = build(Description("ring", resources=resources), ec)
    assert {guid: sorted(others) for guid, others in connections(loaded).items()} == {1: [2, 3], 2: [1, 3], 3: [1, 2]}


def test_a_trace_that_was_switched_there_and_back_is_nothing_to_say(ec):
    first = ec("traces")
    thing = first.register_resource("test::Thing")
    first.disable_trace(thing, "log")
    first.enable_trace(thing, "log")
    assert described(first).resources[0].traces == {}


GUIDS = st.integers(1, 4)
CALLS = st.one_of(
    st.tuples(st.just("thing"), st.integers(0, 9), st.none() | st.text("abc", min_size=1, max_size=3)),
    st.tuples(st.just("app"), GUIDS),
    st.tuples(st.just("connect"), GUIDS, GUIDS),
    st.tuples(st.just("condition"), GUIDS, st.sampled_from(ResourceAction), st.sampled_from(ResourceState), GUIDS),
    st.tuples(st.just("set"), GUIDS, st.floats(allow_nan=False)),
    st.tuples(st.just("plan"), GUIDS, GUIDS, st.integers(0, 10**12)),
    st.tuples(st.just("global"), st.integers(0, 9)),
    st.tuples(st.just("trace"), GUIDS, st.booleans()),
)


def call(ec, kind, *args):
    """One of those calls. It may be refused, as long as that is all."""
    match kind, *args:
        case "thing", size, label:
            ec.add(Thing(size=size), label=label)
        case "app", host:
            ec.register_resource("test::App", connectedTo=host)
        case "connect", one, two:
            ec.register_connection(one, two)
        case "condition", waiting, action, state, on if waiting > on:  # so there is no circle
            ec.register_condition(waiting, action, range(1, on + 1), state, on)
        case "set", guid, level:
            ec.set(guid, "level", level)
        case "plan", guid, on, delay:
            ec.set_with_conditions("level", 1, guid, on, STARTED, f"{delay}ns")
        case "global", size:
            ec.set_global("test::Thing", "size", size)
        case "trace", guid, enabled:
            (ec.enable_trace if enabled else ec.disable_trace)(guid, "log")


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CALLS, max_size=20), st.sampled_from(SFormats))
@example([("trace", 2, False), ("trace", 2, True)], SFormats.XML)
@example([("condition", 2, DEPLOY, ResourceState.NEW, 1)] * 2, SFormats.XML)
def test_whatever_is_described_by_calls_is_loaded_as_it_was(home, calls, kind):
    with ExperimentController("calls") as first:
        for rtype in ("test::Host", "test::Thing", "test::Thing"):
            first.register_resource(rtype)
        for each in calls:
            try:
                call(first, *each)
            except UsageError:
                continue
        with ExperimentController.load(first.save(format=kind)) as second:
            assert described(second) == described(first)
            assert standing(second) == standing(first)


@pytest.mark.slow
def test_a_thousand_resources_are_one_append(ec, tmp_path):
    resources = tuple(
        ResourceDescription(guid, "test::Plain", connections=(1,) * (guid > 1)) for guid in range(1, 1001)
    )
    barrier = ConditionDescription(tuple(range(501, 1001)), START, tuple(range(1, 501)), STARTED)
    appended = []
    loaded = ec.load(save(Description("many", resources=resources, conditions=(barrier,)), tmp_path, "1"))
    with eventlog.open(loaded.run_dir) as log:
        appended = [event.time for event in log]
    assert len(appended) == 1 + 1 + 1000 + 999 + 1
    assert len(set(appended[1:])) == 1  # all events of a turn have one time


# --- NEPI's own files ---------------------------------------------------------------------------------------------


class NepiNode(ResourceManager, rtype="linux::Node"):
    """A stand-in with the attributes that NEPI's files have."""

    hostname: str = attr()
    username: str | None = attr(default=None)
    clean_experiment: bool = attr(default=False)


class NepiApplication(ResourceManager, rtype="linux::Application"):
    """As above."""

    command: str | None = attr(default=None)
    files: str | None = attr(default=None)
    depends: str | None = attr(default=None)
    sudo: bool = attr(default=False)
    node = link("linux::Node", max=1)
    traces = (Trace("stdout"), Trace("stderr"))


class NepiPing(NepiApplication, rtype="linux::Ping"):
    """As above."""

    count: int | None = attr(default=None)
    target: str | None = attr(default=None)


class NepiTcpdump(NepiApplication, rtype="linux::Tcpdump"):
    """As above."""

    i: str | None = attr(default=None)
    w: str | None = attr(default=None)


@pytest.fixture
def nepi_types(monkeypatch):
    types = {cls.rtype: cls for cls in (NepiNode, NepiApplication, NepiPing, NepiTcpdump)}
    monkeypatch.setattr(ResourceFactory, "_types", types)


@pytest.mark.parametrize(("name", "size"), [("file-transfer", 5), ("topology", 10)])
def test_a_file_of_nepi_loads_and_can_be_deployed(ec, nepi_types, name, size):
    path = NEPI / f"nepi-{name}.xml"
    assert problems(read(path)) == ()
    loaded = ec.load(path)
    assert loaded.resources == list(range(1, size + 1))
    if name == "topology":
        assert loaded.netgraph.get_p2p_info(3, 2).ip1 == "10.7.0.10"
        assert (loaded.netgraph.sources(), loaded.netgraph.targets()) == ([4], [0])
    else:
        assert loaded.get(1, "cleanExperiment") is True
        assert described(loaded).conditions == read(path).conditions


# --- what is refused ----------------------------------------------------------------------------------------------


def resources(*given):
    return tuple(
        ResourceDescription(guid, rtype, place=f"line {guid}", **more)
        for guid, (rtype, more) in enumerate(given, start=1)
    )


def condition(guids, action, on, state=STARTED):
    return ConditionDescription(guids, action, on, state, place="line 9")


@pytest.mark.parametrize(
    ("description", "told"),
    [
        (
            {"resources": resources(("test::Thin", {}), ("test::Hosts", {}), ("test::Thin", {}))},
            [
                "f: line 1: there is no resource type 'test::Thin'; did you mean test::Thing",
                "f: line 2: there is no resource type 'test::Hosts'; did you mean test::Host",
            ],
        ),
        (
            {"resources": resources(("test::Thing", {"attributes": {"sise": 1, "size": 10, "level": "low"}}))},
            [
                "f: line 1: #1 test::Thing: test::Thing has no attribute 'sise'; did you mean size",
                "f: line 1: #1 test::Thing: test::Thing.size is at most 9, not 10",
                "f: line 1: #1 test::Thing: test::Thing.level takes float, not 'low'",
            ],
        ),
        (
            {"resources": resources(("test::Thing", {"traces": {"lgo": True}}))},
            ["f: line 1: #1 test::Thing has no trace 'lgo' to switch; did you mean log"],
        ),
        (
            {"resources": resources(("test::App", {}), ("test::App", {"connections": (1, 2, 7)}))},
            [
                "f: line 1: #1 test::App and #2 test::App cannot be connected: test::App takes test::Host",
                "f: line 2: #2 test::App cannot be connected to itself",
                "f: line 2: there is no resource #7; registered are #1, #2",
            ],
        ),
        (
            {"resources": resources(("test::Plain", {"label": "a"}), ("test::Plain", {"label": "a"}))},
            ["f: line 2: the label 'a' is that of #1 test::Plain (a): take another"],
        ),
        (
            {"resources": (ResourceDescription(1, "test::Plain"), ResourceDescription(1, "test::Host"))},
            ["f: guid 1 is taken by #1 test::Plain; leave it out to get a free one"],
        ),
        (
            {
                "resources": resources(("test::Plain", {})),
                "conditions": (condition((1,), START, (1,)), condition((1, 2), STOP, (1,))),
            },
            [
                "f: line 9: START of #1 would wait for #1 itself to be STARTED: it can never hold",
                "f: line 9: there is no resource #2; registered are #1",
            ],
        ),
        (
            {
                "resources": resources(("test::Plain", {}), ("test::Plain", {})),
                "conditions": (condition((1,), START, (2,)), condition((2,), DEPLOY, (1,))),
            },
            ["f: these conditions wait for each other in a circle and can never hold: "],
        ),
        (
            {
                "resources": resources(("test::Thing", {})),
                "settings": tuple(
                    SettingDescription(name, value, (1,), (1,), STARTED, place="line 8")
                    for name, value in (("sice", 1), ("level", "x"), ("size", 1))
                ),
            },
            [
                "f: line 8: test::Thing has no attribute 'sice'; did you mean size",
                "f: line 8: test::Thing.level takes float, not 'x'",
                "f: line 8: size of #1 test::Thing cannot be set while it runs, so not with conditions",
            ],
        ),
        (
            {"globals": {"test::Thing": {"size": -1}, "test::None": {"size": -1}}},
            [
                "f: globals of test::Thing: test::Thing.size is at least 0, not -1",
                "f: globals of test::None: there is no resource type 'test::None'; did you mean ",
            ],
        ),
        (
            {"topology": Topology("linea", nodes=(Node(1),))},
            ["f: topology: topo_type='linea': there is no such topology; did you mean linear"],
        ),
        (
            {
                "resources": resources(("test::None", {}), ("test::Plain", {"connections": (1,)})),
                "conditions": (condition((1,), START, (2,)),),
                "settings": (SettingDescription("size", 1, (1,), (2,), STARTED),),
            },
            ["f: line 1: there is no resource type 'test::None'; did you mean "],  # and nothing that follows from it
        ),
    ],
)
def test_what_cannot_be_made_is_told_at_once_and_leaves_nothing_behind(home, description, told):
    with pytest.raises(BadDescription) as caught:
        build(Description("bad", source="f", **description), ExperimentController)
    assert len(caught.value.problems) == len(told)
    for problem, beginning in zip(caught.value.problems, told, strict=True):
        assert problem.startswith(beginning)
    assert problems(Description("bad", source="f", **description)) == caught.value.problems
    assert not home.exists()


def test_unknown_types_are_told_as_such(home):
    with pytest.raises(UnknownResourceType, match=r"there is no resource type 'a'.*there is no resource type 'b'"):
        build(Description("bad", resources=resources(("a", {}), ("b", {}))), ExperimentController)


def test_what_is_not_complete_yet_can_be_loaded_and_completed(ec):
    incomplete = Description("few", resources=resources(("test::App", {}), ("test::Host", {})))
    assert problems(incomplete) == ("line 1: #1 test::App has no command: set(1, 'command', …) first",)
    loaded = build(incomplete, ec)
    loaded.set(1, "command", "true")
    loaded.register_connection(1, 2)
    loaded.deploy()
    assert loaded.wait_started([1, 2])


def test_a_link_to_a_type_that_nobody_knows_is_told_once_it_is_missed(ec):
    class Lost(ResourceManager, rtype="test::Lost"):
        thing = link("test::Thin", min=1)

    ResourceFactory.register_type(Lost)
    lost = Description("lost", resources=resources(("test::Lost", {})))
    (problem,) = problems(lost)
    assert problem.startswith(
        "line 1: test::Lost needs 1 test::Thin as its 'thing', and there is no such resource type; did you mean test::"
    )
    assert build(lost, ec).resources == [1]


def test_what_can_only_be_deployed_apart_is_a_problem_for_who_deploys_it_as_a_whole(ec):
    """The barrier of one group closes a circle that two groups do not have."""
    apart = Description(
        "apart",
        resources=resources(("test::Plain", {}), ("test::Plain", {})),
        conditions=(condition((2,), DEPLOY, (1,), STARTED),),
    )
    (problem,) = problems(apart)
    assert problem.startswith("these conditions wait for each other in a circle")
    loaded = build(apart, ec)
    loaded.deploy(1)
    loaded.deploy(2)
    assert loaded.wait_started([1, 2])


@pytest.mark.parametrize("name", ["add_node_callback", "add_edge_callback"])
def test_a_callback_has_nothing_to_describe(home, name):
    with pytest.raises(UsageError, match=f"{name}: the resources are those of the description; leave it out"):
        build(Description("a"), ExperimentController, **{name: print})
    assert not home.exists()


def test_a_controller_is_given_what_it_takes(ec, tmp_path):
    loaded = build(Description("a"), ec, exp_id="b", local_dir=tmp_path, workers=3)
    assert (loaded.exp_id, loaded.local_dir, loaded.nthreads) == ("b", tmp_path, 3)


def test_the_errors_in_the_documentation_are_told_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ping = ResourceDescription(2, "linux::Ping", attributes={"target": "x", "cuont": 3, "ttl": 256})
    node = ResourceDescription(1, "linux::Node", attributes={"hostname": "localhost"})
    save(Description("bad", resources=(node, ping)), ".", "1", SFormats.JSON).rename("bad.json")
    page = (ROOT / "docs" / "descriptions.md").read_text(encoding="utf-8")
    assert problems(read("bad.json")) == tuple(re.findall(r"^    (bad\.json: .*)$", page, re.MULTILINE))


# --- files --------------------------------------------------------------------------------------------------------


def test_no_saved_file_is_overwritten(tmp_path):
    there = [save(Description("a"), tmp_path / "new", "7") for _ in range(3)]
    assert [path.name for path in there] == ["a_7.xml", "a_7-2.xml", "a_7-3.xml"]
    assert sorted(entry.name for entry in (tmp_path / "new").iterdir()) == sorted(path.name for path in there)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UsageError, match=r"cannot be saved in .*: No space left on device; give a directory"):
        save(Description("a"), tmp_path, "7", SFormats.JSON)
    assert list(tmp_path.iterdir()) == []


def test_a_description_is_saved_in_the_run_and_in_xml_by_default(ec):
    first = ec("here")
    assert first.save() == first.run_dir / f"here_{first.run_id}.xml"
    assert first.save(first.exp_dir, SFormats.JSON) == first.exp_dir / f"here_{first.run_id}.json"
    assert Plain.rtype not in first.serialize()

"""Descriptions as texts: what goes in comes back, and what is no description is refused with a place and a way out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import engine.description
from engine import ResourceAction, ResourceState, UsageError
from engine.description import BadDescription, Description, SFormats, from_text, read, save, to_text
from engine.description.model import (
    ConditionDescription,
    Edge,
    Node,
    ResourceDescription,
    SettingDescription,
    Topology,
)

XML, JSON = SFormats.XML, SFormats.JSON
START, STOP = ResourceAction.START, ResourceAction.STOP
STARTED, STOPPED = ResourceState.STARTED, ResourceState.STOPPED
ROOT = Path(__file__).parents[2]
NEPI = ROOT / "tests" / "golden" / "nepi"
SCHEMA = Path(engine.description.__file__).with_name("schema.json")
S = 1_000_000_000

# --- any description ----------------------------------------------------------------------------------------------

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_KEYS = st.sampled_from(["size", "$bytes", "$", "a b", "\x00", "<&'\">", "\r\n\t"]) | _TEXTS
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.sampled_from(["None", "True", "", " ", "\x00", "&#0000;", "\ufffe", "{'a': 1}", "[\n  1,\n  2\n]"])
    | _TEXTS
    | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=5,
)
_GUIDS = st.integers(1, 6) | st.just(2**63 - 1)
_SIDES = st.lists(_GUIDS, min_size=1, max_size=3, unique=True).map(tuple)
_DELAYS = st.sampled_from([0, 1, 1_000, 1_500_000_000, 2**53 + 1, 2**63 - 1]) | st.integers(0, 2**63 - 1)
# Names of types, attributes, labels, traces and nodes can be printed.
_NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
_NIDS = st.integers(-3, 8) | _NAMES


def _resource(guid):
    return st.builds(
        ResourceDescription,
        guid=st.just(guid),
        rtype=_NAMES,
        label=st.none() | _NAMES,
        attributes=st.dictionaries(_NAMES, _VALUES, max_size=3),
        connections=st.lists(_GUIDS, max_size=3, unique=True).map(tuple),
        traces=st.dictionaries(_NAMES, st.booleans(), max_size=2),
    )


def _several(strategy, size=3):
    return st.lists(strategy, max_size=size).map(tuple)


_ANNOTATIONS = st.dictionaries(_NAMES, _VALUES, max_size=2)

DESCRIPTIONS = st.builds(
    Description,
    exp_id=st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,8}", fullmatch=True),
    topology=st.none()
    | st.builds(
        Topology,
        topo_type=_NAMES,
        seed=st.none() | st.integers(-(2**63), 2**63),
        nodes=_several(st.builds(Node, _NIDS, _ANNOTATIONS)),
        edges=_several(st.builds(Edge, _NIDS, _NIDS, _ANNOTATIONS)),
    ),
    globals=st.dictionaries(_NAMES, _ANNOTATIONS, max_size=2),
    resources=st.lists(_GUIDS, max_size=4, unique=True).flatmap(lambda guids: st.tuples(*map(_resource, guids))),
    conditions=_several(
        st.builds(
            ConditionDescription,
            _SIDES,
            st.sampled_from(ResourceAction),
            _SIDES,
            st.sampled_from(ResourceState),
            _DELAYS,
        ),
        4,
    ),
    settings=_several(
        st.builds(SettingDescription, _NAMES, _VALUES, _SIDES, _SIDES, st.sampled_from(ResourceState), _DELAYS)
    ),
)
"""Any description that a file can hold, whether it makes sense or not."""


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(DESCRIPTIONS)
def test_any_description_comes_back_from_each_format_and_through_the_other(description):
    from_xml = from_text(to_text(description, XML))
    from_json = from_text(to_text(description, JSON))
    assert from_xml == from_json == description
    assert to_text(from_json, XML) == to_text(description, XML)
    assert to_text(from_xml, JSON) == to_text(description, JSON)


@settings(max_examples=30, deadline=None)
@given(DESCRIPTIONS)
def test_all_that_is_written_is_allowed_by_the_schema_that_is_shipped(description):
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(to_text(description, JSON)))


def test_what_is_no_number_comes_back_as_such():
    description = Description("a", resources=(ResourceDescription(1, "x", attributes={"a": float("nan")}),))
    for each in SFormats:
        (resource,) = from_text(to_text(description, each)).resources
        assert str(resource.attributes["a"]) == "nan"


def test_the_schema_that_is_shipped_is_up_to_date_and_valid():
    done = subprocess.run([sys.executable, "tools/schema.py", "--check"], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


# --- what means the same is equal ---------------------------------------------------------------------------------


def test_conditions_have_no_order_and_count_once():
    one, two = ConditionDescription((2, 1), START, (4, 3), STARTED), ConditionDescription((3,), STOP, (1,), STOPPED)
    again = ConditionDescription((1, 2, 1), START, (3, 4), STARTED)
    assert Description("a", conditions=(one, two)) == Description("a", conditions=(two, again, one))


def test_a_connection_that_is_told_on_one_side_is_entered_on_both():
    told = [ResourceDescription(1, "x", connections=(3, 2)), ResourceDescription(2, "x"), ResourceDescription(3, "x")]
    assert [each.connections for each in Description("a", resources=tuple(told)).resources] == [(3, 2), (1,), (1,)]


# --- how it looks -------------------------------------------------------------------------------------------------

WHOLE = Description(
    exp_id="look",
    topology=Topology("linear", 7, (Node(0, {"target": True, "ips": ["10.0.0.1"]}), Node("b")), (Edge(0, "b"),)),
    globals={"lab::Host": {"speed": 1.5}},
    resources=(
        ResourceDescription(1, "lab::Host", "left", {"name": "<a>", "on": True, "data": b"\0", "none": None}, (2,)),
        ResourceDescription(2, "lab::App", None, {"count": 3, "text": "\x00"}, (1,), {"stdout": True, "log": False}),
    ),
    conditions=(
        ConditionDescription((2,), START, (1,), STARTED, 2 * S),
        ConditionDescription((1, 2), STOP, (1, 2), STOPPED, S // 2 + 1),
    ),
    settings=(SettingDescription("speed", [1], (1,), (2,), STARTED, 20_000_000),),
)


def test_how_a_description_looks_in_xml():
    assert to_text(WHOLE, XML) == (
        """\
<?xml version="1.0" encoding="UTF-8"?>
<experiment exp_id="look" format="netreel-description" version="1">
    <topology topo-type="linear" seed="7">
        <nodes>
            <node nid="0" nid-type="integer" target="True">
                <node-annotations>
                    <node-annotation name="target" type="bool" value="True" />
                    <node-annotation name="ips" type="json" value="[&quot;10.0.0.1&quot;]" />
                </node-annotations>
            </node>
            <node nid="b" nid-type="string" />
        </nodes>
        <edges>
            <edge nid1="0" nid1-type="integer" nid2="b" nid2-type="string" />
        </edges>
    </topology>
    <globals>
        <type rtype="lab::Host">
            <attribute name="speed" type="float" value="1.5" />
        </type>
    </globals>
    <rms>
        <rm guid="1" rtype="lab::Host" state="0" label="left">
            <attributes>
                <attribute name="name" type="string" value="&lt;a&gt;" />
                <attribute name="on" type="bool" value="True" />
                <attribute name="data" type="json" value="{&quot;$bytes&quot;: &quot;AA==&quot;}" />
                <attribute name="none" type="json" value="null" />
            </attributes>
            <connections>
                <connection guid="2" />
            </connections>
        </rm>
        <rm guid="2" rtype="lab::App" state="0">
            <attributes>
                <attribute name="count" type="integer" value="3" />
                <attribute name="text" type="json" value="&quot;\\u0000&quot;" />
            </attributes>
            <connections>
                <connection guid="1" />
            </connections>
            <conditions>
                <condition action="1" group="[1]" state="5" time="2s" />
            </conditions>
            <traces>
                <trace name="stdout" />
                <trace name="log" enabled="False" />
            </traces>
        </rm>
    </rms>
    <conditions>
        <condition action="2" group="[1, 2]" state="6" time="500000us" ns="500000001" guids="[1, 2]" />
    </conditions>
    <settings>
        <setting name="speed" guids="[1]" type="json" value="[1]" group="[2]" state="5" time="20ms" />
    </settings>
</experiment>
"""
    )


def test_how_a_description_looks_in_json():
    few = Description(
        "look",
        resources=WHOLE.resources[1:],
        conditions=(ConditionDescription((2, 3), START, (3,), STARTED, S),),
    )
    assert to_text(few, JSON) == (
        """\
{
  "format": "netreel-description",
  "version": 1,
  "exp_id": "look",
  "resources": [
    {
      "guid": 2,
      "rtype": "lab::App",
      "attributes": {
        "count": 3,
        "text": "\\u0000"
      },
      "connections": [1],
      "traces": {
        "stdout": true,
        "log": false
      }
    }
  ],
  "conditions": [
    {
      "guids": [2, 3],
      "action": "START",
      "on": [3],
      "state": "STARTED",
      "delay_ns": 1000000000
    }
  ]
}
"""
    )


# --- files that NEPI wrote ----------------------------------------------------------------------------------------


def test_a_file_of_nepi_keeps_the_delays_that_nepi_loses():
    description = read(NEPI / "nepi-file-transfer.xml")
    assert description.exp_id == "nc_file_transfer"
    assert [(each.guid, each.rtype, each.connections) for each in description.resources] == [
        (1, "linux::Node", (3, 5)),
        (2, "linux::Node", (4,)),
        (3, "linux::Application", (1,)),
        (4, "linux::Application", (2,)),
        (5, "linux::Tcpdump", (1,)),
    ]
    assert description.resources[0].attributes["cleanExperiment"] is True
    assert description.resources[3].attributes == {"command": """nc -dl 1234 > film.ts && echo "<done> & 'ok'\""""}
    assert description.resources[4].traces == {"stderr": True, "stdout": True}
    assert description.conditions == (
        ConditionDescription((3,), START, (4,), STARTED, 2 * S),
        ConditionDescription((4,), START, (5,), STARTED),
        ConditionDescription((5,), STOP, (3, 4), STOPPED, S // 2),
    )


def test_a_file_of_nepi_has_its_topology_read_and_not_evaluated():
    topology = read(NEPI / "nepi-topology.xml").topology
    assert (topology.topo_type, [node.nid for node in topology.nodes]) == ("linear", [0, 1, 2, 3, 4])
    assert topology.nodes[0].annotations == {"ips": ["10.7.0.1"], "guid": 1, "target": True}
    assert topology.nodes[4].annotations["source"] is True
    assert topology.edges[2].annotations == {
        "net": {"2": "10.7.0.9", "3": "10.7.0.10", "prefix": 30, "mask": "255.255.255.252", "network": "10.7.0.8"}
    }


def test_a_value_that_nepi_had_not_set_is_none_and_ours_is_what_it_says():
    attribute = '<attributes><attribute name="a" type="string" value="None"/></attributes>'
    rms = f'<rms><rm guid="1" rtype="x" start_time="2026">{attribute}</rm></rms>'
    nepi = from_text(f'<experiment exp_id="a" run_id="1" nthreads="20" local_dir="/">{rms}</experiment>')
    ours = from_text(f'<experiment exp_id="a" format="netreel-description" version="1">{rms}</experiment>')
    assert nepi.resources[0].attributes == {"a": None}
    assert ours.resources[0].attributes == {"a": "None"}


# --- what is refused ----------------------------------------------------------------------------------------------

DURATIONS = 'write "1.5s", "20ms", "1h30m", or seconds as a number'
DOCTYPE = "it has a DOCTYPE, which is refused; a description needs none"
ALONE = 'a key that begins with $ stands alone; write an object with such keys as {"$dict": {...}}'


def in_xml(inside, **attributes):
    given = "".join(f' {name}="{value}"' for name, value in {"exp_id": "a", **attributes}.items())
    return f"<experiment{given}>\n{inside}\n</experiment>"


def rm(inside="", attributes='guid="1" rtype="x"'):
    return f"<rms><rm {attributes}>\n{inside}\n</rm></rms>"


def condition(**attributes):
    given = {"action": "1", "group": "[1]", "state": "5", **attributes}
    return rm(
        f"<conditions><condition {' '.join(f'{key}={json.dumps(text)}' for key, text in given.items())}/></conditions>"
    )


def value(kind, text):
    return rm(f'<attributes><attribute name="a" type="{kind}" value="{text}"/></attributes>')


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["it is neither XML, which begins with <, nor a JSON object, which begins with {"]),
        ("guid: 1", ["it is neither XML, which begins with <, nor a JSON object, which begins with {"]),
        ("<experiment>\n<rms>", ["line 2: this is no XML: no element found"]),
        ("<network/>", ["line 1: <network> has no place here; known are experiment"]),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><experiment/>", [DOCTYPE]),
        ("<experiment/>", ["line 1: there is no 'exp_id' here, which is needed"]),
        (in_xml("", exp_id="a/b"), ["line 1: 'a/b' names a directory: use letters, digits, '.', '_' and '-'"]),
        (in_xml("", run="1"), ["line 1: <experiment> has no 'run'; did you mean run_id?"]),
        (in_xml("", format="other"), ["line 1: 'other' stands where 'netreel-description' is to be"]),
        (in_xml("", format="netreel-description", version="2"), ["line 1: 2 is none of 1; known are 1"]),
        (in_xml("ls"), ["line 2: 'ls' stands between elements; everything is said in attributes"]),
        (in_xml("<rms><rn><rm/></rn></rms>"), ["line 2: <rn> has no place here; did you mean rm?"]),
        (in_xml("<rms/>\n<rms/>"), ["line 3: <rms> is there twice; put both into one"]),
        (in_xml('<globals><type rtype="x"/><type rtype="x"/></globals>'),
         ["line 2: 'x' is there twice; put both into one"]),
        (in_xml(rm('<attributes><attribute name="a" value="1"/><attribute name="a" value="2"/></attributes>')),
         ["line 3: 'a' is there twice; say it once"]),
        (in_xml(rm(attributes='rtype="x"')), ["line 2: <rm> has no 'guid', which is needed"]),
        (in_xml(rm(attributes='guid="0" rtype="x"')), ["line 2: 0 is too small; the least is 1"]),
        (in_xml(value("int", "1")), ["line 3: there is no type 'int'; did you mean integer?"]),
        (in_xml(value("integer", "1.5")), ["line 3: value='1.5' is no whole number"]),
        (in_xml(value("float", "much")), ["line 3: value='much' is no number"]),
        (in_xml(value("bool", "yes")), ["line 3: value='yes' is none of True, False"]),
        (in_xml(value("json", "")), ["line 3: this is no JSON: Expecting value: line 1 column 1 (char 0)"]),
        (in_xml(condition(action="7")), ["line 3: action='7' is none of 0, 1, 2, DEPLOY, START, STOP"]),
        (in_xml(condition(time="1m30")), [f"line 3: time: '1m30' is no duration; {DURATIONS}"]),
        (in_xml(condition(group="[]")), ["line 3: there must be at least 1 here"]),
        (in_xml(condition(group="3")), ["line 3: group is a list of guids, such as [3, 4]"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_xml_is_told_with_its_line(text, problems):
    with pytest.raises(BadDescription) as caught:
        from_text(text)
    assert list(caught.value.problems) == problems


@pytest.mark.parametrize(
    "text",
    ["__import__('os').getpid()", "[1 for _ in 'a']", "[" * 100_000, "-" * 500_000, "9" * 500_000, "[1]" + " " * 2**20],
)
def test_text_in_place_of_a_list_is_not_evaluated(text):
    with pytest.raises(BadDescription, match=r"line 3: .* (no list or dict|too many)"):
        from_text(in_xml(condition(group=text)))


def in_json(**given):
    return json.dumps({"format": "netreel-description", "version": 1, "exp_id": "a", **given})


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{", ["line 1, column 2: this is no JSON: Expecting property name enclosed in double quotes"]),
        ("{}", ["$: there is no 'format' here, which is needed", "$: there is no 'version' here, which is needed",
                "$: there is no 'exp_id' here, which is needed"]),
        ('{"a": 1, "a": 2}', ["this is no JSON: 'a' is there twice in one object; say it once"]),
        ('{"a": NaN}', ["this is no JSON: NaN is no word of it; write {\"$float\": \"nan\"}, \"inf\" or \"-inf\""]),
        ('{"a":' + "[" * 100_000, ["it is nested too deep; a description is not"]),
        ('{"a":' + "[" * 200 + "]" * 200 + "}", ["$: it is nested more than 150 deep; a description is not"]),
        (in_json(resorces=[]), ["$: there is no 'resorces' here; did you mean resources?"]),
        (in_json(version=9), ["$.version: 9 is none of 1; known are 1"]),
        (in_json(resources=[{"guid": 1.5, "rtype": "x", "lable": "y"}]),
         ["$.resources[0].guid: 1.5 is no integer", "$.resources[0]: there is no 'lable' here; did you mean label?"]),
        (in_json(conditions=[{"guids": [1], "action": "STRT", "on": [], "state": "STARTED", "delay_ns": -1}]),
         ["$.conditions[0].action: 'STRT' is none of DEPLOY, START, STOP; did you mean START or STOP?",
          "$.conditions[0].on: there must be at least 1 here",
          "$.conditions[0].delay_ns: -1 is too small; the least is 0"]),
        (in_json(globals={"lab::Host": {"a b": {"$bytes": "?", "c": 1}}}),
         ['$.globals["lab::Host"]["a b"]["$bytes"]: \'?\' is no base64',
          f'$.globals["lab::Host"]["a b"]: {ALONE}']),
        (in_json(topology={"nodes": [{}]}), ["$.topology.nodes[0]: there is no 'nid' here, which is needed"]),
    ],
)  # fmt: skip
def test_what_is_wrong_in_json_is_told_with_its_path(text, problems):
    with pytest.raises(BadDescription) as caught:
        from_text(text)
    assert sorted(caught.value.problems) == sorted(problems)


def test_many_problems_are_counted_in_the_message():
    with pytest.raises(BadDescription, match=r"; and 3 more$") as caught:
        from_text(in_json(resources=[{"guid": 0, "rtype": "x"}] * 13))
    assert len(caught.value.problems) == 13


def test_a_format_that_is_none_is_refused():
    with pytest.raises(UsageError, match="there is no format 'yaml' for descriptions; did you mean xml"):
        to_text(WHOLE, "yaml")


# --- reading files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SFormats)
@pytest.mark.parametrize("before", ["", "\ufeff"])
def test_the_content_of_a_file_tells_its_format(tmp_path, kind, before):
    path = tmp_path / "some.txt"
    path.write_text(before + to_text(WHOLE, kind), encoding="utf-8")
    assert read(path) == WHOLE


def test_an_encoding_that_is_told_wrong_is_no_matter():
    """A file is read as UTF-8; what it says of itself may be one that nobody knows."""
    for told in ("latin-1", "UTF-16", "no-such"):
        text = to_text(WHOLE, XML).replace("UTF-8", told).replace("left", "l\u00e9ft")
        assert from_text(text).resources[0].label == "l\u00e9ft"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "{path}: no such file or directory; give a file that was saved"),
        (b"\xff", "{path}: byte 0 is no UTF-8; a description is saved in that"),
        (b"<experiment/>", "{path}: line 1: there is no 'exp_id' here, which is needed"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, content, message):
    path = tmp_path / "some.xml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == message.format(path=path)


@pytest.mark.parametrize("path", [None, 3, b"exp.xml", "exp\0.xml"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(UsageError) as caught:
        read(path)
    assert str(caught.value) == f"a path is a text or a pathlib.Path without a NUL character, not {path!r}"
    with pytest.raises(UsageError, match="a path is a text"):
        save(WHOLE, path, "1")


def test_the_example_in_the_documentation_is_a_description():
    page = (ROOT / "docs" / "descriptions.md").read_text(encoding="utf-8")
    (example,) = [block for block in page.split("\n\n") if block.startswith("    {")]
    description = from_text(example)
    assert description.resources[0].connections == (2, 3)
    assert description.conditions == (ConditionDescription((3,), START, (2,), STARTED, 1_500_000_000),)


def test_a_device_has_no_end_to_be_read():
    with pytest.raises(UsageError, match="/dev/zero is a device; give a file that was saved"):
        read("/dev/zero")

"""Events: every kind comes back from real bytes as it went in, and changes the world."""

from typing import get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine import journal
from engine.core import events, kernel, messages
from engine.core.apply import HANDLERS
from engine.core.encoding import from_data, to_data
from engine.core.events import KINDS, Entry
from engine.core.states import ResourceState, Step
from engine.core.world import World
from eventlog import MemoryStore, WrongVersion
from eventlog.testing import event as record

SAMPLES = {
    int: st.integers(0, 2**64 - 1),
    int | None: st.none() | st.integers(-(2**63), 2**64 - 1),
    str: st.text(),
    str | None: st.none() | st.text(),
    bool: st.booleans(),
    Step: st.sampled_from(Step),
    list[Step]: st.lists(st.sampled_from(Step)),
    ResourceState: st.sampled_from(ResourceState),
}
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def sample(kind):
    """Any event of a kind."""
    cls = KINDS[kind]
    hints = get_type_hints(cls)
    values = {name: _values(hints[name]) for name in cls.__struct_fields__}
    return st.builds(cls, **values)


def _values(hint):
    if hint in SAMPLES:
        return SAMPLES[hint]
    text = str(hint)
    if text.startswith("list[int"):
        return st.lists(SAMPLES[int], max_size=4)
    if text.startswith("list[str"):
        return st.lists(st.text(), max_size=4)
    if text.startswith("list[dict"):
        return st.lists(st.dictionaries(st.text(), PLAIN, max_size=3), max_size=2)
    if text.startswith("dict"):
        values = st.dictionaries(st.text(), PLAIN, max_size=3)
        return values | st.none() if "None" in text else values
    return PLAIN


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_survives_real_bytes(kind):
    @settings(max_examples=12)
    @given(sample(kind))
    def survives(event):
        store = MemoryStore()
        with store.open_writer("test") as writer:
            entry = Entry(1, 5, 0, writer.epoch, event)
            writer.append([journal.to_record(entry)])
        assert [journal.to_entry(found) for found in store.read()] == [entry]

    survives()


@pytest.mark.parametrize("kind", KINDS)
def test_data_has_every_field_but_the_guid(kind):
    fields = set(KINDS[kind].__struct_fields__)
    example = KINDS[kind](**dict.fromkeys(fields - {"step", "steps", "state"}), **_enums(fields))
    assert set(to_data(example)) == fields - {"guid"}


def _enums(fields):
    all_of_them = {"step": Step.START, "steps": [Step.START], "state": ResourceState.READY}
    return {name: value for name, value in all_of_them.items() if name in fields}


def test_the_words_are_the_contract_with_old_logs():
    assert sorted(KINDS) == [
        "attribute.planned",
        "attribute.set",
        "condition.reduced",
        "condition.registered",
        "controller.opened",
        "effect.begun",
        "effect.done",
        "experiment.aborted",
        "experiment.warned",
        "global.set",
        "group.deployed",
        "release.requested",
        "resource.connected",
        "resource.disconnected",
        "resource.ended",
        "resource.failed",
        "resource.found",
        "resource.registered",
        "resource.remarked",
        "resource.removed",
        "resource.unknown",
        "run.closed",
        "script.looked",
        "step.begun",
        "step.done",
        "step.failed",
        "step.passed",
        "step.requested",
        "step.told",
        "step.voided",
        "task.begun",
        "task.done",
        "task.scheduled",
        "topology.described",
        "trace.switched",
        "type.declared",
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_apply_knows_every_kind(kind):
    assert KINDS[kind] in HANDLERS


def test_the_kernel_knows_every_message():
    assert set(kernel._HEARD) == set(get_args(messages.Message))


def test_an_event_is_frozen():
    with pytest.raises(AttributeError):
        events.RunClosed(0).guid = 1


@pytest.mark.parametrize(("kind", "version"), [("resource.teleported", 1), ("run.closed", 2)])
def test_what_a_later_version_wrote_is_refused_by_name(kind, version):
    later = replace(record(1), kind=kind, version=version, data={})
    with pytest.raises(WrongVersion, match=f"event 1 is a '{kind}' of version {version}"):
        journal.to_entry(later)


def test_an_unknown_kind_is_a_key_error():
    with pytest.raises(KeyError):
        from_data("resource.teleported", 1, 0, {})


def test_old_data_is_brought_up_to_date(monkeypatch):
    monkeypatch.setattr(events.RunClosed, "version", 3)
    monkeypatch.setitem(events.UPCASTERS, ("run.closed", 1), lambda data: {"half": data["old"]})
    monkeypatch.setitem(events.UPCASTERS, ("run.closed", 2), lambda data: {} if data == {"half": 1} else None)
    assert from_data("run.closed", 1, 0, {"old": 1}) == events.RunClosed(0)


def test_no_records_come_to_an_empty_world():
    assert journal.rebuild([]).to_dict() == World().to_dict()

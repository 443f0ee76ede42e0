"""Logs that were written once always come to the world that they came to then."""

import json
from pathlib import Path

import pytest

import eventlog
import replay
from engine.core.events import KINDS
from engine.core.states import ResourceState
from eventlog import FileStore
from tests.golden import make

VERSIONS = sorted(path.parent for path in Path(__file__).parent.glob("*/world.json"))


@pytest.fixture(params=VERSIONS, ids=lambda path: path.name)
def run_dir(request):
    return request.param


def test_there_is_one():
    assert VERSIONS


def test_it_comes_to_the_same_world(run_dir):
    then = json.loads((run_dir / "world.json").read_text(encoding="utf-8"))
    assert_holds(json.loads(json.dumps(make.world(run_dir), default=bytes.hex)), then)


def assert_holds(now, then):
    """What was known of a world then is known of it now. A later version may know more."""
    if isinstance(then, dict):
        assert now.keys() >= then.keys()
        for key, value in then.items():
            assert_holds(now[key], value)
    elif isinstance(then, list):
        assert len(now) == len(then)
        for one, other in zip(now, then, strict=True):
            assert_holds(one, other)
    else:
        assert now == then


def test_it_is_whole_and_breaks_no_rule(run_dir):
    assert eventlog.verify(run_dir).ok
    assert replay.check(run_dir) == []


def test_it_can_be_looked_at_at_every_event(run_dir):
    for record in FileStore(run_dir).read():
        assert replay.state(run_dir, record.seq).seq == record.seq
    assert {resource.state for resource in replay.state(run_dir).resources.values()} == {ResourceState.RELEASED}


def test_the_present_version_still_writes_such_a_log(tmp_path):
    make.live(FileStore(tmp_path))
    assert {record.kind for record in FileStore(tmp_path).read()} == set(KINDS)
    assert make.world(tmp_path) == make.world(VERSIONS[-1])

"""A run as it stood at moments, and who hears it."""

import threading

import pytest

import eventlog
from engine import journal
from engine.core import snapshot
from engine.core.world import World
from eventlog import FileStore
from replay.views import fold
from replay.watch import moments
from replay.watch.moments import Asked, Look, Moments, told, world_at
from replay.watch.source import Source
from tests.eventlog.damage import flip
from tests.replay.labs import lab_in
from tests.replay.test_cli_looking import segment

pytestmark = pytest.mark.slow


@pytest.fixture
def run_dir(tmp_path):
    """A hundred applications on a host."""
    lab = lab_in(tmp_path / "run")
    host = lab.host()
    lab.turn([])
    for _ in range(20):
        lab.app(host)
    lab.deploy()
    lab.done(1)
    lab.done(*range(2, 22))
    lab.writer.close()
    return tmp_path / "run"


def folded(run_dir, seq=None):
    with eventlog.open(run_dir) as log:
        return fold(run_dir, log, seq)


@pytest.mark.parametrize("most", [64, 4])
def test_each_moment_is_what_the_log_comes_to(run_dir, monkeypatch, most):
    monkeypatch.setattr(moments, "_EVERY", 3)
    monkeypatch.setattr(moments, "_MOST", most)
    kept, world = Moments(run_dir), World()
    with eventlog.open(run_dir) as log:
        for record in log:
            journal.rebuild([record], world)
            kept.note(world)
            assert kept.at(record.seq).to_dict() == world.to_dict()
    assert len(kept._kept) <= most
    for seq in (1, 2, 3, 30, 31, world.seq):
        assert kept.at(seq).to_dict() == folded(run_dir, seq).to_dict()


def test_what_is_kept_is_not_changed_by_whoever_gets_it(run_dir):
    kept = Moments(run_dir)
    world = folded(run_dir, 30)
    kept._every = 1
    kept.note(world)
    journal.rebuild(FileStore(run_dir).read(after=30), kept.at(30))
    assert kept.at(30).to_dict() == folded(run_dir, 30).to_dict()


def test_damage_behind_a_moment_does_not_matter(run_dir):
    before = folded(run_dir, 10).to_dict()
    path = segment(run_dir)
    flip(path, path.stat().st_size - 40)
    with eventlog.open(run_dir) as log:
        assert world_at(run_dir, log, 10).to_dict() == before
    with eventlog.open(run_dir) as log, pytest.raises(eventlog.Corrupt):
        world_at(run_dir, log, folded(run_dir, 10).seq + 1000)


def test_what_cannot_be_told_is_told_why(run_dir):
    world = folded(run_dir)
    assert told(run_dir / "gone", world, Look(1, None, 1, Asked.WHY, ()))[0].endswith("it has no log/")
    assert told(run_dir, world, Look(1, None, 99, Asked.WHY, ())) == []
    lines = told(run_dir, world, Look(3, None, 0, Asked.EVENTS, (2, 3)))
    assert [line.split()[0] for line in lines] == ["2", "3"]


def test_a_source_tells_all_in_order_and_then_what_comes(tmp_path):
    lab = lab_in(tmp_path / "run")
    lab.host()
    heard, poked = [], threading.Event()
    source = Source(tmp_path / "run", poked.set)
    source.start()

    def hear(number):
        while len(heard) < number:
            assert poked.wait(60)
            poked.clear()
            heard.extend(each.record.seq for each in source.take())

    hear(lab.world.seq)
    lab.host()
    hear(lab.world.seq)
    assert heard == list(range(1, lab.world.seq + 1))
    assert source.trouble == ""
    source.stop()
    lab.writer.close()


def test_a_source_tells_what_is_wrong(tmp_path):
    poked = threading.Event()
    source = Source(tmp_path, poked.set)
    source.start()
    assert poked.wait(60)
    assert source.take() == []
    assert source.trouble.endswith("it has no log/")


def test_a_snapshot_of_another_version_is_not_needed(run_dir, monkeypatch):
    monkeypatch.setattr(snapshot, "VERSION", 0)
    assert Moments(run_dir).at(5).seq == 5

"""Traces of a run are read by somebody who is not its controller: from the host, or from what was collected."""

import hashlib
import re
from functools import partial

import pytest

import eventlog
import replay
from engine import ResourceFactory, TraceAttr, UnknownGuid, UnknownResourceType, UsageError
from engine.rm import collected, registry
from engine.rm.fetching import Fetched, NotFetched, fetch
from replay import patience
from replay.following import Follow
from replay.traces import NoTrace, NotRead, Traces
from replay.views import fold
from tests.replay.recorders import Recorder, path_of

pytestmark = pytest.mark.usefixtures("lab1")


@pytest.fixture
def live(ec):
    """A controller whose #1 runs, and has written nothing yet."""
    made = ec("hello")
    made.add(Recorder(), label="the one")
    made.deploy()
    assert made.wait_started(1, timeout=20)
    return made


def write(made, name, content, guid=1):
    with path_of(made.run_dir, guid, name).open("ab") as file:
        file.write(content)


def seen(made) -> Traces:
    with eventlog.open(made.run_dir) as log:
        return Traces(made.run_dir, fold(made.run_dir, log))


def following(made, name="stdout", tell=lambda _: None):
    traces = seen(made)
    return Follow(traces, traces.find(1), name, patience.Patience(10, lambda _: None), tell).pieces()


def without_types(monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", {})
    monkeypatch.setattr(registry, "_announced", tuple)


def collect(made, name, content):
    path = made.run_dir / f"1.{name}"
    path.write_bytes(content)
    collected.note(made.run_dir, 1, name, path, Fetched(len(content), hashlib.sha256(content).hexdigest()))
    return path


# --- one of them


def test_a_trace_is_read_while_its_controller_is_somewhere_else(live):
    write(live, "stdout", "größe\n".encode())
    trace = partial(replay.trace, live.run_dir)
    assert (trace(1, "stdout"), trace("the one", "stdout")) == ("größe\n", "größe\n")
    assert trace(1, "stdout", TraceAttr.BYTES) == "größe\n".encode()
    assert trace(1, "stdout", TraceAttr.SIZE) == 8
    assert trace(1, "stdout", TraceAttr.PATH) == str(path_of(live.run_dir, 1, "stdout"))
    assert trace(1, "stdout", TraceAttr.STREAM, block=2, offset=3) == "e\n"
    assert (trace(1, "debug"), trace(1, "made")) == (None, "made")


def test_reading_changes_nothing(live):
    write(live, "stdout", b"x")
    before = sorted(live.run_dir.rglob("*")), seen(live).world.to_dict()
    replay.trace(live.run_dir, 1, "stdout")
    assert (sorted(live.run_dir.rglob("*")), seen(live).world.to_dict()) == before


def test_an_unknown_resource(live):
    with pytest.raises(UnknownGuid, match="there is no resource #2; registered are #1"):
        replay.trace(live.run_dir, 2, "stdout")
    with pytest.raises(UnknownGuid, match="no resource is labelled 'the ome'; did you mean the o"):
        replay.trace(live.run_dir, "the ome", "stdout")


def test_a_host_that_does_not_answer(live, lab1):
    lab1.lost = True
    with pytest.raises(NotRead, match=r"trace 'stdout' of #1 lab::Recorder \(the one\) cannot be read: lab1: no route"):
        replay.trace(live.run_dir, 1, "stdout")


@pytest.mark.parametrize(("error", "kind"), [(KeyError("pid"), NotRead), (ValueError("not with /"), UsageError)])
def test_a_type_whose_code_fails_is_named(live, monkeypatch, error, kind):
    def fail(self, name, offset=0, size=None):
        raise error

    monkeypatch.setattr(Recorder, "read_trace", fail)
    with pytest.raises(kind, match=r"of #1 lab::Recorder \(the one\) cannot be read"):
        replay.trace(live.run_dir, 1, "stdout")


# --- what was collected


def test_what_was_collected_is_read_without_the_type(live, monkeypatch):
    path = collect(live, "stdout", b"kept")
    without_types(monkeypatch)
    assert replay.trace(live.run_dir, 1, "stdout") == "kept"
    assert replay.trace(live.run_dir, 1, "stdout", TraceAttr.PATH) == str(path)
    with pytest.raises(UnknownResourceType, match="there is no resource type 'lab::Recorder'"):
        replay.trace(live.run_dir, 1, "debug")


def test_a_host_that_still_has_it_counts_more_than_what_was_collected(live):
    collect(live, "stdout", b"begin")
    write(live, "stdout", b"begin and end")
    assert replay.trace(live.run_dir, 1, "stdout") == "begin and end"


def test_what_was_collected_and_removed_is_no_trace(live, monkeypatch):
    collect(live, "stdout", b"kept").unlink()
    without_types(monkeypatch)
    assert replay.trace(live.run_dir, 1, "stdout") is None
    assert replay.trace(live.run_dir, 1, "stdout", TraceAttr.SIZE) is None


def test_the_directory_of_a_run_may_be_moved(live, tmp_path):
    collect(live, "stdout", b"kept")
    live.shutdown()
    moved = live.run_dir.rename(tmp_path / "moved")
    kept = collected.read(moved)[1, "stdout"]
    moved.rename(live.run_dir)
    assert kept.path == moved / "1.stdout"


def test_a_note_that_a_crash_cut_short_spoils_no_other(live):
    collect(live, "stdout", b"one")
    index = live.run_dir / collected.INDEX
    index.write_bytes(index.read_bytes() + b'\n{"guid": 1, "tra')
    collect(live, "result", b"two")
    assert {key: kept.read_trace("") for key, kept in collected.read(live.run_dir).items()} == {
        (1, "stdout"): b"one",
        (1, "result"): b"two",
    }
    assert index.stat().st_mode & 0o077 == 0


def test_what_was_changed_since_it_was_collected_is_not_taken_for_it(live, monkeypatch, tmp_path):
    collect(live, "stdout", b"kept").write_bytes(b"kepd")
    without_types(monkeypatch)
    traces = seen(live)
    with pytest.raises(NotFetched, match="what has arrived is not what is there"):
        fetch(traces.reader(traces.find(1), "stdout"), tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


# --- the list


def test_the_list_has_what_is_declared_and_what_was_collected(live, monkeypatch):
    write(live, "stdout", b"four")
    collect(live, "a.pcap", bytes(10))
    traces = seen(live)
    listed = [(it.name, it.size, it.enabled, it.help) for it in traces.list([traces.find(1)])]
    assert listed == [
        ("stdout", 4, True, "What it wrote."),
        ("debug", None, False, "More of it."),
        ("made", 4, True, "Made when it is asked for."),
        ("result", None, True, "What it found."),
        ("a.pcap", 10, True, ""),
    ]
    without_types(monkeypatch)
    listed = seen(live).list([traces.find(1)])
    assert [(it.size, it.help, bool(it.problem)) for it in listed] == [(None, "", True)] * 4 + [(10, "", False)]


# --- following


def test_a_trace_is_followed_until_its_resource_has_ended(live):
    write(live, "stdout", b"one\n")
    pieces = following(live)
    assert next(pieces) == b"one\n"
    write(live, "stdout", b"two\n")
    assert next(pieces) == b"two\n"
    live.stop(1)
    assert list(pieces) == []


def test_what_has_not_been_pushed_by_the_end_is_read_then(live, lab1):
    lab1.pushes = False
    write(live, "stdout", b"one\n")
    pieces = following(live)
    live.stop(1)
    assert list(pieces) == [b"one\n"]


def test_one_that_has_not_begun_is_waited_for(ec):
    made = ec("hello")
    made.add(Recorder())
    pieces = following(made)
    write(made, "stdout", b"one\n")
    made.deploy()
    assert next(pieces) == b"one\n"


def test_a_host_that_is_lost_at_the_end_is_waited_for(live, lab1, monkeypatch):
    write(live, "stdout", b"one\n")
    pieces = following(live)
    assert next(pieces) == b"one\n"
    lab1.pushes = False
    lab1.lost = True
    monkeypatch.setattr(patience.time, "sleep", lambda _: setattr(lab1, "lost", False))
    live.stop(1)
    write(live, "stdout", b"two\n")
    assert b"".join(pieces) == b"two\n"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("stdout", r"#1 .* \(the one\), which is STARTED, has recorded no trace 'stdout'"),
        ("stdot", "there is no trace 'stdot' of .*; did you mean stdout"),
    ],
)
def test_one_that_is_not_there_yet_is_said_and_waited_for(live, name, missing):
    told = []

    def tell(message):
        told.append(message)
        write(live, name, b"one\n")

    assert next(following(live, name, tell)) == b"one\n"
    assert [bool(re.match(missing, message)) for message in told] == [True]


def test_what_cannot_be_followed(live, lab1):
    with pytest.raises(NoTrace, match=r"trace 'debug' of .* is switched off"):
        next(following(live, "debug"))
    with pytest.raises(UsageError, match="trace 'made' is made when it is asked for"):
        next(following(live, "made"))
    lab1.lost = True
    with pytest.raises(NotRead, match="lab1: no route to host"):
        next(following(live))


def test_a_resource_that_ends_without_the_trace(ec):
    made = ec("hello")
    made.add(Recorder())
    pieces = following(made)
    made.shutdown()
    with pytest.raises(NoTrace, match="#1 lab::Recorder, which is RELEASED, has recorded no trace 'stdout'"):
        next(pieces)


# --- patience


def test_a_host_that_never_answered_is_not_waited_for(lab1):
    lab1.lost = True
    with pytest.raises(Exception, match="no route to host"):
        patience.Patience(10, lambda _: None)(lab1.size, "/x")


def test_a_host_that_stays_silent_is_given_up(lab1, monkeypatch):
    now, told = [0.0], []
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda pause: now.__setitem__(0, now[0] + pause))
    ask = patience.Patience(10, told.append)
    assert ask(lab1.size, "/there/is/no/such/file") is None
    lab1.lost = True
    with pytest.raises(Exception, match="no route to host"):
        ask(lab1.size, "/there/is/no/such/file")
    assert (now[0], told) == (12.75, ["lab1 does not answer any more, trying again: no route to host"])

"""Traces are fetched before what they belong to is released."""

import pytest

from engine import BadAttribute, ExperimentError, ResourceFactory, ResourceState
from rms.collector import Collector
from rms.linux.application import Application

pytestmark = pytest.mark.slow

PATIENCE = 20


@pytest.fixture
def one(ec, monkeypatch):
    """A controller with this machine as #1."""
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {"Collector": Collector})
    made = ec("exp")
    made.register_resource("linux::Node", hostname="localhost")
    return made


def deployed(one, *commands, **collector):
    apps = [one.register_resource("linux::Application", command=command, connectedTo=1) for command in commands]
    number = one.register_resource("Collector", connectedTo=apps, **collector)
    one.deploy()
    assert one.wait_finished(apps, timeout=PATIENCE)
    return apps, number


def test_a_trace_of_each_is_in_the_directory_of_the_run(one):
    apps, number = deployed(one, "echo one", "printf 'a\\377b'", trace_name="stdout", sub_dir="a/b", rename="out.txt")
    one.release()
    assert one.state(number) is ResourceState.RELEASED
    assert (one.run_dir / "a" / "b" / f"{apps[0]}.out.txt").read_bytes() == b"one\n"
    assert (one.run_dir / "a" / "b" / f"{apps[1]}.out.txt").read_bytes() == b"a\xffb"
    assert len(list((one.run_dir / "a" / "b").iterdir())) == 2


def test_large_files_and_files_in_directories(one):
    (app,), _ = deployed(one, "mkdir d; head -c 3000000 /dev/urandom >d/data", trace_name="d/data")
    there = one.trace(app, "d/data", "bytes")
    one.release()
    assert (one.run_dir / f"{app}.data").read_bytes() == there


def test_it_comes_before_what_forgets_its_results(one):
    app = one.register_resource("linux::Application", command="echo kept", hard_release=True, connectedTo=1)
    one.register_resource("Collector", trace_name="stdout", connectedTo=app)
    one.deploy()
    one.wait_finished(app, timeout=PATIENCE)
    one.release()
    assert (one.run_dir / f"{app}.stdout").read_text() == "kept\n"


def test_a_trace_that_is_not_there_is_told_and_leaves_no_file(one):
    apps, number = deployed(one, "echo x >there", "true", trace_name="there")
    with pytest.raises(ExperimentError, match=f"#{number} Collector: there of #{apps[1]}: there is no such trace"):
        one.shutdown()
    assert (one.run_dir / f"{apps[0]}.there").read_text() == "x\n"
    assert not (one.run_dir / f"{apps[1]}.there").exists()


def test_what_was_fetched_before_a_crash_is_not_fetched_again(one, monkeypatch):
    asked = []
    original = Application.read_trace

    def spy(self, name, offset=0, size=None):
        asked.append(offset)
        return original(self, name, offset, size)

    (app,), _ = deployed(one, "head -c 2500000 /dev/zero >data", trace_name="data")
    (one.run_dir / f".{app}.data.part").write_bytes(bytes(2_000_000))
    monkeypatch.setattr(Application, "read_trace", spy)
    one.release()
    assert asked == [2_000_000]
    assert (one.run_dir / f"{app}.data").read_bytes() == bytes(2_500_000)


@pytest.mark.parametrize("before", [b"other" * 10, b"x" * 5000])
def test_what_was_there_of_another_one_is_fetched_anew(one, before):
    (app,), _ = deployed(one, "head -c 1000 /dev/zero >data", trace_name="data")
    (one.run_dir / f".{app}.data.part").write_bytes(before)
    one.release()
    assert (one.run_dir / f"{app}.data").read_bytes() == bytes(1000)
    assert [path.name for path in one.run_dir.iterdir() if "data" in path.name] == [f"{app}.data"]


def test_what_arrives_damaged_is_not_taken(one, monkeypatch):
    (app,), number = deployed(one, "echo hello", trace_name="stdout")
    monkeypatch.setattr(Application, "read_trace", lambda self, name, offset=0, size=None: b"hullo\n"[:size])
    with pytest.raises(ExperimentError, match=f"#{number} Collector: stdout of #2: what has arrived is not what is"):
        one.shutdown()
    assert not (one.run_dir / f"{app}.stdout").exists()


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"trace_name": "/etc/passwd"}, "a relative path that stays"),
        ({"trace_name": "x", "sub_dir": "../y"}, "a relative path that stays"),
        ({"trace_name": "x", "rename": "a/b"}, "without directories"),
        ({"traceNames": "x"}, "did you mean trace_name"),
    ],
)
def test_what_makes_no_sense(one, attributes, message):
    with pytest.raises(BadAttribute, match=message):
        one.register_resource("Collector", **attributes)

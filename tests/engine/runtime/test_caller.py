"""Every event that the user's script asks for says which line of it did."""

import inspect
import threading
from pathlib import Path

import pytest

import eventlog
from engine import FailureManager
from engine.core.events import KINDS
from engine.journal import place, to_entry
from engine.runtime import caller
from tests.engine.kinds import PATIENCE, START, STARTED, boom


@pytest.fixture(autouse=True)
def below(monkeypatch):
    """Files are named from the directory of this one."""
    monkeypatch.chdir(Path(__file__).parent)
    caller._shown.cache_clear()
    yield
    caller._shown.cache_clear()


def line():
    """The line that calls this, as an event has it."""
    return f"{Path(__file__).name}:{inspect.currentframe().f_back.f_lineno}"


def places(ec, kind):
    with eventlog.open(ec.run_dir) as log:
        return [place(record) for record in log.read() if record.kind == kind]


def test_a_call_has_the_line_of_the_script(ec):
    ec = ec()
    one, at_one = ec.register_resource("test::Plain"), line()
    two, at_two = ec.register_resource("test::Plain"), line()
    ec.register_condition(one, START, two, STARTED), (at := line())
    assert places(ec, "resource.registered") == [at_one, at_two]
    assert places(ec, "condition.registered") == [at]


def test_a_handle_and_a_context_manager_stand_in_for_the_script(ec):
    with ec() as ec:
        one, two = ec[ec.register_resource("test::Plain")], ec[ec.register_resource("test::Plain")]
        one.start_when(two.started), (at_condition := line())
        ec.schedule("1h", print), (at_task := line())
    assert places(ec, "condition.registered") == [at_condition]
    assert places(ec, "task.scheduled") == [at_task]
    opened, released = places(ec, "controller.opened"), places(ec, "release.requested")
    assert opened == released  # the line of the `with`


def test_what_follows_from_something_else_has_no_line(ec):
    ec = ec()
    guid = ec.register_resource("test::Plain")
    ec.deploy(guid), (at := line())
    assert ec.wait_started(guid, 5)
    with eventlog.open(ec.run_dir) as log:
        found = {record.kind: place(record) for record in log.read() if record.kind.startswith(("step", "group"))}
    assert found == {"group.deployed": at, "step.passed": ""}


def test_a_scheduled_function_has_a_line_of_its_own(ec):
    ec, done = ec(), threading.Event()

    def later():
        ec.register_resource("test::Plain"), asked.append(line())
        done.set()

    asked = []
    ec.schedule("0s", later)
    assert done.wait(PATIENCE)
    assert places(ec, "resource.registered") == asked


def test_a_failure_policy_has_a_line_of_its_own_and_what_it_was_asked_for_keeps_its_cause(ec, stage):
    class Policy(FailureManager):
        def eval_failure(self, guid):
            self.ec.register_resource("test::Plain"), asked.append(line())

    asked = []
    stage.acts["start #1"] = boom
    ec = ec(fm=Policy())
    guid = ec.register_resource("test::Thing", critical=False)
    ec.deploy(guid)
    assert ec.wait_finished(guid, PATIENCE)
    assert places(ec, "resource.registered")[1:] == asked
    assert places(ec, "step.failed") == [""]


def test_a_file_that_is_elsewhere_has_its_whole_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    caller._shown.cache_clear()
    assert caller._shown(__file__) == __file__
    assert caller._shown(str(tmp_path / "sub" / "script.py")) == "sub/script.py"
    assert len(caller._shown("x" * 1000)) == 200
    assert caller._shown("\udcff.py") == "\\udcff.py"


def test_no_kind_of_event_has_a_field_of_that_name():
    assert not [kind for kind, cls in KINDS.items() if "at" in cls.__slots__]


def test_the_line_comes_back_from_a_record():
    data = {"step": "start", "at": "script.py:12"}
    record = eventlog.Event(seq=1, time=5, kind="step.requested", guid=1, data=data, cause=0, epoch=1, version=1)
    assert to_entry(record).at == "script.py:12"

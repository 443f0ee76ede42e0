"""The oracle shares nothing with what it judges, and sees what is wrong."""

import ast
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.simulation import oracle
from tests.simulation.experiments import Experiment, Move
from tests.simulation.kinds import SECRET
from tests.simulation.oracle import judge
from tests.simulation.playing import play
from tests.simulation.promises import Wrong
from tests.simulation.proof import plain

HERE = Path(__file__).parent
EXPERIMENT = Experiment(
    1,
    (
        Move(0, "register", {"rtype": "proof::K1", "attributes": {"seconds": 3.0}, "to": []}),
        Move(0, "register", {"rtype": "proof::K1", "attributes": {"seconds": 3.0, "ok_codes": [0, 77]}, "to": []}),
        Move(0, "deploy", {"guids": None, "barrier": True}),
        Move(0, "wait", {"what": "finished", "guids": [0, 1], "timeout": None}),
    ),
)


def imports(path):
    """The modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.slow
def test_it_imports_nothing_of_what_it_judges():
    ahead, seen = [Path(oracle.__file__)], set()
    while ahead:
        path = ahead.pop()
        seen.add(path.name)
        for module in imports(path):
            package, *parts = module.split(".")
            assert package not in ("engine", "replay", "rms", "eventlog"), f"{path.name} imports {module}"
            if package == "tests":
                ahead.append(HERE / f"{parts[1]}.py")
    assert seen == {"oracle.py", "promises.py", "model.py", "calls.py", "workers.py"}


@pytest.fixture(scope="module")
def played():
    return play(EXPERIMENT)


@pytest.fixture
def log(played):
    return plain(played.sim.events())


@pytest.fixture
def found(played, log):
    """Judges a log that was tampered with: what is wrong with it, or None."""

    def judged(record=None):
        record = list(played.sim.record) if record is None else record
        try:
            judge(log, record, workers=20, policy="default", secret=SECRET)
        except Wrong as wrong:
            return str(wrong)
        return None

    return judged


def first(log, kind, **data):
    """The first event of a kind, with such data."""
    return next(it for it in log if it["kind"] == kind and data.items() <= it["data"].items())


def test_nothing_is_wrong_with_what_was_not_tampered_with(found):
    assert found() is None


def test_a_cause_that_comes_later(log, found):
    event = first(log, "step.begun")
    event["cause"] = event["seq"]
    assert "comes before its cause" in found()


def test_time_that_runs_backwards(log, found):
    log[5]["time"] -= 10**12
    assert "was not written when it was decided on" in found() or "earlier" in found()


def test_what_was_synced_and_is_gone(log, found):
    del log[-3:]
    assert "were synced, and are not in the log" in found()


def test_an_intent_that_is_missing(log, found):
    first(log, "step.begun")["data"]["token"] = "another"
    assert "its intent is not on disk" in found()


def test_what_nobody_asked_for(log, found):
    first(log, "step.done")["cause"] = 0
    assert "nobody asked for" in found()


def test_an_end_that_nothing_came_to(log, found):
    next(it for it in log if it["kind"] == "resource.ended" and it["guid"] == 2)["data"]["code"] = 77
    assert "ended with 0" in found()


def test_a_failure_that_is_told_as_an_end(log, found):
    next(it for it in log if it["kind"] == "resource.ended" and it["guid"] == 1)["data"]["code"] = 77
    assert "that is no end, or no failure" in found()


def test_a_step_that_comes_too_early(log, found):
    started = next(it for it in log if it["kind"] == "step.done" and it["data"]["step"] == "deploy")
    log[started["seq"] - 1], log[started["seq"]] = log[started["seq"]], started
    assert "out of order" in found()


def test_a_wait_that_lies(played, found):
    record = [
        replace(it, facts={**it.facts, "result": False}) if it.facts.get("result") is True else it
        for it in played.sim.record
    ]
    assert "came to False, and all that could be seen" in found(record)


def test_a_wait_that_ends_too_late(played, found):
    record = list(played.sim.record)
    place = next(place for place, it in enumerate(record) if it.facts.get("result") is True)
    it = record.pop(place)
    later = next(number for number, other in enumerate(record) if other.time > it.time)
    record.insert(later, replace(it, time=record[later].time))
    assert "at an earlier moment than that at which it ended" in found(record)


def test_a_worker_that_is_idle(played, found):
    record = [it for it in played.sim.record if not (it.kind == "hook.called" and it.facts["step"] == "start")]
    assert "waits for a worker, and" in found(record)


def test_a_secret_that_shows(log, found):
    first(log, "controller.opened")["data"]["holder"]["host"] = SECRET
    assert "a secret shows" in found()


def test_a_command_that_is_started_twice(played, found):
    record = []
    for it in played.sim.record:
        record += [it, it] if it.kind == "process.began" else [it]
    assert "was started twice" in found(record)


def test_a_hook_before_its_intent_is_synced(played, found):
    record = list(played.sim.record)
    place = next(place for place, it in enumerate(record) if it.kind == "hook.called")
    early = record.pop(place)
    written = max(number for number, it in enumerate(record[:place]) if it.kind == "log.writing")
    record.insert(written, early)
    assert "its intent is not on disk" in found(record)


def test_an_answer_that_is_not_heard(played, log, found):
    record = list(played.sim.record)
    place = next(number for number, it in enumerate(record) if it.kind == "hook.returned")
    written = max(number for number, it in enumerate(record[:place]) if it.kind == "log.written")
    record.insert(written - 1, record.pop(place))
    assert "was not heard" in found(record) or "its intent" in found(record)

"""What every test of experiments has: a home for runs, and controllers whose logs are checked at the end."""

import pytest

import replay
from engine import controller, journal
from engine.failure import ECState
from eventlog import FileStore


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The directory that experiments are kept in."""
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ec(home):
    """Makes controllers. At the end all of them are shut down, and their logs are audited and folded again."""
    opened = []
    controller.on_open.append(opened.append)
    yield controller.ExperimentController
    controller.on_open.remove(opened.append)
    for each in opened:
        each.detach() if each.ecstate is ECState.FAILED else each.shutdown()
    for run_dir, last in {each.run_dir: each for each in opened}.items():
        assert replay.check(run_dir) == []
        if last.ecstate is not ECState.FAILED:
            folded = journal.rebuild(FileStore(run_dir).read())
            assert folded.to_dict() == last._session.read(lambda world: world.to_dict())

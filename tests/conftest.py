"""What every test of experiments has: a home for runs, and controllers whose logs are checked at the end."""

import re
import signal

import pytest

import replay
from engine import controller, journal
from engine.failure import ECState
from eventlog import FileStore

_MARK_OF_ALL = re.compile(r"^pytestmark = (?:\[[^\]]*|.*)pytest\.mark\.(slow|torture)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path, config):
    """Read no module of whose tests none is asked for: to look through them was half of what `make quick` took."""
    asked = config.option.markexpr
    if collection_path.suffix != ".py" or "not " not in asked or " or " in asked:
        return None
    marks = _MARK_OF_ALL.findall(collection_path.read_text(encoding="utf-8"))
    return any(f"not {mark}" in asked for mark in marks) or None


def pytest_configure():
    """See to it that Ctrl-C can be tried: a shell that starts tests in the background has it and Ctrl-\\ ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The directory that experiments are kept in."""
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def ec(home, request):
    """Makes controllers. At the end all of them are shut down, and their logs are audited and folded again."""
    if "hosts" in request.fixturenames:
        request.getfixturevalue("hosts")  # made before, it is undone after: the controllers still need its hosts
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

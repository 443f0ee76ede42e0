"""The limit of open files: raised before it is reached, and handed down as it was."""

import os
import resource

import pytest

from rms import _open_files, local
from rms.local import LocalTransport
from tests.contracts.transport import start_time_of
from tests.rms.launching import SHELLS, use_shell

LOW = 256


@pytest.fixture
def allow(monkeypatch):
    """Sets the limit, and puts back that of the tests."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(local, "OPEN_FILES", _open_files._OpenFiles())

    yield lambda number: resource.setrlimit(resource.RLIMIT_NOFILE, (number, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def transport():
    transport = LocalTransport()
    yield transport
    transport.close()


def limit():
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def watch(transport, number):
    start = start_time_of(os.getpid())
    for _ in range(number):
        transport.on_exit(os.getpid(), start, lambda: None)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_more_processes_are_watched_than_files_could_be_open(allow, transport, shell, monkeypatch, tmp_path):
    use_shell(shell, tmp_path / "shell", monkeypatch)
    monkeypatch.setattr(local, "_SHELL", str(tmp_path / "shell" / "sh"))
    allow(LOW)
    watch(transport, 2 * LOW)
    assert limit() > 2 * LOW
    assert transport.run("ulimit -S -n").stdout == b"%d\n" % LOW, "what it starts has what the user had"


@pytest.mark.slow
def test_a_limit_that_is_high_enough_is_left_alone(allow, transport):
    allow(1024)
    watch(transport, 10)
    assert limit() == 1024
    assert transport.run("ulimit -S -n").stdout == b"1024\n"


def test_no_more_is_asked_for_than_the_user_may_have(monkeypatch):
    asked = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (LOW, LOW + 1))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: asked.append(limits))
    files = _open_files._OpenFiles()
    files.make_room(10_000)
    assert asked == [(LOW + 1, LOW + 1)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (LOW, LOW))
    files.make_room(10_000)
    assert asked == [(LOW + 1, LOW + 1)]
    assert files.shell_text() == f"ulimit -S -n {LOW}\n"

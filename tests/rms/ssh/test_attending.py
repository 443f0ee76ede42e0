"""A shell stays with the first command of a host and tells its end; if it cannot, others do."""

import os
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from engine.rm.outcomes import Ended
from engine.rm.transport import TransportLost
from rms import launch
from rms.launch import Launcher
from rms.ssh import Address, connect
from rms.ssh.messenger import messenger
from rms.ssh.session import Frame
from tests.contracts.transport import PATIENCE

pytestmark = pytest.mark.slow


@pytest.fixture
def transport(host, host_pool, tmp_path):
    config = tmp_path / "impatient"
    config.write_text(f"ServerAliveInterval 0.4\nServerAliveCountMax 2\n{host_pool.ssh_config.read_text()}")
    transport = connect(Address(host.name, config=str(config)))
    yield transport
    transport.close()


@pytest.fixture
def launcher(transport):
    launcher = Launcher(transport, "/root/run", 1)
    yield launcher
    launcher.close()


@pytest.fixture
def go(host):
    """Lets a command go on that reads from /root/go."""
    os.mkfifo(host.home / "go")
    return lambda: (host.home / "go").write_text("\n")


def test_the_end_is_told_without_a_journal_that_is_followed(transport, launcher, inbox, go):
    launcher.start("a", "read -r _ </root/go; echo done; exit 3")
    launcher.watch("a", inbox.put)
    go()
    assert inbox.take() == Ended(3)
    assert len(transport._followers) == 0
    assert transport.read(launcher.path("a", "stdout")) == b"done\n"
    assert len(transport._link._idle) == 1  # the shell has been given back, and has read the output


def test_others_are_followed_meanwhile(transport, launcher, inbox, go):
    launcher.start("a", "read -r _ </root/go; exit 3")
    launcher.start("b", "exit 4")
    launcher.watch("a", inbox.put)
    launcher.watch("b", inbox.put)
    assert inbox.take() == Ended(4)
    assert len(transport._followers) == 1
    go()
    assert inbox.take() == Ended(3)
    launcher.start("c", "exit 5")
    launcher.watch("c", inbox.put)
    assert inbox.take() == Ended(5)


def test_the_end_of_a_command_on_a_host_that_was_lost_is_told(host, transport, launcher, inbox, go):
    launcher.start("a", "read -r _ </root/go; exit 3")
    launcher.watch("a", inbox.put)
    host.cut()
    with pytest.raises(TransportLost):
        transport.run("true")
    go()
    host.mend()
    assert inbox.take() == Ended(3)


def test_who_was_rung_for_twice_takes_nothing_of_the_next_script(transport, monkeypatch):
    """The ends of its two streams may come apart: the second rings when the shell has gone to somebody else."""
    transport.run("true")  # a login has jobs of its own
    jobs, ended = SimpleQueue(), []
    monkeypatch.setattr(messenger, "post", jobs.put)  # they are done here
    assert transport.attend("echo began x", stdin=b"", timeout=PATIENCE, on_end=ended.append) == b"began x\n"
    hear = jobs.get()
    hear()
    while not ended:
        jobs.get(timeout=PATIENCE)()
    deadline = time.monotonic() + PATIENCE
    session, frame = transport._link.lend_shell(deadline), Frame(b"echo next", [], b"", light=True)
    session.begin(frame, deadline)
    while not session._channel.recv_ready():
        assert session.wait(deadline)
    hear()
    assert session.result(frame, deadline).stdout == b"next\n"
    transport._link.return_shell(session)


def test_a_login_that_is_killed_takes_no_command_with_it(host, transport, launcher, inbox, go):
    launcher.start("a", "read -r _ </root/go; exit 3")
    launcher.watch("a", inbox.put)
    host.run("pkill -KILL -f '^sshd: root'")
    go()
    assert inbox.take() == Ended(3)


def test_a_host_with_one_session_for_a_connection_can_end_it(host, transport, launcher):
    host.configure("MaxSessions 1")
    launcher.start("a", "exec sleep 1000")
    assert launcher.stop("a") == Ended(143)


def test_a_command_whose_supervisor_is_killed_is_gone(host, transport, launcher, inbox):
    launcher.start("a", "exec sleep 1000")
    launcher.watch("a", inbox.put)
    claim = Path(host.home / "run/a/claim").readlink()
    host.run(f"kill -KILL {str(claim).split()[1]}")
    assert launcher.signal("a", "KILL")
    assert "its supervisor was killed" in inbox.take().why


def test_a_command_whose_host_lets_nobody_in_for_a_while_runs_on(host, launcher, inbox, go, monkeypatch):
    def pauses():
        while True:
            yield 0.02
            inbox.put("refused")

    monkeypatch.setattr(launch, "pauses", pauses)
    launcher.start("a", "read -r _ </root/go; exit 3")
    launcher.watch("a", inbox.put)
    host.configure("DenyUsers root")
    host.run("pkill -KILL -f '^sshd: root'")
    assert [inbox.take(), inbox.take()] == ["refused", "refused"]
    host.configure()
    go()
    while (news := inbox.take()) == "refused":
        pass
    assert news == Ended(3)

"""Hosts that come and go at random: what is followed arrives whole, ends are told once, files are never half there."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.rm.transport import TransportLost
from rms.ssh import Address, connect
from tests.contracts.transport import PATIENCE, Inbox

WRITE = 'for n in $(seq 1 "$0"); do seq 1 500; sleep 0.02; done >>/root/log'
KILL = "for p in /proc/[0-9]*; do grep -q '^sshd: root' $p/cmdline && kill -9 ${p##*/}; done 2>/dev/null; :"


def disturb(host, chance, seconds):
    """Makes one kind of trouble, for some time."""
    kind = chance.choice(["cut", "hang", "kill", "sshd"])
    begin, end = {
        "cut": (host.cut, host.mend),
        "hang": (host.hang, host.resume),
        "kill": (lambda: host.run(KILL), lambda: None),
        "sshd": (host.stop_sshd, host.start_sshd),
    }[kind]
    begin()
    threading.Event().wait(seconds)
    end()


def upload(transport, over):
    """Writes a file over and over; whenever the host answers, it holds one of the versions."""
    versions = [bytes([65 + n]) * 300_000 for n in range(3)]
    seen = 0
    while not over.is_set():
        try:
            transport.write("/root/file", versions[seen % 3])
            assert transport.read("/root/file") in versions
            seen += 1
        except TransportLost:
            over.wait(0.05)
    return seen


@pytest.mark.parametrize(
    ("seed", "rounds"),
    [pytest.param(1, 4, marks=pytest.mark.slow)]
    + [pytest.param(seed, 40, marks=[pytest.mark.torture, pytest.mark.timeout(600)]) for seed in range(2, 8)],
)
def test_whatever_happens_nothing_is_missing_and_nothing_told_twice(host, host_pool, tmp_path, seed, rounds):
    config = tmp_path / "config"
    usual = host_pool.ssh_config.read_text()
    config.write_text(f"ServerAliveInterval 0.4\nServerAliveCountMax 2\nConnectTimeout 1\n{usual}")
    transport = connect(Address("h1", config=str(config)))
    chance, inbox, ends, over = random.Random(seed), Inbox(), Inbox(), threading.Event()
    (host.home / "log").touch()
    transport.follow("/root/log", 0, inbox.put)
    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(host.run, WRITE, 25 * rounds)
        uploading = pool.submit(upload, transport, over)
        for _ in range(rounds):
            process = host.process()
            transport.on_exit(process.pid, process.start_time, lambda pid=process.pid: ends.put(pid))
            disturb(host, chance, chance.uniform(0, 1.5))
            process.reap()
            assert ends.take() == process.pid
        writing.result()
        over.set()
        assert uploading.result(PATIENCE) > 0
    written = (host.home / "log").read_bytes()
    assert inbox.bytes(len(written)) == written
    transport.close()
    assert inbox.empty()
    assert ends.empty()

"""The hosts are what they say: real, apart from each other, and gone without a trace afterwards."""

import signal
import socket
import subprocess
import sys

import pytest

from tests.platform.hosts import BASE, command, heal, start_time

pytestmark = pytest.mark.slow


def ssh(pool, name, script):
    return subprocess.run(
        ["ssh", "-F", pool.ssh_config, name, script], capture_output=True, text=True, timeout=20, check=False
    )


def test_each_host_has_a_name_a_boot_id_and_files_of_its_own(host_pool, hosts):
    for each in hosts(2):
        (each.home / "mine").write_text(each.name)
    said = [
        ssh(host_pool, f"h{n}", "hostname; cat mine; echo; cat /proc/sys/kernel/random/boot_id").stdout for n in (1, 2)
    ]
    assert [text.split()[:2] for text in said] == [["h1", "h1"], ["h2", "h2"]]
    assert said[0].split()[2] != said[1].split()[2]


def test_sessions_start_with_default_signals(host_pool, host):
    ignored = ssh(host_pool, "h1", "grep SigIgn /proc/self/status").stdout.split()[1]
    assert int(ignored, 16) & 0x7FFF_FFFF == 0  # make ignores two beyond, which only the C library uses


def test_a_host_that_crashed_boots_anew_with_its_home(host_pool, host):
    (host.home / "kept").touch()
    before = host.run("touch /run/lost; cat /proc/sys/kernel/random/boot_id")
    host.crash()
    host.boot()
    assert host.run("cat /proc/sys/kernel/random/boot_id") != before
    assert ssh(host_pool, "h1", "ls kept /run/lost").stdout == "kept\n"


def test_a_host_that_is_cut_off_cannot_be_reached_until_the_link_is_mended(host):
    host.cut()
    with pytest.raises(TimeoutError):
        socket.create_connection((host.address, 22), 0.1)
    host.mend()
    socket.create_connection((host.address, 22), 5).close()


def test_a_host_that_hangs_accepts_and_says_nothing(host):
    host.hang()
    with socket.create_connection((host.address, 22), 5) as connection:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        host.resume()
        connection.settimeout(5)
        assert connection.recv(4) == b"SSH-"


def test_a_host_without_sshd_refuses(host):
    host.stop_sshd()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.address, 22), 5)


def test_sshd_can_be_configured(host_pool, host):
    host.configure("ForceCommand echo forced")
    assert ssh(host_pool, "h1", "true").stdout == "forced\n"
    host.heal()
    assert ssh(host_pool, "h1", "true").stdout == ""


def test_clocks_can_differ(host_pool, host):
    host.skew_clock(3600)
    here, there = (int(text) for text in (command("date", "+%s"), ssh(host_pool, "h1", "date +%s").stdout))
    assert 3595 < there - here < 3605


def test_a_disk_can_be_full_or_read_only(host):
    host.mount("/root", "size=16k")
    assert "No space left" in host.run(
        "head -c 100000 /dev/zero 2>&1 >/root/file || :; cat /root/file 2>&1 >/root/f || :"
    )
    host.mount("/tmp", "ro")
    assert "Read-only" in host.run("mkdir /tmp/x 2>&1 || :")


LEFT_BEHIND = """
import os, sys
sys.path.insert(0, "")
from tests.platform.hosts import Pool
pool = Pool()
pool.get(2)
print(pool.number, *(host._popen.pid for host in pool.hosts), flush=True)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_run_has_left_is_taken_down_by_the_next(host_pool):
    done = subprocess.run([sys.executable, "-c", LEFT_BEHIND], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    number, *pids = done.stdout.split()
    heal()
    assert not (BASE / number).exists()
    assert f"nr{number}" not in command("ip", "-oneline", "link").replace(host_pool.name, "")
    assert [start_time(int(pid)) for pid in pids] == [None, None]

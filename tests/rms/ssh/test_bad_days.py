"""What goes wrong with hosts ends in a clear error, or in the right result once it is over."""

import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from engine.rm.transport import CommandFailed, TransportLost
from tests.contracts.transport import PATIENCE, Inbox, Stream
from tests.platform.hosts import write_key

pytestmark = pytest.mark.slow


@pytest.fixture
def impatient(host_pool, tmp_path):
    """The name of a configuration by which a host is lost after a silent second."""
    config = tmp_path / "impatient"
    config.write_text(
        f"ServerAliveInterval 0.4\nServerAliveCountMax 2\nConnectTimeout 1\nInclude {host_pool.ssh_config}\n"
    )
    return str(config)


def once_more(call):
    """Does it again until somebody answers, as the types do it."""
    until = time.monotonic() + PATIENCE
    pause = threading.Event()
    while time.monotonic() < until:
        try:
            return call()
        except TransportLost:
            pause.wait(0.02)
    raise AssertionError("nobody answered any more")


def processes(transport, pids):
    """The number and the start time of each."""
    stats = transport.run('for pid; do cat "/proc/$pid/stat"; done', *pids).stdout.decode().splitlines()
    return [(int(stat.split()[0]), stat.rpartition(") ")[2].split()[19]) for stat in stats]


# --- Logging in.


def test_a_key_that_the_host_does_not_take_is_named(reach, host, tmp_path):
    write_key(tmp_path / "other")
    with pytest.raises(
        CommandFailed, match=r"h1: log in as root@.* port 22: failed with 13: .*does not let root in"
    ) as it:
        reach("h1", identity=str(tmp_path / "other")).run("true")
    assert f"{tmp_path}/other (not accepted)" in str(it.value)


def test_a_key_that_is_not_there_is_named(reach, host, tmp_path):
    with pytest.raises(CommandFailed, match=r"/no_key \(no such file\)"):
        reach("h1", identity=str(tmp_path / "no_key")).run("true")


def test_a_changed_host_key_is_refused_with_both_fingerprints_and_the_line(reach, host, host_pool):
    known = host_pool.known_hosts.read_text().splitlines()
    line = 1 + next(number for number, text in enumerate(known) if text.startswith(f"{host.address} "))
    host.change_host_key()
    with pytest.raises(CommandFailed, match="has changed") as caught:
        reach("h1").run("true")
    said = str(caught.value)
    assert said.count("SHA256:") == 2
    assert f"({host_pool.known_hosts}, line {line})" in said


def test_an_unknown_host_is_refused_and_can_be_accepted_once(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    known = tmp_path / "ssh" / "known_hosts"
    config.write_text(f"UserKnownHostsFile {known}\n{host_pool.ssh_config.read_text()}")
    with pytest.raises(CommandFailed, match=r"is not a known host: it shows ssh-ed25519 SHA256:.*accept-new"):
        reach("h1", config=str(config)).run("true")
    assert reach("h1", config=str(config), host_keys="accept-new").run("echo in").stdout == b"in\n"
    assert known.read_text() == f"{host.address} {host.public_key}\n"
    assert reach("h1", config=str(config), host_keys="yes", port=22).run("echo in").stdout == b"in\n"


def test_host_keys_are_not_checked_only_if_that_is_said(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"UserKnownHostsFile {tmp_path}/none\n{host_pool.ssh_config.read_text()}")
    assert reach("h1", config=str(config), host_keys="no").run("echo in").stdout == b"in\n"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", ["no-such-host.invalid", "lab..example", f"{'a' * 64}.example"])
def test_a_host_that_does_not_exist_is_an_error_of_the_user(reach, host_pool, name):
    with pytest.raises(CommandFailed, match=f"there is no host named '{name}'"):
        reach(name).run("true")


def test_a_host_without_sshd_is_lost_and_its_refusal_is_told(reach, host):
    host.stop_sshd()
    with pytest.raises(TransportLost, match=r"port 22 refused the connection: is sshd running there"):
        reach("h1").run("true")


def test_a_host_that_accepts_and_says_nothing_is_lost(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"ConnectTimeout 0.3\n{host_pool.ssh_config.read_text()}")
    host.hang()
    with pytest.raises(TransportLost, match=r"accepted the connection, but no SSH server answered: .* 0\.3 s"):
        reach("h1", config=str(config)).run("true")


def test_a_host_that_nobody_reaches_is_lost(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"ConnectTimeout 0.3\n{host_pool.ssh_config.read_text()}")
    host.cut()
    with pytest.raises(TransportLost, match=r"no answer from .* port 22 within 0\.3 s"):
        reach("h1", config=str(config)).run("true")


def test_nothing_secret_is_told(reach, host, host_pool, caplog):
    caplog.set_level("DEBUG")
    reach("h1").run("cat >/dev/null # s3cret-script", stdin=b"s3cret-input\n")
    key = "".join(host_pool.login_key.read_text().splitlines()[1:-1])
    assert "s3cret" not in caplog.text
    assert key[40:80] not in caplog.text


# --- Hosts of their own kind.


@pytest.mark.slow
def test_one_session_at_a_time_is_enough(reach, host, inbox):
    host.configure("MaxSessions 1")
    transport = reach("h1")
    transport.write("/root/log", b"one\n")
    transport.follow("/root/log", 0, inbox.put)
    process = host.process()
    transport.on_exit(process.pid, process.start_time, lambda: inbox.put(b"gone"))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda n: transport.run('echo "$1"', str(n)).stdout, range(16))) == [
            b"%d\n" % n for n in range(16)
        ]
    assert transport.run("wc -c", stdin=Stream(1_000_000)).stdout.strip() == b"1000000"
    assert inbox.take() == b"one\n"
    process.reap()
    assert inbox.take() == b"gone"


def test_banners_and_noisy_start_files_are_no_output(reach, host, inbox):
    (host.directory / "banner").write_text("Welcome!\n" * 100)
    host.configure(f"Banner {host.directory}/banner")
    (host.home / ".bashrc").write_text("echo noise; echo more noise >&2; yes | head -c 300000; printf 'no end'\n")
    transport = reach("h1")
    done = transport.run("echo out; echo err >&2")
    assert (done.stdout, done.stderr) == (b"out\n", b"err\n")
    done = transport.run("cat; echo err >&2", stdin=b"\0")
    assert (done.stdout, done.stderr) == (b"\0", b"err\n")
    transport.write("/root/log", b"one\n")
    transport.follow("/root/log", 0, inbox.put)
    assert inbox.take() == b"one\n"


def test_a_user_without_a_shell_is_told(reach, host):
    host.configure("ForceCommand echo not available; exit 7")
    transport = reach("h1")
    for call in (
        lambda: transport.run("true"),
        lambda: transport.run("true", stdin=io.BytesIO()),
        lambda: transport.follow("/etc/passwd", 0, print),
    ):
        with pytest.raises(CommandFailed, match=r"h1: start /bin/sh: failed with 7: not available"):
            once_more(call)  # a busy host may end the session before it says why


def put_tail(host, script):
    """Has sessions find another `tail`."""
    tail = host.home / "bin" / "tail"
    tail.parent.mkdir()
    tail.write_text(f"#!/bin/sh\n{script}")
    tail.chmod(0o755)
    host.configure("SetEnv PATH=/root/bin:/usr/bin:/bin")


def test_a_host_whose_tail_cannot_be_run_follows_nothing_and_says_so(reach, host, inbox):
    put_tail(host, "echo tail: error while loading shared libraries >&2; exit 127\n")
    (host.home / "log").write_bytes(b"one\n")
    with pytest.raises(CommandFailed, match=r"follow /root/log: failed with 1: tail: error while loading"):
        reach("h1").follow("/root/log", 0, inbox.put)
    assert inbox.empty()


@pytest.mark.slow
def test_a_follower_that_ends_at_once_is_begun_again_after_ever_longer_rests(reach, host, inbox, caplog):
    put_tail(host, 'case $* in *-f*) echo ended >>/root/ends; exit 1 ;; esac; exec /usr/bin/tail "$@"\n')
    (host.home / "log").write_bytes(b"one\n")
    began = time.monotonic()
    reach("h1").follow("/root/log", 0, inbox.put)
    host.run("timeout 20 sh -c 'until [ $(grep -c . /root/ends) -ge 4 ]; do sleep 0.02; done' 2>/dev/null")
    assert time.monotonic() - began >= 0.25 + 0.5 + 1
    assert caplog.text.count("it cannot be watched for now") == 1
    host.run("rm /root/bin/tail")
    assert inbox.bytes(4) == b"one\n"


@pytest.mark.parametrize("full", ["size=16k", "ro"])
def test_a_disk_that_takes_nothing_is_told_and_leaves_nothing(reach, host, full):
    host.mount("/root", full)
    with pytest.raises(CommandFailed, match=r"write /root/file: failed with (28: No space left|30: Read-only)"):
        reach("h1").write("/root/file", os.urandom(100_000))
    assert host.run("ls -A /root") == ""


# --- Losing a host, and finding it again.


@pytest.mark.slow
def test_a_cut_in_the_middle_of_a_command_is_told_and_the_host_found_again(reach, host, impatient, caplog):
    caplog.set_level("INFO")
    transport = reach("h1", config=impatient)
    host.run("mkfifo /root/begun")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(transport.run, "echo >/root/begun; sleep 1000")
        host.run("cat /root/begun")
        assert transport.lost_since is None
        host.cut()
        with pytest.raises(
            TransportLost, match=r"nothing was heard from the host for [0-9]+ s; the state there is unknown"
        ):
            running.result(PATIENCE)
    host.mend()
    assert once_more(lambda: transport.run("echo back")).stdout == b"back\n"
    assert transport.lost_since is None
    assert [text for text in ("host lost", "host answers again") if text in caplog.text] == [
        "host lost",
        "host answers again",
    ]


@pytest.mark.slow
def test_who_shares_a_host_is_told_each_that_it_is_lost_and_that_it_answers_again(reach, host, impatient):
    told = [Inbox() for _ in range(4)]
    one, _, gone = (reach("h1", lambda *news, it=it: it.put(news), config=impatient) for it in told[:3])
    one.run("true")
    gone.close()
    host.cut()
    (since, why), (also, _) = told[0].take(), told[1].take()
    assert since == also == one.lost_since
    assert "nothing was heard from the host for " in why
    late = reach("h1", lambda *news: told[3].put(news), config=impatient)
    assert told[3].take() == (since, why)
    host.mend()
    once_more(lambda: late.run("true"))
    assert [it.take() for it in (told[0], told[1], told[3])] == [(None, "")] * 3
    assert told[2].empty()


@pytest.mark.slow
def test_a_cut_in_the_middle_of_an_upload_leaves_the_old_file(reach, host, impatient):
    transport = reach("h1", config=impatient)
    transport.write("/root/file", b"old")

    class Cutting(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 1_000_000:
                host.cut()
            return super().read(size)

    with pytest.raises(TransportLost):
        transport.run(
            'cat >/root/new && [ "$(wc -c </root/new)" = 50000000 ] && mv /root/new /root/file',
            stdin=Cutting(bytes(50_000_000)),
        )
    host.mend()
    assert once_more(lambda: transport.read("/root/file")) == b"old"
    once_more(lambda: transport.write("/root/file", b"new" * 1_000_000))
    assert transport.size("/root/file") == 3_000_000


@pytest.mark.slow
def test_what_is_followed_goes_on_where_it_was(reach, host, impatient, inbox):
    transport = reach("h1", config=impatient)
    (host.home / "log").write_bytes(b"before\n")
    transport.follow("/root/log", 0, inbox.put)
    assert inbox.bytes(7) == b"before\n"
    host.cut()
    host.run("echo meanwhile >>/root/log")
    with pytest.raises(TransportLost):
        transport.run("true")
    host.run("echo still >>/root/log")
    host.mend()
    assert inbox.bytes(16) == b"meanwhile\nstill\n"
    host.run("echo after >>/root/log")
    assert inbox.bytes(6) == b"after\n"
    assert inbox.empty()


@pytest.mark.slow
def test_an_end_that_came_while_the_host_was_lost_is_told_once(reach, host, impatient, inbox):
    transport = reach("h1", config=impatient)
    process, other = host.process(), host.process()
    for each in (process, other):
        transport.on_exit(each.pid, each.start_time, lambda each=each: inbox.put(each))
    host.cut()
    with pytest.raises(TransportLost):
        transport.run("true")
    process.reap()
    host.mend()
    assert inbox.take() is process
    other.reap()
    assert inbox.take() is other
    assert inbox.empty()


def test_who_asks_for_an_end_while_the_host_is_lost_is_told_when_it_is_back(reach, host, impatient, inbox):
    transport = reach("h1", config=impatient)
    host.stop_sshd()
    with pytest.raises(TransportLost):
        transport.run("true")
    transport.on_exit(99999, "1", lambda: inbox.put("gone"))
    assert inbox.empty()
    host.start_sshd()
    assert inbox.take() == "gone"


@pytest.mark.slow
def test_a_reboot_ends_all_processes_and_is_seen(reach, host, impatient, inbox):
    transport = reach("h1", config=impatient)
    boot = transport.read("/proc/sys/kernel/random/boot_id")
    (host.home / "log").write_bytes(b"before\n")
    transport.follow("/root/log", 0, inbox.put)
    assert inbox.bytes(7) == b"before\n"
    process = host.process()
    transport.on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
    host.crash()
    process.reap()
    host.boot()
    assert inbox.take() == "gone"
    assert once_more(lambda: transport.read("/proc/sys/kernel/random/boot_id")) != boot
    host.run("echo after >>/root/log")
    assert inbox.bytes(6) == b"after\n"


@pytest.mark.slow
def test_a_host_that_hangs_is_lost_and_goes_on_when_it_does(reach, host, impatient, inbox):
    transport = reach("h1", config=impatient)
    (host.home / "log").write_bytes(b"")
    transport.follow("/root/log", 0, inbox.put)
    host.hang()
    with pytest.raises(TransportLost, match="nothing was heard"):
        transport.run("true")
    host.resume()
    assert once_more(lambda: transport.run("echo back")).stdout == b"back\n"
    host.run("echo after >>/root/log")
    assert inbox.bytes(6) == b"after\n"


# As if it had no room for one more process, or did not let anybody in yet.
NO_SHELL = """\
ForceCommand if [ -e /root/full ]; then echo no shell >>/root/refused; exit 254; fi; eval "$SSH_ORIGINAL_COMMAND"\
"""


@pytest.mark.slow
def test_a_host_that_starts_no_shell_for_a_moment_is_heard_afterwards(reach, host, impatient, inbox, caplog):
    host.configure(NO_SHELL)
    transport = reach("h1", config=impatient)
    (host.home / "log").write_bytes(b"before\n")
    transport.follow("/root/log", 0, inbox.put)
    assert inbox.bytes(7) == b"before\n"
    process = host.process()
    transport.on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
    host.cut()
    with pytest.raises(TransportLost):
        transport.run("true")
    (host.home / "full").touch()
    host.mend()
    host.run("timeout 20 sh -c 'until [ $(grep -c . /root/refused) -ge 2 ]; do sleep 0.02; done' 2>/dev/null")
    (host.home / "full").unlink()
    host.run("echo after >>/root/log")
    assert inbox.bytes(6) == b"after\n"
    process.reap()
    assert inbox.take() == "gone"
    assert caplog.text.count("it cannot be watched for now") in {1, 2}  # of each once, however often it is tried


@pytest.mark.slow
def test_a_file_that_is_gone_meanwhile_is_followed_no_more(reach, host, impatient, inbox, caplog):
    transport = reach("h1", config=impatient)
    for name in ("log", "other"):
        (host.home / name).touch()
        transport.follow(f"/root/{name}", 0, inbox.put)
    host.cut()
    with pytest.raises(TransportLost):
        transport.run("true")
    (host.home / "log").unlink()
    (host.home / "other").write_bytes(b"other\n")
    host.mend()
    assert inbox.bytes(6) == b"other\n"
    assert caplog.text.count("it cannot be watched any more") == 1
    assert "follow /root/log: failed with 2: No such file or directory" in caplog.text


@pytest.mark.slow
def test_a_gateway_that_is_lost_while_much_is_sent_silences_no_other_host(reach, hosts, impatient, inbox):
    gateway, _, other = hosts(3)
    first, behind = reach("h1", config=impatient), reach("h2", config=impatient, gateway="h1")
    behind.run("true")
    process = other.process()
    reach("h3").on_exit(process.pid, process.start_time, lambda: inbox.put("gone"))
    with ThreadPoolExecutor(8) as pool:  # more than the system takes of one connection while nobody listens
        uploads = [pool.submit(first.run, "cat >/dev/null", stdin=Stream(1 << 40)) for _ in range(8)]
        gateway.run("timeout 10 sh -c 'until [ $(pgrep -cx cat) = 8 ]; do sleep 0.02; done'")
        gateway.cut()
        for upload in uploads:
            with pytest.raises(TransportLost, match="nothing was heard"):
                upload.result(PATIENCE)
    with pytest.raises(TransportLost):
        behind.run("true")
    process.reap()
    assert inbox.take() == "gone"


def test_sessions_go_on_without_sshd(reach, host, impatient):
    transport = reach("h1", config=impatient)
    transport.run("true")
    host.stop_sshd()
    assert transport.run("echo still").stdout == b"still\n"


@pytest.mark.slow
def test_a_lost_connection_leaves_nothing_behind_on_the_host(reach, host, impatient, inbox):
    """Also if the host has never heard that it is lost, and goes on talking to nobody."""
    transport = reach("h1", config=impatient)
    (host.home / "log").write_bytes(b"")
    transport.follow("/root/log", 0, inbox.put)
    transport.on_exit(1, host.run("cat /proc/1/stat").rpartition(") ")[2].split()[19], inbox.empty)
    host.cut()
    with pytest.raises(TransportLost):
        transport.run("true")
    host.mend()
    host.run("echo after >>/root/log")
    assert inbox.bytes(6) == b"after\n"
    host.run("timeout 10 sh -c 'until [ $(pgrep -cx tail) = 1 ]; do sleep 0.02; done'")


def test_a_call_that_has_no_time_left_does_not_wait_for_a_host_that_is_cut_off(reach, host):
    transport = reach("h1")
    transport.run("true")
    host.cut()
    began = time.monotonic()
    with pytest.raises(TransportLost, match=r"a script was not done after 0\.2 s"):
        transport.run("true", timeout=0.2)
    assert time.monotonic() - began < 0.9  # before the host is given up


def test_a_script_that_takes_too_long_is_ended_with_all_that_it_started(reach, host, inbox):
    transport = reach("h1")
    transport.run("true")  # a login is no part of the second that the script has
    host.run("mkfifo /root/begun")
    script = "sleep 1000 & echo $$ $! >/root/begun; sleep 1000"
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(transport.run, script, timeout=1)
        for process in processes(transport, host.run("cat /root/begun").split()):
            transport.on_exit(*process, lambda: inbox.put("gone"))
        with pytest.raises(TransportLost, match="not done after 1 s"):
            running.result(PATIENCE)
    assert [inbox.take(), inbox.take()] == ["gone", "gone"]


@pytest.mark.slow
def test_of_many_processes_each_end_is_told_once(reach, host, inbox):
    """More than are looked at each second."""
    transport = reach("h1")
    start = "for n in $(seq 120); do setsid sleep 1000 >/dev/null 2>&1 & echo $!; done"
    pids = transport.run(start).stdout.decode().split()
    for process in processes(transport, pids):
        transport.on_exit(*process, lambda pid=process[0]: inbox.put(pid))
    transport.run('kill "$@"', *pids)
    assert sorted(inbox.take() for _ in pids) == sorted(int(pid) for pid in pids)
    assert inbox.empty()


# Ends its first thread while another one waits for a word: there is no function of Python's for that.
WITHOUT_ITS_FIRST_THREAD = """
import ctypes, os, threading
threading.Thread(target=lambda: open("/root/go").read()).start()
ctypes.CDLL(None).syscall({"x86_64": 60, "aarch64": 93}[os.uname().machine], 0)
"""


def test_a_process_goes_on_without_its_first_thread(reach, host, inbox):
    transport = reach("h1")
    (host.home / "program.py").write_text(WITHOUT_ITS_FIRST_THREAD)
    os.mkfifo(host.home / "go")
    pid = transport.run("python3 /root/program.py >/dev/null 2>&1 & echo $!").stdout.decode().strip()
    host.run("timeout 10 sh -c 'until grep -q \") Z \" /proc/$0/stat; do sleep 0.02; done' $0", pid)
    ((_, began),) = processes(transport, [pid])
    transport.on_exit(int(pid), began, lambda: inbox.put("gone"))
    transport.on_exit(99999, "1", lambda: inbox.put("another one is gone"))
    assert inbox.take() == "another one is gone"
    assert inbox.empty()
    (host.home / "go").write_text("go\n")
    assert inbox.take() == "gone"


def test_backing_off_is_told_with_the_reason(reach, host, impatient):
    """Between two attempts to log in, callers get the reason of the last one."""
    transport = reach("h1", config=impatient)
    host.stop_sshd()
    for _ in range(3):
        with pytest.raises(TransportLost, match="refused the connection"):
            transport.run("true")

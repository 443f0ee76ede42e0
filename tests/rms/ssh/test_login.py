"""Ways to a host, and ways to be let in, with real sshd hosts."""

import os
import shutil
import signal
import socket
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko
import pytest
from paramiko.pkey import PublicBlob

from engine.rm.transport import CommandFailed, TransportLost
from tests.contracts.transport import PATIENCE
from tests.platform.hosts import command, write_key

pytestmark = pytest.mark.slow


def logins(host):
    """How often somebody has logged in there."""
    return (host.directory / "sshd.log").read_text().count("Accepted publickey")


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ("curve25519-sha256,ecdh-sha2-nistp256", "ecdh-sha2-nistp256"),
        ("curve25519-sha256@libssh.org", "curve25519-sha256@libssh.org"),
    ],
)
def test_keys_are_agreed_on_by_what_costs_a_host_least(reach, host, caplog, offered, taken):
    host.configure(f"KexAlgorithms {offered}")
    with caplog.at_level("DEBUG", "netreel.ssh"):
        assert reach("h1").run("echo hello").stdout == b"hello\n"
    assert f"Kex: {taken}" in caplog.messages


def client(transport):
    """From where a host sees us come."""
    return transport.run('echo "$SSH_CLIENT"').stdout.decode().split()[0]


# --- Keys.


@pytest.fixture
def agent(tmp_path, monkeypatch):
    """An agent of the test's own; `agent(path)` adds a key."""
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
    said = command("ssh-agent", "-s", "-a", tmp_path / "agent")
    pid = int(said.partition("SSH_AGENT_PID=")[2].partition(";")[0])
    yield lambda path: command("ssh-add", "-q", path)
    os.kill(pid, signal.SIGTERM)


@pytest.fixture
def locked_key(host, host_pool, tmp_path):
    """A key that the host takes, whose file has a passphrase; and the same key without."""
    write_key(tmp_path / "plain")
    shutil.copy(tmp_path / "plain", tmp_path / "locked")
    shutil.copy(tmp_path / "plain.pub", tmp_path / "locked.pub")
    command("ssh-keygen", "-q", "-p", "-N", "s3cret", "-f", tmp_path / "locked")
    shutil.copy(tmp_path / "plain.pub", host.directory / "more_keys")
    yield tmp_path / "locked", tmp_path / "plain"
    (host.directory / "more_keys").unlink()


def test_a_key_with_a_passphrase_is_not_asked_for(reach, locked_key, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(CommandFailed, match=r"locked \(has a passphrase: add it to the agent with ssh-add\)"):
        reach("h1", identity=str(locked_key[0])).run("true")


def test_a_key_with_a_passphrase_may_be_in_the_agent(reach, locked_key, agent):
    agent(locked_key[1])
    assert reach("h1", identity=str(locked_key[0])).run("echo in").stdout == b"in\n"


def test_keys_of_the_agent_are_tried_unless_only_those_named_are_wanted(reach, locked_key, agent, host_pool, tmp_path):
    agent(locked_key[1])
    config = tmp_path / "config"
    usual = host_pool.ssh_config.read_text()
    config.write_text(
        f"IdentityFile {tmp_path}/none\nIdentitiesOnly no\n{usual.replace(str(host_pool.login_key), '/no')}"
    )
    assert reach("h1", config=str(config)).run("echo in").stdout == b"in\n"
    config.write_text(config.read_text().replace("IdentitiesOnly no", "IdentitiesOnly yes"))
    with pytest.raises(CommandFailed, match="does not let root in"):
        reach("h1", config=str(config)).run("true")


@pytest.fixture
def silent_agent(tmp_path, monkeypatch):
    """One that is called and says nothing, as that of a machine that sleeps."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "silent"))
        listener.listen()
        listener.setblocking(False)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "silent"))
        yield listener


def test_who_needs_no_agent_does_not_ask_it(reach, host, silent_agent):
    with ThreadPoolExecutor(1) as pool, silent_agent:
        assert pool.submit(reach("h1").run, "echo in").result(PATIENCE).stdout == b"in\n"
        with pytest.raises(BlockingIOError):
            silent_agent.accept()


def test_an_agent_that_says_nothing_has_no_keys(reach, locked_key, silent_agent, host_pool, tmp_path):
    config = tmp_path / "impatient"
    config.write_text(f"ConnectTimeout 1\n{host_pool.ssh_config.read_text()}")
    transport = reach("h1", config=str(config), identity=str(locked_key[0]))
    with ThreadPoolExecutor(1) as pool, silent_agent:
        with pytest.raises(CommandFailed, match=r"locked \(has a passphrase: add it to the agent with ssh-add\)"):
            pool.submit(transport.run, "true").result(PATIENCE)
        silent_agent.accept()[0].close()


def test_an_agent_that_signs_nothing_is_not_waited_for(reach, locked_key, silent_agent, host_pool, tmp_path):
    config = tmp_path / "impatient"
    config.write_text(f"ConnectTimeout 1\n{host_pool.ssh_config.read_text()}")
    transport = reach("h1", config=str(config), identity=str(locked_key[0]))
    silent_agent.setblocking(True)
    with ThreadPoolExecutor(1) as pool, silent_agent:
        running = pool.submit(transport.run, "true")
        connection, _ = silent_agent.accept()
        with connection:
            answer = paramiko.Message()
            answer.add_byte(bytes([paramiko.agent.SSH2_AGENT_IDENTITIES_ANSWER]))
            answer.add_int(1)
            answer.add_string(PublicBlob.from_file(f"{locked_key[0]}.pub").key_blob)
            answer.add_string("a key")
            connection.sendall(struct.pack(">I", len(answer.asbytes())) + answer.asbytes())
            why = r"not finished: (the agent did not answer within 1 s|Authentication timeout)"  # who is first
            with pytest.raises(TransportLost, match=why):
                running.result(PATIENCE)


def test_a_certificate_lets_in(reach, host, tmp_path):
    write_key(tmp_path / "user")
    authority = host.directory / "authority"
    if not authority.exists():
        write_key(authority)
    identity = str(tmp_path / "user")
    host.configure(f"TrustedUserCAKeys {authority}.pub")
    with pytest.raises(CommandFailed, match="not accepted"):
        reach("h1", identity=identity).run("true")
    command("ssh-keygen", "-q", "-s", authority, "-I", "me", "-n", "root", tmp_path / "user.pub")
    assert reach("h1", identity=identity).run("echo in").stdout == b"in\n"


def test_too_many_keys_are_told(reach, host, host_pool, tmp_path):
    host.configure("MaxAuthTries 2")
    for name in "abc":
        write_key(tmp_path / name)
    config = tmp_path / "config"
    config.write_text("".join(f"IdentityFile {tmp_path}/{name}\n" for name in "abc") + host_pool.ssh_config.read_text())
    with pytest.raises(CommandFailed, match=r"/a \(not accepted\); then the host hung up: too many keys\?"):
        reach("h1", config=str(config)).run("true")


def test_a_host_that_goes_silent_while_we_log_in_is_lost_and_has_not_refused_us(reach, host, host_pool, tmp_path):
    (host.directory / "hang").write_text("#!/bin/sh\nexec sleep 5\n")
    (host.directory / "hang").chmod(0o755)
    config = tmp_path / "config"
    config.write_text(f"ConnectTimeout 1\n{host_pool.ssh_config.read_text()}")
    host.configure(
        f"AuthorizedKeysCommand {host.directory}/hang", "AuthorizedKeysCommandUser root", "AuthorizedKeysFile none"
    )
    with pytest.raises(TransportLost, match=r"the login at .* was not finished"):
        reach("h1", config=str(config)).run("true")


def test_a_file_that_is_no_key_is_named(reach, host, tmp_path):
    (tmp_path / "key").write_text("no key")
    with pytest.raises(CommandFailed, match=r"/key \(cannot be used: "):
        reach("h1", identity=str(tmp_path / "key")).run("true")


# --- Ways.


def test_a_host_is_reached_through_several_gateways(reach, hosts):
    first, second, _ = hosts(3)
    assert client(reach("h3", gateway="h1,h2")) == second.address
    assert client(reach("h2", gateway="h1")) == first.address


def test_many_hosts_are_reached_through_one_gateway_at_once(reach, hosts):
    hosts(6)
    transports = [reach(f"h{n}", gateway="h1") for n in (2, 3, 4, 5, 6)]
    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(lambda each: each.run("hostname").stdout, transports)) == [
            b"h%d\n" % n for n in (2, 3, 4, 5, 6)
        ]


def test_ten_log_in_through_a_gateway_at_a_time(reach, hosts):
    hosts(2)
    transport = reach("h2", gateway="h1")
    places = transport._link.gateway.connection().logins
    for _ in range(10):
        assert places.acquire(blocking=False)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(transport.run, "echo in")
        with pytest.raises(TimeoutError):
            waiting.result(0.2)
        places.release()
        assert waiting.result(20).stdout == b"in\n"


def test_a_gateway_that_does_not_answer_is_named(reach, hosts):
    gateway, _ = hosts(2)
    gateway.stop_sshd()
    with pytest.raises(TransportLost, match=r"h2: its gateway h1 does not answer: .* refused the connection"):
        reach("h2", gateway="h1").run("true")


def test_a_host_that_its_gateway_does_not_reach_is_told(reach, hosts):
    _, host = hosts(2)
    host.stop_sshd()
    with pytest.raises(TransportLost, match=r"h2: its gateway h1 cannot connect to .* port 22: Connect failed"):
        reach("h2", gateway="h1").run("true")


def test_a_gateway_that_is_lost_takes_the_host_along_until_it_is_back(reach, hosts, inbox):
    gateway, _ = hosts(2)
    transport = reach("h2", gateway="h1")
    before = logins(gateway)
    assert client(transport) == gateway.address
    transport.write("/root/log", b"one\n")
    transport.follow("/root/log", 0, inbox.put)
    assert inbox.take() == b"one\n"
    gateway.run("for p in /proc/[0-9]*; do grep -q '^sshd: root' $p/cmdline && kill -9 ${p##*/}; done 2>/dev/null; :")
    hosts(2)[1].run("echo two >>/root/log")
    assert inbox.take() == b"two\n"
    assert client(transport) == gateway.address
    assert logins(gateway) == before + 2


def test_a_command_may_be_the_way(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"ProxyCommand ssh -F {host_pool.ssh_config} -W %h:%p h1\n{host_pool.ssh_config.read_text()}")
    transport = reach("h1", config=str(config))
    assert client(transport) == host.address
    transport.close()
    assert subprocess.run(["pgrep", "-f", f"ssh -F {host_pool.ssh_config} -W"], check=False).returncode == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("sh -c 'echo first >&2; echo no such gateway >&2; exit 255'", "no such gateway"),
        ("no-such-program %h", ".*no-such-program: .*not found"),
    ],
)
def test_what_a_command_that_fails_has_said_is_told(reach, host, host_pool, tmp_path, words, said):
    config = tmp_path / "config"
    config.write_text(f"ProxyCommand {words}\n{host_pool.ssh_config.read_text()}")
    with pytest.raises(TransportLost, match=f"no SSH server answered: .*; its ProxyCommand said: {said};"):
        reach("h1", config=str(config)).run("true")


def test_a_command_that_fails_is_told(reach, host, host_pool, tmp_path):
    config = tmp_path / "config"
    config.write_text(f"ProxyCommand exit 1\n{host_pool.ssh_config.read_text()}")
    with pytest.raises(TransportLost, match="its ProxyCommand was started, but no SSH server answered: "):
        reach("h1", config=str(config)).run("true")


# --- Sharing.


def test_all_transports_to_a_host_share_one_login_and_the_last_closes_it(reach, host):
    before = logins(host)
    first, second = reach("h1"), reach("h1")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (first, second)[n % 2].run("true"), range(32)))
    assert logins(host) == before + 1
    first.close()
    assert second.run("echo still").stdout == b"still\n"
    with pytest.raises(TransportLost, match="closed"):
        first.run("true")


def test_what_one_transport_follows_outlives_another(reach, host):
    first, second = reach("h1"), reach("h1")
    first.write("/root/log", b"")
    heard = []
    first.follow("/root/log", 0, heard.append)
    first.close()
    second.write("/root/other", b"x")
    assert second.read("/root/other") == b"x"
    assert heard == []


# --- Shells.


@pytest.mark.parametrize("shell", ["bash", "busybox", "dash"])
def test_it_makes_no_difference_what_sh_is(reach, host, shell, tmp_path):
    host.run('mount --bind "$(command -v "$0")" /bin/sh; mount --bind "$(command -v "$0")" /usr/bin/sh || :', shell)
    host._mounted = True
    transport = reach("h1")
    text = bytes(range(1, 256)) + b"\n"
    assert transport.run("cat", stdin=text).stdout == text
    assert transport.run("cat", stdin=b"\0" + text).stdout == b"\0" + text
    assert transport.run('printf "%s" "$1"', "ä\x81'\\\n").stdout.decode() == "ä\x81'\\\n"
    assert transport.run("kill -9 $$").code == -9
    transport.write("/root/file", text)
    assert transport.read("/root/file", 3, 5) == text[3:8]
    with pytest.raises(CommandFailed, match="failed with 2: No such file"):
        transport.follow("/root/no", 0, print)


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash", "/bin/csh"])
def test_it_makes_no_difference_what_the_login_shell_is(reach, host, shell):
    """csh itself need not be installed: a line that is one word, an option and a quoted text is the same for all."""
    if not Path(shell).exists():
        pytest.skip(f"{shell} is not installed")
    passwd = host.directory / "passwd"
    passwd.write_text(f"root:x:0:0:root:/root:{shell}\nsshd:x:100:65534::/run/sshd:/usr/sbin/nologin\n")
    host.run("mount --bind $0 /etc/passwd", passwd)
    host._mounted = True
    transport = reach("h1")
    assert transport.run('echo "$1"', "it's").stdout == b"it's\n"
    assert transport.run("cat", stdin=b"\0").stdout == b"\0"

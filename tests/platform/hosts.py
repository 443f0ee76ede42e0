"""Real hosts for tests: namespaces of this machine, each with its own sshd, processes, home, /tmp, /run and boot id.

A pool is a bridge with an address range of its own. What it has made is noted below `BASE` before it is made, so that
the next pool takes down what a killed test run has left. It needs root, sshd, iproute2 and util-linux.
"""

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from inotify_simple import INotify, flags

# A host has its own /tmp and /run, so what both sides see must lie elsewhere; and where only root can put something,
# since processes that are named there are killed.
BASE = Path("/var/lib/netreel-test-hosts")
INIT = Path(__file__).with_name("init.sh")
PATIENCE = 20.0  # seconds until a host that does not come up is given up
PROGRAMS = ("/usr/sbin/sshd", "ip", "bridge", "unshare", "nsenter", "mount")

SSHD_CONFIG = """\
HostKey {directory}/{host_key}
AuthorizedKeysFile {pool}/login_key.pub {directory}/more_keys
PidFile /run/sshd.pid
StrictModes no
UsePAM no
UseDNS no
PasswordAuthentication no
PermitRootLogin yes
PrintMotd no
PrintLastLog no
MaxStartups 500
Subsystem sftp internal-sftp
"""

SSH_CONFIG = """\
Host *
    User root
    IdentityFile {pool}/login_key
    IdentitiesOnly yes
    UserKnownHostsFile {pool}/known_hosts
    GlobalKnownHostsFile /dev/null
    ConnectTimeout 5
    ServerAliveInterval 1
    ServerAliveCountMax 2
"""

# The accounts are those of the whole machine, so the host gets copies of its own.
ADD_USER = """
set -e
for file in passwd group shadow; do cp -p /etc/$file /tmp/.$file; done
echo "$0:x:4242:4242::/tmp/$0:/bin/sh" >>/tmp/.passwd
echo "$0:x:4242:" >>/tmp/.group
echo "$0:*:19000:0:99999:7:::" >>/tmp/.shadow
for file in passwd group shadow; do mount --bind /tmp/.$file /etc/$file; done
mkdir "/tmp/$0"
chown 4242:4242 "/tmp/$0"
[ -z "$1" ] || (umask 337 && echo "$1" >"/etc/sudoers.d/$0")
"""


def why_not() -> str | None:
    """What this machine lacks to have hosts; None if nothing."""
    if os.geteuid() != 0:
        return "hosts out of namespaces need root"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(missing)} missing: apt-get install openssh-server iproute2 util-linux" if missing else None


def command(*words: object, text: str | None = None) -> str:
    """Runs a command, and gives its output."""
    done = subprocess.run([str(word) for word in words], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.returncode}: {done.stderr}"
    return done.stdout


def start_time(pid: int) -> str | None:
    """What tells a process from a later one with its number; None if it has ended."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else fields[18]


def write_key(path: Path) -> str:
    """A new key pair at `path` and `path`.pub; gives the public half."""
    key = Ed25519PrivateKey.generate()
    path.touch(0o600)
    path.write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption()))
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH).decode()
    path.with_name(path.name + ".pub").write_text(public + "\n")
    return public


@dataclass
class Process:
    """A process on a host, by its number there."""

    pid: int
    start_time: str
    popen: subprocess.Popen

    def kill(self):
        """Ends it; until `reap` it stays a zombie."""
        self.popen.stdin.close()  # it waits for that

    def reap(self):
        """Ends it, if it has not, and has it vanish from the host's table of processes."""
        with self.popen:
            self.kill()


class Host:
    """One host. Faults stay until `heal`."""

    def __init__(self, pool: "Pool", number: int):
        self.pool = pool
        self.number = number
        self.name = f"h{number}"
        self.address = f"{pool.network}.{number // 200}.{number % 200 + 10}"
        self.directory = pool.directory / self.name
        self.link = f"{pool.name}h{number}"
        self._popen: subprocess.Popen | None = None
        self._extra: list[str] = []
        self._host_key = "host_key"
        self._cut = self._hung = self._sshd_stopped = self._mounted = False
        for part in ("root", "tmp"):
            (self.directory / part).mkdir(parents=True)
        self.home = self.directory / "root"
        """Its /root, from outside."""
        self.tmp = self.directory / "tmp"
        """Its /tmp, from outside."""
        self.public_key = write_key(self.directory / "host_key")

    def __repr__(self):
        return f"<{self.name} at {self.address}>"

    # --- power

    def launch(self):
        """Begins to boot: its namespaces are there when this returns, its network is not."""
        self._write_config()
        namespaces = ["--net", "--pid", "--mount", "--uts", "--ipc", "--fork", "--kill-child=KILL"]
        init = ["sh", INIT, self.directory, self.name, f"{self.address}/16"]
        pipe = subprocess.PIPE
        with (self.directory / "init.log").open("wb") as log:
            self._popen = subprocess.Popen(
                ["unshare", *namespaces, *init], stdin=pipe, stdout=pipe, stderr=log, start_new_session=True, cwd="/"
            )
        (self.directory / "process").write_text(f"{self._popen.pid} {start_time(self._popen.pid)}")
        self._expect(b"here\n")

    def network(self) -> str:
        """What `ip -batch` must do for it."""
        # The same at every boot, as that of a real card: what the neighbours have cached stays right.
        mac = f"02:4e:52:{self.pool.number:02x}:{self.number // 256:02x}:{self.number % 256:02x}"
        return (
            f"link add {self.link} type veth peer name eth0 address {mac} netns {self._popen.pid}\n"
            f"link set {self.link} addrgenmode none master {self.pool.name} up\n"
        )

    def go_on(self):
        """Tells it that its network is there."""
        self._popen.stdin.write(b"go\n")
        self._popen.stdin.close()

    def await_up(self):
        """Returns when its sshd answers."""
        self._expect(b"up\n")
        self._popen.stdout.close()
        self._await_sshd()

    def boot(self):
        """Switches it on."""
        self.launch()
        command("ip", "-batch", "-", text=self.network())
        self.go_on()
        self.await_up()

    def crash(self):
        """Takes its power away: nobody hears a word of it."""
        command("ip", "link", "delete", self.link)  # first: with its namespace it would go by itself, some time
        self._popen.kill()
        self._popen.wait()
        self._popen = None
        self._cut = self._hung = self._sshd_stopped = self._mounted = False

    # --- faults

    def cut(self):
        """Frames to and from it vanish; nobody is told."""
        self._cut = True
        command("bridge", "link", "set", "dev", self.link, "state", 0)

    def mend(self):
        """Puts the link back."""
        self._cut = False
        command("bridge", "link", "set", "dev", self.link, "state", 3)

    def hang(self):
        """Stops all its processes; its kernel goes on answering, and what the test itself runs there goes on."""
        self._hung = True
        stopped: set[int] = set()
        while new := self._processes() - stopped:  # one may have been born meanwhile
            self._signal(new, signal.SIGSTOP)
            stopped |= new

    def resume(self):
        """Has all its processes go on."""
        self._hung = False
        self._signal(self._processes(), signal.SIGCONT)

    def stop_sshd(self):
        """Nobody can log in; sessions that are open go on."""
        self._sshd_stopped = True
        self.run("kill $(cat /run/sshd.pid); while [ -e /run/sshd.pid ]; do sleep 0.01; done")

    def start_sshd(self):
        """People can log in again."""
        self._sshd_stopped = False
        self._write_config()
        self.run('HOME=/root exec /usr/sbin/sshd -f "$0/sshd_config" -E "$0/sshd.log"', self.directory)
        self._await_sshd()

    def configure(self, *lines: str):
        """Starts sshd again with more in its configuration; none at all is the usual one."""
        self._extra = list(lines)
        self.stop_sshd()
        self.start_sshd()

    def change_host_key(self) -> str:
        """Has it show another key than that which clients know; gives it."""
        self._host_key = "other_host_key"
        public = write_key(self.directory / self._host_key)
        self.configure(*self._extra)
        return public

    def skew_clock(self, seconds: int):
        """What is started by SSH sees the time shifted. Needs libfaketime."""
        library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        self.configure(f"SetEnv LD_PRELOAD={library} FAKETIME={seconds:+d}s")

    def mount(self, path: str, options: str = "size=64k"):
        """Puts a small disk, or one that is read-only, at `path`."""
        self._mounted = True
        self.run(f"mount -t tmpfs -o {options} tmpfs {path}")

    def add_user(self, name: str, rule: str = ""):
        """Makes an ordinary user, with the home /tmp/NAME, and says what sudo lets that user do."""
        self.mount("/etc/sudoers.d", "mode=755,size=64k")
        self.run(ADD_USER, name, rule and f"{name} {rule}")

    def heal(self):
        """Undoes all faults, as cheaply as it can be done, and empties its home and its /tmp."""
        if self._hung:
            self.resume()
        if self._mounted and self._popen:
            self.crash()
        if self._popen is None:
            self._extra = []
            self.boot()
        if self._cut:
            self.mend()
        if self._extra or self._host_key != "host_key":
            self._host_key = "host_key"
            self.configure()
        elif self._sshd_stopped:
            self.start_sshd()
        for left in (*self.home.iterdir(), *self.tmp.iterdir()):
            shutil.rmtree(left, ignore_errors=True) if left.is_dir() and not left.is_symlink() else left.unlink()

    # --- looking inside

    def run(self, script: str, *args: object) -> str:
        """What a script says that runs on it, without SSH."""
        return command(*self._enter(), "sh", "-c", script, *args)

    def process(self) -> Process:
        """A process on it that waits for `kill`, and is not reaped before `reap`."""
        popen = subprocess.Popen(
            [*self._enter(), "sh", "-c", "echo $$; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        pid = int(popen.stdout.readline())
        stat = self.run("cat /proc/$0/stat", pid)
        return Process(pid, stat.rpartition(") ")[2].split()[19], popen)

    def _enter(self) -> list[str]:
        pid = self._popen.pid
        namespaces = [f"--{name}=/proc/{pid}/ns/{name}" for name in ("net", "mnt", "uts", "ipc")]
        namespaces = [each.replace("--mnt", "--mount") for each in namespaces]
        return ["nsenter", *namespaces, f"--pid=/proc/{pid}/ns/pid_for_children", "--wd=/", "--"]

    def _processes(self) -> set[int]:
        """Those of the host, but for what a test has started by `run` and `process`: nsenter would stop with them."""
        ours = Path(f"/proc/{self._popen.pid}/ns/pid_for_children").readlink()
        inside = {int(path.name) for path in Path("/proc").glob("[0-9]*") if _is_in(path, ours)}
        parents = inside | {self._popen.pid}
        return {pid for pid in inside if _parent(pid) in parents}

    def _signal(self, pids: Iterable[int], number: int):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _write_config(self):
        usual = SSHD_CONFIG.format(directory=self.directory, pool=self.pool.directory, host_key=self._host_key)
        # Of what is said twice, sshd takes the first.
        (self.directory / "sshd_config").write_text("\n".join([*self._extra, usual]))
        (self.directory / "sshd.log").unlink(missing_ok=True)  # each sshd has one of its own, see _await_sshd

    def _expect(self, word: bytes):
        said = self._popen.stdout.readline()
        assert said == word, f"{self.name} did not boot: {(self.directory / 'init.log').read_text()}"

    def _await_sshd(self):
        """Returns when it has said that it listens."""
        log = self.directory / "sshd.log"
        with INotify() as changes:
            changes.add_watch(self.directory, flags.CREATE | flags.MODIFY)
            while not (log.exists() and b"Server listening on 0.0.0.0 port 22." in log.read_bytes()):
                heard = changes.read(timeout=PATIENCE * 1000)
                assert heard, f"{self.name}: sshd does not listen: {log.read_text() if log.exists() else 'no log'}"


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _is_in(process: Path, namespace: Path) -> bool:
    try:
        return (process / "ns" / "pid").readlink() == namespace
    except OSError:
        return False


class Pool:
    """Hosts on a bridge, with what a client needs to reach them. Grows as it is asked for more."""

    def __init__(self):
        heal()
        self.number = _claim()
        self.name = f"nr{self.number}"
        self.directory = BASE / str(self.number)
        self.network = _network(self.number)
        self.hosts: list[Host] = []
        self.ssh_config = self.directory / "ssh_config"
        self.known_hosts = self.directory / "known_hosts"
        self.login_key = self.directory / "login_key"
        self.shared = self.directory / "shared"
        """A directory that all hosts and the test see under this name."""
        self.shared.mkdir()
        self.ssh_config.write_text(SSH_CONFIG.format(pool=self.directory))
        write_key(self.login_key)
        command(
            "ip", "-batch", "-",
            text=f"link add {self.name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
            f"address add {self.network}.0.1/16 dev {self.name}\nlink set {self.name} addrgenmode none up\n",
        )  # fmt: skip

    def get(self, number: int) -> list[Host]:
        """The first `number` hosts."""
        new = [Host(self, count + 1) for count in range(len(self.hosts), number)]
        if new:
            self.hosts += new
            self._write_files()
            for host in new:
                host.launch()
            command("ip", "-batch", "-", text="".join(host.network() for host in new))
            for host in new:
                host.go_on()
            for host in new:
                host.await_up()
        return self.hosts[:number]

    def close(self):
        """Takes everything down."""
        _take_down(self.directory)
        for host in self.hosts:
            if host._popen:
                host._popen.wait()

    def _write_files(self):
        """What clients and hosts know of the hosts."""
        names = "".join(f"{host.address} {host.name}\n" for host in self.hosts)
        (self.directory / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        self.known_hosts.write_text("".join(f"{host.address} {host.public_key}\n" for host in self.hosts))
        aliases = "".join(f"Host {host.name}\n    HostName {host.address}\n" for host in self.hosts)
        self.ssh_config.write_text(aliases + SSH_CONFIG.format(pool=self.directory))


def _network(number: int) -> str:
    return f"10.{100 + number}"


def _claim() -> int:
    """A number that no other pool of this machine has."""
    taken = command("ip", "-oneline", "-4", "address")
    for number in range(100):
        if f" {_network(number)}." in taken:
            continue
        with suppress(FileExistsError):
            BASE.mkdir(exist_ok=True)
            # With its owner in it from the start: one that is empty would look as if nobody cared for it.
            draft = BASE / f".{os.getpid()}"
            draft.mkdir(exist_ok=True)
            (draft / "owner").write_text(f"{os.getpid()} {start_time(os.getpid())}")
            if _rename_new(draft, BASE / str(number)):
                return number
    raise AssertionError(f"there are 100 pools of test hosts already: see {BASE}")


def _rename_new(source: Path, target: Path) -> bool:
    """Renames a directory unless there is one already."""
    try:
        source.rename(target)
    except OSError:  # a directory that is not empty is in the way
        return False
    return True


def _lives(note: Path) -> int | None:
    """The process that a file names, if it is still this very one."""
    try:
        pid, began = note.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if start_time(int(pid)) == began else None


def heal():
    """Takes down the pools whose owners are gone."""
    for directory in BASE.glob("[0-9]*"):
        if _lives(directory / "owner") is None:
            _take_down(directory)


def _kill(pid: int):
    """Kills a process and waits until it has ended."""
    with suppress(ProcessLookupError):  # somebody else heals, too
        pidfd = os.pidfd_open(pid)
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [])
        os.close(pidfd)


def _take_down(directory: Path):
    links = [f"nr{directory.name}"]
    for note in directory.glob("h*/process"):
        pid = _lives(note)
        if pid is not None:
            _kill(pid)  # its init goes with it, and with that all processes of the host
        links.append(f"nr{directory.name}{note.parent.name}")
    # Some may be gone already, together with their namespaces.
    subprocess.run(
        ["ip", "-force", "-batch", "-"], text=True, check=False, capture_output=True,
        input="".join(f"link delete {link}\n" for link in links),
    )  # fmt: skip
    shutil.rmtree(directory, ignore_errors=True)

"""Holds the namespaces of an emulation, and changes what is in them: runs on the host, with nothing but Python 3.8.

    python3 - BASE, in a network namespace that is new

It is the first process of a namespace for processes, so all that runs in the emulation ends with it. In its working
directory it makes ``requests``, in which whoever asks for something puts a file of JSON (`rms.netns._batch` has what
may be in it), and ``answers``, to which it appends a line of JSON for each. It obeys the controller with the highest
epoch only. The first process of a node is below it, and has noted its number and start time in ``node-GUID``.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import select
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from threading import Thread

from rms.netns.netlink import Netlink, Refused, Unknown

TYPE_CHECKING = False  # as in `netlink`
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

NEW_MOUNTS, NEW_NAMES, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x04000000, 0x20000000, 0x40000000  # CLONE_NEW*
PRIVATE = 0x44000  # MS_REC | MS_PRIVATE
MOVED_HERE = 0x80  # IN_MOVED_TO
PATIENCE = 20.0  # seconds that a tool may take
LONG = "2147483647"  # seconds, 68 years
REFUSED_BY_TOOL = re.compile(r"(.*?)^Command failed -:(\d+)\n", re.DOTALL | re.MULTILINE)

# Found once: to try all directories anew takes longer than all else that makes a node.
SLEEP = next((f"{each}/sleep" for each in os.get_exec_path() if os.access(f"{each}/sleep", os.X_OK)), "/bin/sleep")

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> int:
    """What a function of libc has returned, if it has succeeded."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def mount(kind: str | None, where: str, how: int = 0) -> None:
    """Mount a file system of the kernel's own, or change how it is mounted."""
    name = (kind or "none").encode()
    check(libc.mount(name, where.encode(), None if kind is None else name, how, None))


def write(path: str, text: str) -> None:
    """The content of a file."""
    with open(path, "w") as file:  # noqa: PTH123 - pathlib takes long to import
        file.write(text)


def read(path: str) -> str:
    """The content of a file; nothing if there is none."""
    try:
        with open(path) as file:  # noqa: PTH123 - as above
            return file.read()
    except OSError:
        return ""


def identity(process: str) -> list[Any]:
    """Number and start time, on the host; nothing if it has ended."""
    number, _, rest = read(f"/proc/{process}/stat").partition(" ")
    fields = rest.rpartition(") ")[2].split()
    return [int(number), fields[19]] if fields and fields[0] not in "ZX" else []


class Places:
    """The network namespaces of the emulation; the thread that serves is in one of them at a time."""

    def __init__(self) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    @contextmanager
    def at(self, place: list[Any] | None) -> Iterator[None]:
        """Be there for a while.

        Raises:
            Refused: it is not there any more.
        """
        if place is None:
            yield
            return
        enter(place)
        try:
            yield
        finally:
            self.go_home()

    def go_home(self) -> None:
        """Be in the emulation's own again."""
        check(libc.setns(self._home, NEW_NETWORK))


def enter(place: list[Any]) -> None:
    """Go to the network namespace of a process."""
    try:
        file = os.open(f"/proc/{place[0]}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        file = -1
    try:
        if file < 0 or identity(str(place[0])) != place:  # asked after it was opened: so it is that of this process
            raise Refused(1, f"the node is gone: its first process, {place[0]}, has ended")
        check(libc.setns(file, NEW_NETWORK))
    finally:
        if file >= 0:
            os.close(file)


class Nodes:
    """Makes nodes: each a process in namespaces of its own."""

    def __init__(self) -> None:
        self._processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def begin(self, guid: int, hostname: str, forwarding: bool) -> tuple[int, list[Any]]:
        """Begin with one, unless it is there. Gives where it says how it goes (-1: nowhere), and who it is if known."""
        noted = read(f"node-{guid}").split()
        if noted and identity(noted[0]) == [int(noted[0]), noted[1]]:
            return -1, [int(noted[0]), noted[1]]  # this was asked for before
        hears, says = os.pipe()
        try:
            check(libc.unshare(NEW_PROCESSES))
            if os.fork() == 0:
                try:
                    become_node(says, guid, hostname, forwarding)
                finally:
                    os._exit(1)  # whatever goes wrong: there must be no second holder
        except BaseException:
            os.close(hears)
            raise
        finally:
            os.close(says)
            check(libc.setns(self._processes, NEW_PROCESSES))
        return hears, []

    @staticmethod
    def end(hears: int, known: list[Any]) -> list[Any]:
        """Wait until one has said who it is.

        Raises:
            Refused: it did not begin.
        """
        if hears < 0:
            return known
        with open(hears) as pipe:
            said = json.loads(pipe.read() or '"its first process did not begin"')
        if isinstance(said, str):
            raise Refused(1, said)
        return list(said)


def bring_up_lo() -> None:
    """Have the loopback of a new network up."""
    network = Netlink()
    try:
        network.say("link set lo up")
    finally:
        network.close()


def become_node(says: int, guid: int, hostname: str, forwarding: bool) -> None:
    """Be the first process of a node: there is nothing else for it to do than to last."""
    said: Any = "it ended"
    try:
        os.setsid()  # what is done to the group of the holder does not reach it
        check(libc.unshare(NEW_NETWORK | NEW_MOUNTS | NEW_NAMES))  # here: the kernel waits, for many at once
        bring_up_lo()
        mount(None, "/", PRIVATE)
        me = identity("self")  # what /proc is before it has its own is that of the host
        mount("proc", "/proc")
        mount("sysfs", "/sys")
        socket.sethostname(hostname)
        configure(forwarding)
        write(f"node-{guid}", f"{me[0]} {me[1]}\n")
        said = me
        for descriptor in (0, 1, 2):
            os.dup2(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC), descriptor)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        said = str(error)
    os.write(says, json.dumps(said).encode())
    os.close(says)
    if not isinstance(said, str):
        os.chdir("/")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to reap what others leave
        os.execve(SLEEP, ["sleep", LONG], {})  # noqa: S606 - it needs a tenth of the memory


def configure(forwarding: bool) -> None:
    """Settings of a node's network."""
    if forwarding:
        write("/proc/sys/net/ipv4/ip_forward", "1")
    if os.path.exists("/proc/sys/net/ipv6"):  # noqa: PTH110 - as above; a kernel may be without
        write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")  # or for two seconds an interface answers nobody
        if forwarding:
            write("/proc/sys/net/ipv6/conf/all/forwarding", "1")


class Holder:
    """Does what it is asked for.

    Args:
        base: the directory of the run on this host, in which controllers publish their epochs.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._places = Places()
        self._nodes = Nodes()
        os.makedirs("requests", 0o700, exist_ok=True)  # noqa: PTH103 - as above
        self._answers = os.open("answers", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._news = check(libc.inotify_init1(os.O_CLOEXEC))
        check(libc.inotify_add_watch(self._news, b"requests", MOVED_HERE))
        self._deaths, bell = os.pipe()
        for end in (self._deaths, bell):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Answer all requests, for ever."""
        while True:
            for name in sorted(os.listdir("requests")):  # noqa: PTH208 - as above
                if not name.startswith("."):  # else it is being written
                    self._serve(f"requests/{name}")
            self._wait()

    def _wait(self) -> None:
        """Sleep until there is another request. Meanwhile bury whoever has ended below this process."""
        ready: list[int] = []
        while self._news not in ready:
            ready = select.select([self._news, self._deaths], [], [])[0]
            for file in ready:
                os.read(file, 1 << 16)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def _serve(self, file: str) -> None:
        request = json.loads(read(file))
        os.unlink(file)  # noqa: PTH108 - as above
        try:
            latest = self._publish(request["epoch"])
            answer = {"answers": self._act(request["asked"])} if latest == request["epoch"] else {"fenced": latest}
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end, for with it ends all that it holds
            answer = {"broken": f"{type(error).__name__}: {error}"}
        with suppress(OSError):  # the disk is full: who asks will ask again
            # With a blank line before it, as the last answer may have been cut.
            os.write(self._answers, b"\n" + json.dumps({"id": request["id"], **answer}).encode() + b"\n")

    def _publish(self, epoch: str) -> str:
        """The latest epoch of all controllers that have been here. First publish, then look, as launch.sh does it."""
        with suppress(FileExistsError):
            os.mkdir(f"{self._base}/epochs/{epoch}")  # noqa: PTH102 - as above
        return max(os.listdir(f"{self._base}/epochs"))  # noqa: PTH208 - as above

    def _act(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        nodes = {number: self._begin(each) for number, each in enumerate(asked) if "node" in each}
        told = [{} if "node" in each else self._do(each) for each in asked]  # while nodes come into being
        for number, node in nodes.items():
            told[number] = node()
        return told

    def _begin(self, asked: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Begin with a node; gives what waits for how it went."""
        command = f"making node #{asked['node']['guid']}"
        try:
            birth = self._nodes.begin(**asked["node"])
        except (OSError, Refused) as error:
            failed = {"error": [command, 1, str(error)]}
            return lambda: failed

        def told() -> dict[str, Any]:
            try:
                return {"node": self._nodes.end(*birth)}
            except Refused as error:
                return {"error": [command, error.code, error.why]}

        return told

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "end" in asked:
            kill(asked["end"])
            return {}
        if "ask" in asked:
            return self._look(asked["ask"])
        refused = [error for step in asked["steps"] for error in self._change(*step)]
        return {"error": refused[0]} if refused else {}

    def _look(self, questions: list[Any]) -> dict[str, Any]:
        """Run commands, up to the first that fails, for what they say."""
        told = []
        for place, words in questions:
            try:
                with self._places.at(place):
                    code, said = run(words)
            except Refused as error:
                code, said = error.code, error.why
            if code:
                return {"error": [" ".join(words), code, said]}
            told.append(said)
        return {"said": told}

    def _change(self, place: list[Any] | None, tool: str, lines: list[str]) -> list[Any]:
        """Have lines done by a tool, or as if it did them; those that were refused, why, and with which number."""
        try:
            with self._places.at(place):
                return say(lines) if tool == "ip" else have_said(tool, lines)
        except Refused as error:
            return [[lines[0], error.code, error.why]]


def say(lines: list[str]) -> list[Any]:
    """Say lines of ``ip`` to the kernel."""
    refused: list[Any] = []
    network = Netlink()
    for line in lines:
        try:
            network.say(line)
        except Refused as error:
            refused.append([line, error.code, error.why])
        except Unknown:
            refused += have_said("ip", [line])
    network.close()
    return refused


def have_said(tool: str, lines: list[str]) -> list[Any]:
    """Have a tool say lines to the kernel: it names those that are refused, and does the others."""
    code, said = run([tool, "-force", "-batch", "-"], "".join(f"{line}\n" for line in lines))
    if code == 0:
        return []
    named = [[lines[int(number) - 1], code, why] for why, number in REFUSED_BY_TOOL.findall(said)]
    return named or [[lines[0], code, said]]


def run(words: list[str], text: str = "") -> tuple[int, str]:
    """Run a program here. Gives its exit status, and all that it has said."""
    from subprocess import PIPE, STDOUT, TimeoutExpired, run  # noqa: PLC0415 - it takes long, and is seldom needed

    try:
        done = run(words, input=text.encode(), stdout=PIPE, stderr=STDOUT, timeout=PATIENCE, check=False)  # noqa: S603
    except FileNotFoundError:
        return 127, f"{words[0]} is missing: install iproute2"
    except TimeoutExpired:
        return 1, f"it was not done after {PATIENCE:g} s"
    return done.returncode, done.stdout.decode(errors="replace")


def kill(process: list[Any]) -> None:
    """Kill a process of the emulation, if it is there, by its number and start time on the host."""
    if identity(str(process[0])) == process:
        numbers = read(f"/proc/{process[0]}/status").partition("NSpid:")[2].split()
        with suppress(ProcessLookupError, IndexError):  # it has ended meanwhile
            os.kill(int(numbers[1]), signal.SIGKILL)  # as this process, one namespace below, knows it


def main(base: str) -> None:
    """Have the first process of the namespace for processes hold it all, and last as long as that one."""
    check(libc.unshare(NEW_PROCESSES))
    holder = os.fork()
    if holder:
        status = os.waitpid(holder, 0)[1]
        os._exit(status >> 8 or 128 + (status & 127))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own would end it
    try:
        bring_up_lo()
        netem = " netem" if Netlink().has_queue("netem") else ""
        held = Holder(base)
        sys.stdout.write("holder {} {}{}\n".format(*identity("self"), netem))
        sys.stdout.flush()
    except (OSError, Refused) as error:
        sys.exit(str(error))
    # Only the thread that serves goes to other places: who enters the emulation by the number of this process has to
    # find its own network there, at any time.
    serving = Thread(target=held.serve)
    serving.start()
    serving.join()
    sys.exit(1)  # what went wrong has been said

"""Goes into namespaces on a host, and makes those of nodes: a part of `holder.py`, with nothing but Python 3.8."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from contextlib import contextmanager, suppress

from rms.netns.netlink import Netlink, Refused

TYPE_CHECKING = False  # as in `netlink`
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

NEW_MOUNTS, NEW_NAMES, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x04000000, 0x20000000, 0x40000000  # CLONE_NEW*
PRIVATE = 0x44000  # MS_REC | MS_PRIVATE

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
    """Makes nodes: each a process in namespaces of its own.

    It is a fork of the holder, and runs no other program: to begin one takes as long as all else that makes a node. It
    does the least possible, as each page that it writes to has to be copied; the holder does the rest.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def begin(self, guid: int, hostname: str, forwarding: bool) -> Callable[[], list[Any]]:
        """Begin with one, unless it is there. What it gives waits until it is made, and says who it is."""
        noted = read(f"node-{guid}").split()
        if noted and identity(noted[0]) == [int(noted[0]), noted[1]]:
            return lambda: [int(noted[0]), noted[1]]  # this was asked for before
        hears = self._fork(hostname)
        return lambda: self._settle(guid, hears, forwarding)

    def _fork(self, hostname: str) -> int:
        """Begin with its first process; gives where that says how it goes."""
        hears, says = os.pipe()
        try:
            check(libc.unshare(NEW_PROCESSES))
            if os.fork() == 0:
                become_node(says, hostname)
        except BaseException:
            os.close(hears)
            raise
        finally:
            os.close(says)
            check(libc.setns(self._processes, NEW_PROCESSES))
        return hears

    def _settle(self, guid: int, hears: int, forwarding: bool) -> list[Any]:
        """Set up its network, and note who it is.

        Raises:
            OSError: it cannot be noted, or set up.
            Refused: it did not begin.
        """
        with open(hears) as pipe:
            said = pipe.read()
        place = identity(said) if said.isdigit() else []
        if not place:
            raise Refused(1, said or "its first process did not begin")
        try:
            with self._places.at(place):
                bring_up_lo()
                configure(forwarding)
            write(f"node-{guid}", "{} {}\n".format(*place))
        except BaseException:
            kill(place)
            raise
        return place


def bring_up_lo() -> None:
    """Have the loopback of a new network up."""
    network = Netlink()
    try:
        network.say("link set lo up")
    finally:
        network.close()


def become_node(says: int, hostname: str) -> NoReturn:
    """Be the first process of a node: there is nothing else for it to do than to last."""
    try:
        os.setsid()  # what is done to the group of the holder does not reach it
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to reap what others leave
        os.closerange(0, says)  # all files of the holder
        for _ in range(3):
            os.open(os.devnull, os.O_RDWR)
        check(libc.unshare(NEW_NETWORK | NEW_MOUNTS | NEW_NAMES))  # here: the kernel waits, for many at once
        mount(None, "/", PRIVATE)
        me = os.readlink("/proc/self")  # noqa: PTH115 - as above; what /proc is before it has its own is the host's
        mount("proc", "/proc")
        mount("sysfs", "/sys")
        socket.sethostname(hostname)
        os.chdir("/")
        os.write(says, me.encode())
        os.close(says)
        while True:
            signal.pause()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        os.write(says, str(error).encode())
    finally:
        os._exit(1)  # whatever goes wrong: there must be no second holder


def configure(forwarding: bool) -> None:
    """Settings of a node's network."""
    if forwarding:
        write("/proc/sys/net/ipv4/ip_forward", "1")
    if os.path.exists("/proc/sys/net/ipv6"):  # noqa: PTH110 - as above; a kernel may be without
        write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")  # or for two seconds an interface answers nobody
        if forwarding:
            write("/proc/sys/net/ipv6/conf/all/forwarding", "1")


def kill(process: list[Any]) -> None:
    """Kill a process of the emulation, if it is there, by its number and start time on the host."""
    if identity(str(process[0])) == process:
        numbers = read(f"/proc/{process[0]}/status").partition("NSpid:")[2].split()
        with suppress(ProcessLookupError, IndexError):  # it has ended meanwhile
            os.kill(int(numbers[1]), signal.SIGKILL)  # as this process, one namespace below, knows it

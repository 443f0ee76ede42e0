"""Goes into namespaces on a host, and makes those of nodes: a part of `holder.py`, with nothing but Python 3.8."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
from contextlib import contextmanager, suppress
from struct import pack

from rms.netns.netlink import Netlink, Refused

TYPE_CHECKING = False  # as in `netlink`
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, NoReturn

    Call = tuple[Callable[..., Any], tuple[Any, ...]]

NEW_MOUNTS, NEW_NAMES, NEW_PROCESSES, NEW_NETWORK = 0x00020000, 0x04000000, 0x20000000, 0x40000000  # CLONE_NEW*
PRIVATE = 0x44000  # MS_REC | MS_PRIVATE
IGNORE = 1  # SIG_IGN
SET_FLAGS, UP = 0x8914, 1  # SIOCSIFFLAGS, IFF_UP

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> int:
    """What a function of libc has returned, if it has succeeded."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


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

    It is a fork of the holder, and runs no other program: to begin one takes as long as all else that makes a node.
    Each page that one of the two writes to afterwards has to be copied, which takes as long again. So what nodes do is
    prepared before, many are forked in a row, and nobody waits for them until they have all said who they are.
    """

    def __init__(self) -> None:
        self._processes = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def begin(self, nodes: list[dict[str, Any]]) -> int:
        """Begin with those that are not there. Gives a pipe, which nobody can write to any more once they are."""
        hears, says = os.pipe()
        try:
            missing = [each for each in nodes if not noted(each["guid"])]  # the others were asked for before
            self._fork(says, [(each["guid"], calls(says, each["hostname"], each["forwarding"])) for each in missing])
        except BaseException:
            os.close(hears)
            raise
        finally:
            os.close(says)
        return hears

    def _fork(self, says: int, nodes: list[tuple[int, list[Call]]]) -> None:
        for guid, prepared in nodes:
            try:
                check(libc.unshare(NEW_PROCESSES))
                if os.fork() == 0:
                    become_node(says, guid, prepared)
            except OSError as error:
                os.write(says, f"{guid} {error}\n".encode())
            finally:
                check(libc.setns(self._processes, NEW_PROCESSES))


def hear(pipe: int) -> dict[str, str]:
    """What nodes have said, by their numbers; waits until they have."""
    with open(pipe) as file:
        return dict(line.split(" ", 1) for line in file.read().splitlines())


def introduce(guid: int, said: dict[str, str]) -> list[Any]:
    """Note who the first process of a node is, and give it.

    Raises:
        Refused: it did not begin, or cannot be noted.
    """
    number = said.get(str(guid), "")
    place = identity(number) if number.isdigit() else noted(guid)
    if not place:
        raise Refused(1, number or "its first process did not begin")
    try:
        write(f"node-{guid}", "{} {}\n".format(*place))
    except OSError as error:
        kill(place)
        raise Refused(1, str(error)) from error
    return place


def noted(guid: int) -> list[Any]:
    """Who the first process of a node is; nothing if there is none."""
    said = read(f"node-{guid}").split()
    return [int(said[0]), said[1]] if said and identity(said[0]) == [int(said[0]), said[1]] else []


def calls(says: int, hostname: str, forwarding: bool) -> list[Call]:
    """What the first process of a node does before it asks for its number; the next file that is opened there is 0."""
    return [
        (libc.setsid, ()),  # what is done to the group of the holder does not reach it
        (libc.signal, (signal.SIGCHLD, IGNORE)),  # nobody has to reap what others leave
        (os.closerange, (0, says)),  # all files of the holder
        (libc.unshare, (NEW_NETWORK | NEW_MOUNTS | NEW_NAMES,)),  # here: the kernel waits, for many at once
        (libc.mount, (b"none", b"/", None, PRIVATE, None)),
        (libc.socket, (socket.AF_INET, socket.SOCK_DGRAM, 0)),
        (libc.ioctl, (0, SET_FLAGS, pack("16sH", b"lo", UP))),
        (os.close, (0,)),
        *(call for path, value in settings(forwarding) for call in setting(path, value)),
        *[(os.open, (os.devnull, os.O_RDWR))] * 3,
        (socket.sethostname, (hostname,)),
    ]


def settings(forwarding: bool) -> list[tuple[str, bytes]]:
    """Those of a node's network."""
    chosen = [("ipv4/ip_forward", b"1")] if forwarding else []
    if os.path.exists("/proc/sys/net/ipv6"):  # noqa: PTH110 - as above; a kernel may be without
        chosen.append(("ipv6/conf/default/accept_dad", b"0"))  # or for two seconds an interface answers nobody
        chosen += [("ipv6/conf/all/forwarding", b"1")] if forwarding else []
    return chosen


def setting(path: str, value: bytes) -> list[Call]:
    """What sets one of the network's settings."""
    return [(os.open, (f"/proc/sys/net/{path}", os.O_WRONLY)), (os.write, (0, value)), (os.close, (0,))]


def mounting(kind: bytes, where: bytes) -> Call:
    """What mounts a file system of the kernel's own."""
    return libc.mount, (kind, where, kind, 0, None)


MOUNTS = [mounting(b"proc", b"/proc"), mounting(b"sysfs", b"/sys")]


def become_node(says: int, guid: int, prepared: list[Call]) -> NoReturn:
    """Be the first process of a node: there is nothing else for it to do than to last."""
    try:
        do(prepared)
        me = os.readlink(b"/proc/self")  # noqa: PTH115 - as above; what /proc is before it has its own is the host's
        do(MOUNTS)
        os.chdir("/")
        os.write(says, b"%d %s\n" % (guid, me))
        os.close(says)
        while True:
            signal.pause()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        os.write(says, f"{guid} {error}\n".encode())
    finally:
        os._exit(1)  # whatever goes wrong: there must be no second holder


def do(prepared: list[Call]) -> None:
    """Call one function after the other; those of libc give -1 if they fail."""
    for function, arguments in prepared:
        if function(*arguments) == -1:
            check(-1)


def bring_up_lo() -> None:
    """Have the loopback of a new network up."""
    network = Netlink()
    try:
        network.say("link set lo up")
    finally:
        network.close()


def kill(process: list[Any]) -> None:
    """Kill a process of the emulation, if it is there, by its number and start time on the host."""
    if identity(str(process[0])) == process:
        numbers = read(f"/proc/{process[0]}/status").partition("NSpid:")[2].split()
        with suppress(ProcessLookupError, IndexError):  # it has ended meanwhile
            os.kill(int(numbers[1]), signal.SIGKILL)  # as this process, one namespace below, knows it

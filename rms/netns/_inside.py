"""Into the namespaces of a node: for commands that outlive us, and for scripts."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final

from msgspec import Struct

from rms import shell

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.rm.transport import Completed, Following, Transport
    from rms.netns._batch import Place

_CHECK: Final = (
    "alive() { read -r stat 2>/dev/null </proc/%(pid)d/stat || return; set -- ${stat##*') '}; "
    '[ "$1" != Z ] && [ "${20}" = %(start_time)s ]; }; '
    "alive || { echo 'the node is gone: its first process has ended' >&2; exit 1; }; "
)
_ENTER: Final = "nsenter --target %(pid)d %(how)s --net --uts --mount --pid"

# What a command begins with, all in one line, so that the shell's complaints name the lines of the user. Its file is
# run three times over: the first one enters the node, where it has to find its way back to its directory. The second
# one waits, outside of the node's namespace for processes, so that it lives to tell how the third one ended, whatever
# becomes of the node. Signals are for the third one.
_ENTRANCE: Final = (
    f'case $# in 0) {_CHECK}%(join)sexec {_ENTER} --no-fork -- sh "$PWD/$0" "$PWD" "$0" ;; '
    '2) cd "$1" || exit; trap : HUP INT QUIT TERM PIPE; sh "$2" inside; exit ;; esac; shift; '
)
_RUN: Final = f'{_CHECK}%(join)sexec {_ENTER} -- sh -c \'script=$SCRIPT; unset SCRIPT; eval "$script"\' sh "$@"\n'


class Door(Struct, frozen=True):
    """How a node is entered.

    Attributes:
        place: its namespaces.
        how: what nsenter needs to have the rights there.
        join: shell text that is run first: what makes its limits those of the command.
    """

    place: Place
    how: str
    join: str = ""

    def opened(self, text: str) -> str:
        """A text from above with all this in it."""
        return text % {"pid": self.place.pid, "start_time": self.place.start_time, "how": self.how, "join": self.join}


def entrance(door: Door) -> str:
    """Shell text that commands of a node begin with; see `rms.launch.Launcher.behind`."""
    return door.opened(_ENTRANCE)


class InsideTransport:
    """The way into a node: the scripts that it runs run there; files and processes are those of the host."""

    def __init__(self, outside: Transport, door: Door) -> None:
        self.outside = outside
        self._enter = door.opened(_RUN)

    @property
    def host(self) -> str:
        """See `Transport.host`."""
        return self.outside.host

    def run(self, script: str, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float | None = None) -> Completed:
        """See `Transport.run`."""
        text = shell.exports({"SCRIPT": script}) + self._enter
        return self.outside.run(text, *args, stdin=stdin, timeout=timeout)

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """See `Transport.read`."""
        return self.outside.read(path, offset, size)

    def size(self, path: str) -> int | None:
        """See `Transport.size`."""
        return self.outside.size(path)

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """See `Transport.write`."""
        self.outside.write(path, data, mode)

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> Following:
        """See `Transport.follow`."""
        return self.outside.follow(path, offset, on_data)

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """See `Transport.on_exit`."""
        self.outside.on_exit(pid, start_time, callback)

    def close(self) -> None:
        """The way to the host is not ours to close."""

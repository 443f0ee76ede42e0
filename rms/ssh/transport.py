"""A host over SSH: the transport that resource types use."""

from __future__ import annotations

import errno
import secrets
import threading
from typing import IO, TYPE_CHECKING, Final, ParamSpec
from weakref import WeakSet

from engine.rm.transport import CommandFailed
from rms.ssh.config import Address, resolve
from rms.ssh.errors import as_errno
from rms.ssh.link import Link, closed
from rms.ssh.watching import Follower

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from engine.rm.transport import Completed
    from rms.ssh.attending import OnEnd
    from rms.ssh.config import Target
    from rms.ssh.link import OnChange

__all__ = ["SshTransport", "connect"]

_P = ParamSpec("_P")

# Of a pipe one might wait for ever; what else there is, tail has its own words for.
_CHECK: Final = """\
export LC_ALL=C
[ -f "$1" ] || [ -d "$1" ] || [ ! -e "$1" ] || { echo "tail: $1 is no regular file" >&2; exit 1; }
"""
_READ: Final = f'{_CHECK}exec tail -c "+$2" "$1"'
_READ_SOME: Final = f'{_CHECK}tail -c "+$2" "$1" | head -c "$3"'
_SIZE: Final = f'{_CHECK}exec stat -Lc %s "$1"'
# A file that is shorter than it was to be is what a connection that broke has left: it must not take the place.
_WRITE: Final = """\
export LC_ALL=C
umask 077
[ ! -d "$1" ] || { echo "$1: Is a directory" >&2; exit 1; }
tee "$2" >/dev/null && [ "$(wc -c <"$2")" -eq "$4" ] &&
    { [ "$3" = 600 ] || chmod "$3" "$2"; } && mv -f "$2" "$1" && exit
rm -f "$2"
exit 1
"""


def connect(address: Address, on_change: OnChange | None = None) -> SshTransport:
    """A transport to a host. Nothing is done yet: the first call that needs the host logs in.

    All transports of this process to a host share one connection; it is let go with the last of them.

    Args:
        address: Which host.
        on_change: Called when the host is lost, with since when and why, and with None and "" when it answers again; at
            once if it is lost already. It must return soon, as all callbacks of a `Transport`.

    Raises:
        ValueError: The address, or the configuration of SSH, cannot be.
    """
    return SshTransport(_hosts.acquire(resolve(address)), on_change)


class SshTransport:
    """A `Transport` to a host over SSH. Made by `connect`."""

    def __init__(self, link: Link, on_change: OnChange | None = None) -> None:
        self.host = link.target.name
        self._link = link
        self._lock = threading.Lock()
        self._followers: WeakSet[Follower] = WeakSet()  # those that are closed are let go
        self._closed = False
        self._on_change = None if on_change is None else self._while_open(on_change)
        if self._on_change is not None:
            link.listen(self._on_change)

    @property
    def lost_since(self) -> datetime | None:
        """Since when the host has not answered; None while it does, and before anybody has asked it for anything."""
        return self._link.lost_since

    def run(self, script: str, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float | None = None) -> Completed:
        """See `Transport.run`. The script runs in `/`, with the environment of the host's user.

        If a login has to come first, that may take longer than `timeout`: as long as `ConnectTimeout` lets it.
        """
        self._check_open()
        return self._link.run(script, args, stdin, timeout)

    def run_light(self, script: str, *args: str, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """See `Attending.run_light`."""
        self._check_open()
        return self._link.run(script, args, stdin, timeout, light=True)

    def attend(self, script: str, *args: str, stdin: bytes, timeout: float, on_end: OnEnd) -> bytes | Completed | None:
        """See `Attending.attend`."""
        self._check_open()
        return self._link.attend(script, args, stdin, timeout, self._while_open(on_end))

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """See `Transport.read`."""
        where = (path, str(offset + 1))  # tail counts from one
        done = self.run_light(_READ, *where) if size is None else self.run_light(_READ_SOME, *where, str(size))
        # Of the second, tail's own status is not known. Shells may have complaints of their own, about the locale.
        complaints = [line for line in done.stderr.decode(errors="replace").splitlines() if "tail: " in line]
        if not complaints:
            return done.stdout
        self._check_missing("read", path, complaints[0])  # that of busybox has more to say after it
        return None

    def size(self, path: str) -> int | None:
        """See `Transport.size`."""
        done = self.run_light(_SIZE, path)
        if done.code == 0:
            return int(done.stdout)
        self._check_missing("size", path, done.stderr.decode(errors="replace"))
        return None

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """See `Transport.write`."""
        directory, slash, name = path.rpartition("/")
        draft = f"{directory}{slash}.{name}.{secrets.token_hex(4)}"
        done = self.run(_WRITE, path, draft, f"{mode:o}", str(len(data)), stdin=data)
        if done.code:
            raise CommandFailed(self.host, f"write {path}", *as_errno(done.stderr.decode(errors="replace")))

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> Follower:
        """See `Transport.follow`."""
        self._check_open()
        follower = Follower(self._link, path, offset, self._while_open(on_data))
        follower.attach()
        with self._lock:
            if self._closed:
                follower.close()
                self._check_open()
            self._followers.add(follower)
        self._link.add(follower)
        self._link.restore()  # it may be lost again already
        return follower

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """See `Transport.on_exit`. Needs no answer of the host: one that is lost tells when it is back."""
        self._check_open()
        self._link.exits.await_exit(pid, start_time, self._while_open(callback))

    def close(self) -> None:
        """See `Transport.close`."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            followers = list(self._followers)
        for follower in followers:
            follower.close()
        if self._on_change is not None:
            self._link.unlisten(self._on_change)
        _hosts.release(self._link)

    def _while_open(self, callback: Callable[_P, None]) -> Callable[_P, None]:
        def call(*args: _P.args, **kwargs: _P.kwargs) -> None:
            if not self._closed:
                callback(*args, **kwargs)

        return call

    def _check_missing(self, verb: str, path: str, complaint: str) -> None:
        code, text = as_errno(complaint)
        if code != errno.ENOENT:
            raise CommandFailed(self.host, f"{verb} {path}", code, text)

    def _check_open(self) -> None:
        if self._closed:
            raise closed(self.host)


class _Hosts:
    """The links of this process, and how many hold each."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a link holds that of its gateway
        self._links: dict[Target, tuple[Link, int]] = {}

    def acquire(self, target: Target) -> Link:
        with self._lock:
            if target in self._links:
                link, holders = self._links[target]
            else:
                link, holders = Link(target, self.acquire(target.via) if target.via else None), 0
            self._links[target] = (link, holders + 1)
            return link

    def release(self, link: Link) -> None:
        with self._lock:
            _, holders = self._links[link.target]
            if holders > 1:
                self._links[link.target] = (link, holders - 1)
                return
            del self._links[link.target]
        link.close()
        if link.gateway:
            self.release(link.gateway)


_hosts = _Hosts()

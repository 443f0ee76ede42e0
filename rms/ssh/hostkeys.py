"""Whether a host is the one it says it is: files of known hosts, as OpenSSH writes them."""

from __future__ import annotations

import functools
import os
import re
import threading
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from paramiko.hostkeys import HostKeyEntry, HostKeys, InvalidHostKey
from paramiko.ssh_exception import SSHException

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import paramiko

    from rms.ssh.config import Target

__all__ = ["HostKeyRefused", "algorithms", "check"]

_NO_NAME: Final = re.compile(r"[*?!|]")
_writing = threading.Lock()


class HostKeyRefused(Exception):
    """The host is not known, or shows another key than the one that is known."""


class _Known(Struct, frozen=True):
    key: paramiko.PKey
    revoked: bool
    file: str
    line: int

    def __str__(self) -> str:
        return f"{_describe(self.key)} ({self.file}, line {self.line})"


def check(target: Target, key: paramiko.PKey) -> None:
    """Returns if the key of a host is as it must be; enters a new host if the user wants that.

    Raises:
        HostKeyRefused: It is not: the message says which keys, where they are noted, and what to do.
    """
    if target.host_keys == "no":
        return
    known = [each for file in target.known_hosts for each in _look_up(file, target.known_as)]
    same = [each for each in known if each.key.asbytes() == key.asbytes()]
    for each in same:
        if each.revoked:
            raise HostKeyRefused(f"the host shows a key that is revoked: {each}")
    others = [each for each in known if not each.revoked]
    if same:
        return
    if others:
        raise HostKeyRefused(_changed(target, key, others))
    if target.host_keys != "accept-new":
        raise HostKeyRefused(_unknown(target, key))
    _enter(target, key)


def algorithms(target: Target, offered: Iterable[str]) -> tuple[str, ...]:
    """Algorithms of host keys in an order that has the host show a key that is known, if there is one."""
    known = {each.key.get_name() for file in target.known_hosts for each in _look_up(file, target.known_as)}
    if "ssh-rsa" in known:  # a key has one name, the ways to sign with it have others
        known |= {"rsa-sha2-512", "rsa-sha2-256"}
    return tuple(sorted(offered, key=lambda name: name not in known))


def _describe(key: paramiko.PKey) -> str:
    return f"{key.get_name()} {key.fingerprint}"


def _changed(target: Target, key: paramiko.PKey, known: list[_Known]) -> str:
    return (
        f"the host key of {target.known_as} has changed: it shows {_describe(key)}, known is "
        f"{', '.join(str(each) for each in known)}. Either somebody stands in between, or the host was set up anew: "
        f"if you know that it was, remove that line"
    )


def _unknown(target: Target, key: paramiko.PKey) -> str:
    return (
        f"{target.known_as} is not a known host: it shows {_describe(key)}, and no line about it is in "
        f"{', '.join(target.known_hosts) or 'any file'}. Compare the fingerprint and log in once with ssh, "
        f"or ask for host_keys='accept-new'"
    )


class _Line(Struct, frozen=True):
    number: int
    revoked: bool
    names: str
    text: str


def _look_up(file: str, name: str) -> Iterator[_Known]:
    try:
        stat = os.stat(file)  # noqa: PTH116 - for each login, of which there may be hundreds
        by_name, others = _lines(file, (stat.st_mtime_ns, stat.st_size, stat.st_ino))
    except OSError:  # one that is not there, or not ours to read, knows nobody
        return
    for line in (*by_name.get(name, ()), *(line for line in others if _matches(line.names, name))):
        # Keys are decoded only of lines that are about the host: some users have thousands.
        key = _decode(line.text)
        if key is not None:
            yield _Known(key, line.revoked, file, line.number)


@functools.lru_cache(maxsize=16)
def _lines(file: str, _stamp: tuple[int, ...]) -> tuple[dict[str, list[_Line]], list[_Line]]:
    """What a file says of single hosts, by their names, and of those that it knows by patterns or hashed.

    Hosts share it, and to go through it for each takes longer than to log in.
    """
    by_name: dict[str, list[_Line]] = {}
    others: list[_Line] = []
    for number, line in enumerate(Path(file).read_text("utf-8", "surrogateescape").splitlines(), 1):
        marker, _, rest = line.partition(" ") if line.startswith("@") else ("", "", line)
        text = rest.strip()
        names = text.partition(" ")[0]
        if marker not in {"", "@revoked"} or names.startswith("#"):
            continue
        found = _Line(number, marker == "@revoked", names, text)
        if _NO_NAME.search(names):
            others.append(found)
        else:
            for each in names.lower().split(","):
                by_name.setdefault(each, []).append(found)
    return by_name, others


@functools.lru_cache(maxsize=1024)
def _decode(text: str) -> paramiko.PKey | None:
    with suppress(InvalidHostKey, SSHException):  # what is no key is nobody's
        entry = HostKeyEntry.from_line(text)
        return entry.key if entry else None
    return None


def _matches(patterns: str, name: str) -> bool:
    if patterns.startswith("|1|"):
        return HostKeys.hash_host(name, patterns) == patterns
    words = patterns.lower().split(",")
    if any(word.startswith("!") and fnmatchcase(name, word[1:]) for word in words):
        return False
    # A name in brackets is no set of characters.
    return any(word == name or fnmatchcase(name, word.replace("[", "[[]")) for word in words)


def _enter(target: Target, key: paramiko.PKey) -> None:
    if not target.known_hosts:
        raise HostKeyRefused(f"{target.known_as} is new, and there is no file to enter it in: name one")
    path = Path(target.known_hosts[0])
    line = f"{target.known_as} {key.get_name()} {key.get_base64()}\n"
    try:
        with _writing:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            with path.open("a", encoding="utf-8") as file:
                file.write(line if path.read_bytes()[-1:] in {b"", b"\n"} else f"\n{line}")
    except OSError as error:
        raise HostKeyRefused(f"{target.known_as} is new, and cannot be entered in {path}: {error.strerror}") from error

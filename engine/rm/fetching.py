"""A trace brought to this machine: whole, checked, and gone on with where it was broken off."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from msgspec import Struct

from engine.core.errors import ExperimentError
from engine.rm.transport import CommandFailed, Inner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from engine.rm.base import ResourceManager
    from engine.rm.traces import Readable

_T = TypeVar("_T")

_PIECE: Final = 1 << 20  # bytes asked for at once
_TRIES: Final = 2

_SUM: Final = 'head -c "$2" <"$1" | sha256sum'
"""The checksum of what has been fetched: the trace may have grown since."""


class NotFetched(ExperimentError):
    """A trace could not be fetched."""


class Ask(Protocol):
    """Calls something that asks a host, perhaps again until it answers."""

    def __call__(self, act: Callable[..., _T], /, *args: Any) -> _T:
        """What it returns."""


class Reader(Struct, frozen=True):
    """Reads one trace, piece by piece.

    Attributes:
        source: whoever has it.
        name: the trace.
        ask: how the source is asked.
        checksum: the SHA-256, in hex, of so many bytes of it from its beginning, as its own side has it; None if that
            is not known.
    """

    source: Readable
    name: str
    ask: Ask
    checksum: Callable[[int], str | None]

    def size(self) -> int | None:
        """How many bytes it has by now; None if there is no such trace."""
        return self.ask(self.source.trace_size, self.name)

    def pieces(self, offset: int, end: int) -> Iterator[bytes]:
        """The bytes from `offset` to `end`.

        Raises:
            NotFetched: there are not as many any more.
        """
        while offset < end:
            piece = self.ask(self.source.read_trace, self.name, offset, min(_PIECE, end - offset))
            if not piece:
                raise NotFetched(f"it had {end} bytes, and is shorter now")
            yield piece
            offset += len(piece)


class Fetched(Struct, frozen=True):
    """What a trace was when it was fetched.

    Attributes:
        size: bytes.
        sha256: of all of them, in hex.
    """

    size: int
    sha256: str


def fetch(reader: Reader, target: Path, progress: Callable[[int], None] = lambda _: None) -> Fetched:
    """Fetch a trace into a file, as far as it has come by now.

    What an earlier call, of any process, has fetched of it is not fetched again. The file appears once it is whole, in
    place of one that is there.

    Args:
        reader: of the trace.
        target: the file.
        progress: told how many bytes have come; a number below 0 takes back what has come in vain.

    Raises:
        NotFetched: there is no such trace, or it is not what was fetched, twice.
        CommandFailed: it cannot be read.
        TransportLost: the host does not answer, and the reader has given up.
    """
    size = reader.size()
    if size is None:
        raise NotFetched("there is no such trace")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    for _ in range(_TRIES):
        digest = _fetch_rest(reader, part, size, progress)
        if digest == (reader.ask(reader.checksum, size) or digest):
            part.replace(target)
            return Fetched(size, digest)
        part.unlink()  # what was there before was another one, or it has come apart on the way
        progress(-size)
    raise NotFetched("what has arrived is not what is there")


def _fetch_rest(reader: Reader, part: Path, size: int, progress: Callable[[int], None]) -> str:
    """Fetch what is missing of the first `size` bytes; the digest of all of them."""
    with part.open("ab+") as file:
        if file.tell() > size:
            file.truncate(0)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        progress(file.tell())
        for piece in reader.pieces(file.tell(), size):
            file.write(piece)
            digest.update(piece)
            progress(len(piece))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def checksum_on_host(manager: ResourceManager, name: str, size: int) -> str | None:
    """The SHA-256 of the first `size` bytes of a trace, as its host has it; None of what is no file there.

    Raises:
        CommandFailed: the host cannot tell.
        TransportLost: it does not answer.
    """
    path = manager.trace_path(name)
    if path is None:
        return None
    way = manager.transport
    way = way.outside if isinstance(way, Inner) else way  # what it leads into may be gone, and its files are not
    done = way.run(_SUM, path, str(size))
    if done.code:
        raise CommandFailed(way.host, "sha256sum", done.code, done.stderr.decode(errors="replace"))
    return done.stdout.decode().split()[0]

"""A trace brought to the controller's machine: whole, checked, and gone on with where it was broken off."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from engine.core.errors import ExperimentError
from engine.rm.transport import CommandFailed
from rms._patience import until_answered

if TYPE_CHECKING:
    from pathlib import Path

    from engine.rm.base import Intent, ResourceManager

_PIECE: Final = 1 << 20  # bytes asked for at once
_TRIES: Final = 2

_SUM: Final = 'head -c "$2" <"$1" | sha256sum'
"""The checksum of what has been fetched: the trace may have grown since."""


class NotFetched(ExperimentError):
    """A trace could not be fetched."""


def fetch(intent: Intent, source: ResourceManager, name: str, target: Path) -> None:
    """Fetch a trace into a file, as far as it has come by now.

    What an earlier call, of any controller, has fetched of it is not fetched again. The file appears once it is whole.

    Raises:
        NotFetched: there is no such trace, or it is not what was fetched, twice.
        CommandFailed: it cannot be read.
        TransportLost: the host does not answer, and the result is not wanted any more.
    """
    size = until_answered(intent, source.log, source.trace_size, name)
    if size is None:
        raise NotFetched("there is no such trace")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    for _ in range(_TRIES):
        digest = _fetch_rest(intent, source, name, part, size)
        if digest == _digest_there(intent, source, name, size, digest):
            part.replace(target)
            return
        part.unlink()  # what was there before was another one, or it has come apart on the way
    raise NotFetched("what has arrived is not what is there")


def _fetch_rest(intent: Intent, source: ResourceManager, name: str, part: Path, size: int) -> str:
    """Fetch what is missing of the first `size` bytes; the digest of all of them."""
    with part.open("ab+") as file:
        if file.tell() > size:
            file.truncate(0)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
        while (offset := file.tell()) < size:
            piece = until_answered(intent, source.log, source.read_trace, name, offset, min(_PIECE, size - offset))
            if not piece:
                raise NotFetched(f"it had {size} bytes, and is shorter now")
            file.write(piece)
            digest.update(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _digest_there(intent: Intent, source: ResourceManager, name: str, size: int, digest: str) -> str:
    """The digest as the host has it; of what is no file there, the one that was found here."""
    path = source.trace_path(name)
    if path is None:
        return digest
    done = until_answered(intent, source.log, source.transport.run, _SUM, path, str(size))
    if done.code:
        raise CommandFailed(source.transport.host, "sha256sum", done.code, done.stderr.decode(errors="replace"))
    return done.stdout.decode().split()[0]

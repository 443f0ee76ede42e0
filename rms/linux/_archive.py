"""Files on their way to a host: packed the same way each time, so that the host can tell what it has already."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_IN_MEMORY: Final = 1 << 23  # bytes; what is larger is packed on disk


class Archive(Struct, frozen=True):
    """A tar file.

    Attributes:
        file: its content, from the beginning.
        digest: the SHA-256 of it, in hex.
        size: its length in bytes.
    """

    file: IO[bytes]
    digest: str
    size: int


@contextmanager
def packed(entries: Mapping[str, Path | bytes], *, executable: bool = False) -> Iterator[Archive]:
    """Packs files and directories, with what is in them, and contents.

    Args:
        entries: by the name that each has on the host, a path on this machine or a content.
        executable: whether all of them may be executed, whatever their modes here.

    Raises:
        FileNotFoundError: one is not there.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, entry in sorted(entries.items()):
                _add(tar, name, entry, executable=executable)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
        file.seek(0)
        yield Archive(file, digest, size)


def _add(tar: tarfile.TarFile, name: str, entry: Path | bytes, *, executable: bool) -> None:
    def plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
        return _plain(info, executable=executable)

    if isinstance(entry, bytes):
        info = tarfile.TarInfo(name)
        info.size = len(entry)
        info.mode = 0o600
        tar.addfile(plain(info), io.BytesIO(entry))
    else:
        tar.add(entry.resolve(strict=True), name, filter=plain)


def _plain(info: tarfile.TarInfo, *, executable: bool) -> tarfile.TarInfo:
    """Without what differs from one packing to the next, and from one user to another."""
    info.mtime = info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mode = (info.mode | (0o700 if executable and info.isfile() else 0)) & 0o777
    return info

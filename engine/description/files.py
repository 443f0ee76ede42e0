"""Descriptions in files."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import UsageError
from engine.description.foreign import reader
from engine.description.formats import SFormats
from engine.description.problems import BadDescription, at
from engine.description.text import from_text, to_format, to_text

if TYPE_CHECKING:
    from engine.description.model import Description


def save(
    description: Description,
    dirpath: str | os.PathLike[str],
    run_id: str,
    format: SFormats = SFormats.XML,  # noqa: A002 - as in `ec.save`
) -> Path:
    """Write a file, whole or not at all.

    Args:
        description: what it is to hold.
        dirpath: the directory, made if it is not there.
        run_id: of the run that it is the description of.
        format: its format.

    Returns:
        Its path: ``<exp_id>_<run_id>.<format>``, with ``-2``, ``-3``, … before the dot where that is there already.

    Raises:
        UsageError: there is no such format, or the file cannot be written; nothing is left behind.
    """
    text, suffix, directory = to_text(description, format), to_format(format), _path(dirpath)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        return _write(directory.absolute() / f"{description.exp_id}_{run_id}", suffix, text)
    except OSError as error:
        raise UsageError(
            f"the description cannot be saved in {dirpath}: {error.strerror or error}; give a directory that you may "
            f"write to"
        ) from error


def _write(stem: Path, suffix: str, text: str) -> Path:
    descriptor, draft = tempfile.mkstemp(prefix=f".{stem.name}.", dir=stem.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return _publish(draft, stem, suffix)
    finally:
        Path(draft).unlink()


def _publish(draft: str, stem: Path, suffix: str) -> Path:
    """Give a file that is written its name. A link, unlike a renaming, replaces nothing."""
    for number in count(1):
        path = stem.with_name(f"{stem.name}{f'-{number}' if number > 1 else ''}.{suffix}")
        try:
            path.hardlink_to(draft)
        except FileExistsError:
            continue
        return path
    raise AssertionError("the numbers have no end")


def read(path: str | os.PathLike[str], format: SFormats | None = None) -> Description:  # noqa: A002 - as above
    """The description that a file holds.

    Args:
        path: of what `save` wrote, or NEPI, or another program whose files somebody announces to read.
        format: by default what its name or its content says.

    Raises:
        UsageError: there is no such file or format.
        BadDescription: it is no description; the message names the file and each place.
    """
    if _path(path).is_char_device():  # such as /dev/zero, which has no end
        raise UsageError(f"{path} is a device; give a file that was saved")
    try:
        text = _path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}; give a file that was saved") from error
    except UnicodeDecodeError as error:
        raise BadDescription([f"{path}: byte {error.start} is no UTF-8; a description is saved in that"]) from None
    foreign = reader(_path(path)) if format is None else None
    try:
        found = from_text(text, format) if foreign is None else foreign(text, _path(path))
        return replace(found, source=str(path))
    except BadDescription as error:
        raise BadDescription(at(path, problem) for problem in error.problems) from None


def _path(given: str | os.PathLike[str]) -> Path:
    """What is given as a path.

    Raises:
        UsageError: it is none.
    """
    try:
        if "\0" not in os.fspath(given):
            return Path(given)
    except TypeError:  # it is no path, or one in bytes
        pass
    raise UsageError(f"a path is a text or a pathlib.Path without a NUL character, not {given!r}")

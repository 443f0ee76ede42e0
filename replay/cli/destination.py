"""Where a command writes to."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def destination(output: Path | None) -> Iterator[IO[bytes]]:
    """A file that is put in place once it is whole; without one, standard output."""
    if output is None:
        yield sys.stdout.buffer
    elif output.exists() and not output.is_file():  # such as a pipe, which is not to be replaced
        with naming(output), output.open("wb") as file:
            yield file
    else:
        draft = output.with_name(f".{output.name}.part")
        try:
            with naming(output):
                with draft.open("wb") as file:
                    yield file
                draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)


@contextmanager
def naming(output: Path) -> Iterator[None]:
    """Let who cannot write hear of the file that he has named, and not of what is written to until that is whole."""
    try:
        yield
    except OSError as error:
        written = error.filename2 or error.filename
        if written is None or f".{output.name}." in str(written):
            error.filename, error.filename2 = str(output), None
        raise


def write_new(output: Path, text: str) -> None:
    """Write a file that is not there yet. One that cannot be written is not there afterwards either.

    Raises:
        FileExistsError: it is there.
    """
    content = text.encode()
    with naming(output), output.open("xb") as file:
        try:
            file.write(content)
            file.flush()
        except OSError:
            output.unlink()
            raise

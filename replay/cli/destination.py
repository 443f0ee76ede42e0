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
        with output.open("wb") as file:
            yield file
    else:
        draft = output.with_name(f".{output.name}.part")
        try:
            with _opened(draft, output) as file:
                yield file
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)


def _opened(draft: Path, output: Path) -> IO[bytes]:
    """The file that is written to until it is whole. Who cannot write it hears of the one that he has named."""
    try:
        return draft.open("wb")
    except OSError as error:
        error.filename = str(output)
        raise

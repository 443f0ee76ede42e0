"""Running a file as Python itself would: as the main module of this process."""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


def run_as_main(path: Path, arguments: Sequence[str], module: str | None = None) -> None:
    """Run a script.

    Args:
        path: the script.
        arguments: what it finds in `sys.argv` behind its name.
        module: its name, if it is to be run as one, as with ``python -m``.
    """
    with _as_main(path, arguments, module):
        if module is None:
            runpy.run_path(str(path), run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)


@contextmanager
def _as_main(path: Path, arguments: Sequence[str], module: str | None) -> Iterator[None]:
    before = sys.argv, sys.path
    sys.argv = [str(path), *arguments]
    sys.path = ["" if module else str(path.resolve().parent), *sys.path]
    try:
        yield
    finally:
        sys.argv, sys.path = before

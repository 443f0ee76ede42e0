"""Running a user's script in this process, as Python itself would."""

from __future__ import annotations

import runpy
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.core.errors import nearest
from replay.cli.program import FAILED, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path


def check(path: Path) -> None:
    """See that a script is there and can be compiled.

    Raises:
        Refused: it is no file, no Python, or has a syntax error.
        OSError: it cannot be read.
    """
    if not path.exists():
        siblings = sorted(entry.name for entry in path.absolute().parent.glob("*.py"))
        hint = f"; {nearest(path.name, siblings)}" if siblings else ""
        raise Refused(f"there is no script {path.absolute()}{hint}")
    if path.is_dir() or path.suffix != ".py":
        raise Refused(f"{path} is no script; run takes a file of Python, NAME.py")
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        text = f": {error.text.strip()}" if error.text else ""
        raise Refused(f"{path}{where}: {error.msg}{text}") from error


def run(path: Path, arguments: Sequence[str], interrupted: Callable[[], bool]) -> int:
    """Run a script that was checked, and tell of what it raises, as Python does.

    Args:
        path: the script.
        arguments: what it finds in `sys.argv` behind its name.
        interrupted: whether its controllers were taken from it, so that what it raises is no news.

    Returns:
        Its exit status.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    with _as_main(path, arguments):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as error:
            return _status(error)
        except Exception as error:
            if interrupted():
                raise KeyboardInterrupt from error
            _show(error, path)
            return FAILED
    return 0


@contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    before = sys.argv, sys.path
    sys.argv = [str(path), *arguments]
    sys.path = [str(path.resolve().parent), *sys.path]
    try:
        yield
    finally:
        sys.argv, sys.path = before


def _status(error: SystemExit) -> int:
    """The status of a script that ended itself; a text is an error message."""
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code
    sys.stderr.write(f"{error.code}\n")
    return FAILED


def _show(error: Exception, path: Path) -> None:
    """Its traceback, from the script on: how it was called is no help to its author."""
    place = error.__traceback__
    while place is not None and place.tb_frame.f_code.co_filename != str(path):
        place = place.tb_next
    sys.excepthook(type(error), error.with_traceback(place or error.__traceback__), None)

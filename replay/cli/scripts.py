"""Running a user's script in this process, as Python itself would."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from engine.core.errors import EngineBug, ExperimentError, ScriptDiverged, nearest
from engine.description import foreign
from engine.ending import is_the_users
from eventlog import LogError
from replay.cli.program import FAILED, Refused
from replay.main import run_as_main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_DESCRIPTIONS: Final = (".xml", ".json")


def is_description(path: Path) -> bool:
    """Whether it is not a script but a description, by how its name ends."""
    return path.name.endswith((*_DESCRIPTIONS, *foreign.endings()))


def check(path: Path) -> None:
    """See that a file that is to be run is there, and that it can be compiled if it is a script.

    Raises:
        Refused: it is no file, neither Python nor a description, or has a syntax error.
        OSError: it cannot be read.
    """
    if not path.exists():
        siblings = sorted(entry.name for entry in path.absolute().parent.glob("*") if _can_be_run(entry))
        hint = f"; {nearest(path.name, siblings)}" if siblings else ""
        raise Refused(f"there is no script {path.absolute()}{hint}")
    if path.is_dir() or not _can_be_run(path):
        raise Refused(f"{path} is no script; run takes a file of Python, NAME.py, or a description, {_endings()}")
    if not is_description(path):
        _compile(path)


def _endings() -> str:
    *others, last = (*_DESCRIPTIONS, *foreign.endings())
    return f"{', '.join(others)} or {last}"


def _can_be_run(path: Path) -> bool:
    return path.suffix == ".py" or is_description(path)


def _compile(path: Path) -> None:
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        text = f": {error.text.strip()}" if error.text else ""
        raise Refused(f"{path}{where}: {error.msg}{text}") from error


def run(path: Path, arguments: Sequence[str], interrupted: Callable[[], bool], module: str | None = None) -> int:
    """Run a script that was checked, and tell of what it raises, as Python does.

    Args:
        path: the script.
        arguments: what it finds in `sys.argv` behind its name.
        interrupted: whether its controllers were taken from it, so that what it raises is no news.
        module: its name, if it is to be run as one.

    Returns:
        Its exit status.

    Raises:
        KeyboardInterrupt: it was interrupted.
        ScriptDiverged: it is run again, and makes other calls.
    """
    try:
        run_as_main(path, arguments, module)
    except SystemExit as error:
        return _status(error)
    except ScriptDiverged:
        raise
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        _show(error, path)
        return FAILED
    return 0


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
    told = error.with_traceback(place or error.__traceback__)
    for each in _chain(told):
        if isinstance(each, ExperimentError | LogError) and not isinstance(each, EngineBug):
            _end_where_ours_begins(each)
    sys.excepthook(type(told), told, None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, and those before it that are told with it."""
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _end_where_ours_begins(error: BaseException) -> None:
    """Leave out where in the engine a call was refused, which is no help either, and what the message says already."""
    place, last = error.__traceback__, None
    while place is not None:
        last = place if is_the_users(place.tb_frame.f_code.co_filename) else last
        place = place.tb_next
    if last is not None:
        last.tb_next = None
    if isinstance(error.__cause__, OSError):
        error.__cause__ = None  # which leaves out the context, too

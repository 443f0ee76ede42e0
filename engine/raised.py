"""Exceptions as plain values and back, so that a script which is run again meets them again."""

from __future__ import annotations

import sys
from typing import Any, Final

from engine.core.errors import ExperimentError
from engine.rm.secret import message_of, told

_PLAIN: Final = (str, int, float, bool, type(None))


def to_plain(error: Exception) -> dict[str, Any]:
    """What is kept of an exception: its type, what it says, and what in it are numbers and texts."""
    cls = type(error)
    args = [*map(_kept, error.args)] if all(type(arg) in _PLAIN for arg in error.args) else [message_of(error)]
    return {
        "type": f"{cls.__module__}:{cls.__qualname__}",
        "message": message_of(error),
        "args": args,
        "fields": {name: _kept(value) for name, value in vars(error).items() if type(value) in _PLAIN},
    }


def _kept(value: Any) -> Any:
    return told(value) if isinstance(value, str) else value


def to_error(plain: dict[str, Any]) -> Exception:
    """An exception of the same type, if that is known here, which says the same; else an `ExperimentError`.

    It is made without the code of its type, which may ask for more than is kept.
    """
    module, _, name = plain["type"].partition(":")
    cls: Any = sys.modules.get(module)
    for part in name.split("."):
        cls = getattr(cls, part, None)
    try:
        if issubclass(cls, Exception):
            error: Exception = cls.__new__(cls, *plain["args"])
            error.args = tuple(plain["args"])
            vars(error).update(plain["fields"])
            return error
    except TypeError:  # there is no such class by now, or it cannot be made so
        pass
    return ExperimentError(f"{name}: {plain['message']}")

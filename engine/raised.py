"""Exceptions as plain values and back, so that a script which is run again meets them again."""

from __future__ import annotations

import sys
from typing import Any, Final

from engine.core.errors import ExperimentError
from engine.rm.secret import message_of, told

_PLAIN: Final = (int, float, bool, type(None))


def to_plain(error: Exception) -> dict[str, Any]:
    """What is kept of an exception: its type, what it says, and its arguments if they are numbers and texts."""
    cls = type(error)
    plain = all(isinstance(arg, str) or type(arg) in _PLAIN for arg in error.args)
    args = [told(arg) if isinstance(arg, str) else arg for arg in error.args] if plain else [message_of(error)]
    return {"type": f"{cls.__module__}:{cls.__qualname__}", "message": message_of(error), "args": args}


def to_error(plain: dict[str, Any]) -> Exception:
    """An exception of the same type, if that is known here, which says the same; else an `ExperimentError`.

    It is made without the code of its type: what else that keeps in it is not there.
    """
    module, _, name = plain["type"].partition(":")
    cls: Any = sys.modules.get(module)
    for part in name.split("."):
        cls = getattr(cls, part, None)
    if not (isinstance(cls, type) and issubclass(cls, Exception)):
        return ExperimentError(f"{name}: {plain['message']}")
    error: Exception = cls.__new__(cls, *plain["args"])
    error.args = tuple(plain["args"])
    return error

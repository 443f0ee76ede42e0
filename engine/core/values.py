"""What may enter the log."""

from __future__ import annotations

from typing import Any, Final

from engine.core.errors import UsageError

MAX_SIZE: Final = 512 * 1024
"""How many bytes of text and data a value may hold. Results belong in files, which the log points at."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1


def check_plain(value: Any, where: str) -> None:
    """Refuse what would not come back from the log as it went in, or does not belong in one.

    Plain are None, bool, int of 64 bits, float, str, bytes, and lists and string-keyed dicts of these. A tuple would
    come back as a list and a dict with other keys not at all, so both are refused.

    Args:
        value: what is about to be logged.
        where: what it is, for the message.

    Raises:
        UsageError: it says which part of the value is not plain, or that it is too large.
    """
    size = _size(value, where)
    if size > MAX_SIZE:
        raise UsageError(f"{where}: {size} bytes are too many for the log (at most {MAX_SIZE}); keep them in a file")


def _size(value: Any, where: str) -> int:
    """How many bytes of text and data a plain value holds."""
    if value is None or isinstance(value, bool | float):
        return 0
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, int):
        if not _INT_MIN <= value <= _INT_MAX:
            raise UsageError(f"{where}: {value} does not fit into 64 bits")
        return 0
    if isinstance(value, list):
        return sum(_size(item, f"{where}[{index}]") for index, item in enumerate(value))
    if isinstance(value, dict):
        return sum(_key_size(key, where) + _size(item, f"{where}[{key!r}]") for key, item in value.items())
    raise UsageError(
        f"{where}: a {type(value).__name__} cannot be logged; use None, bool, int, float, str, bytes, "
        f"lists, and dicts with string keys"
    )


def _key_size(key: Any, where: str) -> int:
    if not isinstance(key, str):
        raise UsageError(f"{where}: the key {key!r} is not a string")
    return len(key)

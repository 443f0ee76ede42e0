"""What may enter the log."""

from __future__ import annotations

from typing import Any, Final

from engine.core.errors import UsageError

MAX_SIZE: Final = 512 * 1024
"""How many bytes a value may take. Results belong in files, which the log points at."""

_INT_MIN: Final = -(2**63)
_INT_MAX: Final = 2**64 - 1

_MAX_DEPTH: Final = 100
"""How deep lists and dicts may stand in each other."""

_MAX_TEXT: Final = 64 * 1024
"""How many characters of a text that somebody else wrote are kept."""

_OVERHEAD: Final = 9
"""What a value takes in the log beside its text and data, at the most, in bytes."""


def check_plain(value: Any, where: str) -> None:
    """Refuse what would not come back from the log as it went in, or does not belong in one.

    Plain are None, bool, int of 64 bits, float, str, bytes, and lists and string-keyed dicts of these, and of exactly
    these types: a tuple would come back as a list, an enum as a bare number, and a dict with other keys not at all.

    Args:
        value: what is about to be logged.
        where: what it is, for the message.

    Raises:
        UsageError: it says which part of the value is not plain, or that it is too large.
    """
    size = _size(value, where, _MAX_DEPTH)
    if size > MAX_SIZE:
        raise UsageError(f"{where}: {size} bytes are too many for the log (at most {MAX_SIZE}); keep them in a file")


def copied(value: Any) -> Any:
    """A plain value that shares nothing with the one that is given: what is kept must not change from outside."""
    if type(value) is list:
        return [copied(item) for item in value]
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def clip(text: str) -> str:
    """A text that somebody else wrote, such as a message, as the log takes it: not too long, and of whole characters.

    The end of a long text is kept as well as its beginning: of a traceback it is what matters.
    """
    if len(text) > _MAX_TEXT:
        half = _MAX_TEXT // 2
        text = f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def _size(value: Any, where: str, depth: int) -> int:
    """How many bytes a plain value takes, at the most."""
    kind = type(value)
    if value is None or kind in (bool, float):
        return _OVERHEAD
    if kind is int:
        if not _INT_MIN <= value <= _INT_MAX:
            raise UsageError(f"{where}: {value} does not fit into 64 bits")
        return _OVERHEAD
    if kind is bytes:
        return _OVERHEAD + len(value)
    if kind is str:
        return _OVERHEAD + _text_size(value, where)
    if depth == 0:
        raise UsageError(f"{where}: it is nested more than {_MAX_DEPTH} deep")
    if kind is list:
        return _OVERHEAD + sum(_size(item, f"{where}[{index}]", depth - 1) for index, item in enumerate(value))
    if kind is dict:
        return _OVERHEAD + sum(
            _key_size(key, where) + _size(item, f"{where}[{key!r}]", depth - 1) for key, item in value.items()
        )
    raise UsageError(
        f"{where}: a {kind.__name__} cannot be logged; use None, bool, int, float, str, bytes, "
        f"lists, and dicts with string keys"
    )


def _text_size(text: str, where: str) -> int:
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(f"{where}: character {error.start} of {text[:50]!r} is half a character") from None


def _key_size(key: Any, where: str) -> int:
    if type(key) is not str:
        raise UsageError(f"{where}: the key {key!r} is not a string")
    return _OVERHEAD + _text_size(key, where)

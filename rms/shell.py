"""The one place where something is quoted for a shell."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["PATHS", "encoded", "exports", "open_exports", "open_words", "words"]

PATHS: Final = (
    "USR",
    "LIB",
    "BIN",
    "SRC",
    "SHARE",
    "EXP",
    "EXP_HOME",
    "NODE_HOME",
    "APP_HOME",
    "RUN_HOME",
    "CODE",
    "HOME",
)
"""The variables that every command on a Linux host has, with places on that host (docs/linux.md)."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PATH: Final = re.compile(r"\$\{(?:" + "|".join(PATHS) + r")\}")
_ANY: Final = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


def encoded(what: str, text: str) -> bytes:
    """A text that a shell is given.

    Raises:
        ValueError: it cannot be.
    """
    if "\0" in text:
        raise ValueError(f"{what}: has a NUL character in it, which no shell can be given")
    return text.encode("utf-8", "surrogateescape")


def exports(env: Mapping[str, str]) -> str:
    """Shell text that sets these variables, each to its value as it is.

    Raises:
        ValueError: a name or a value cannot be one of a variable.
    """
    return "".join(f"export {_checked(name, value)}={shlex.quote(value)}\n" for name, value in env.items())


def open_exports(text: str) -> str:
    """Shell text that sets variables given as ``A=x B=$A:y``: names of variables in the values stand for theirs.

    Nothing else in a value means anything to the shell, and no value has a blank.

    Raises:
        ValueError: this is no such text.
    """
    lines = []
    for pair in text.split():
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{pair!r} sets no variable: write NAME=VALUE, with blanks between such pairs only")
        lines.append(f"export {_checked(name, value)}={_open(value, _ANY)}\n")
    return "".join(lines)


def words(texts: Iterable[str]) -> str:
    """Words of a command, each as it is."""
    return shlex.join(texts)


def open_words(texts: Iterable[str]) -> str:
    """Words of a command, each as it is, but that ``${SHARE}`` and its like (`PATHS`) stand for places on the host.

    Raises:
        ValueError: no shell can be given one of them.
    """
    given = list(texts)
    encoded("a word of the command", "".join(given))
    return " ".join(_open(text, _PATH) for text in given)


def _open(text: str, variable: re.Pattern[str]) -> str:
    """A text quoted, but for the variables in it, which are put between double quotes."""
    pieces = [shlex.quote(piece) if piece else "" for piece in variable.split(text)]
    quoted = [f'"{name}"' for name in variable.findall(text)]
    joined = "".join(part for pair in zip(pieces, [*quoted, ""], strict=True) for part in pair)
    return joined or "''"


def _checked(name: str, value: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"environment variable {name!r}: a name has letters, digits and '_', and no digit first")
    encoded(name, value)
    return name

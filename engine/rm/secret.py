"""Secrets: where they come from, and that none of them shows in what is told."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Final

from engine.core.values import clip

_known: Final[set[str]] = set()


def read_secret(source: str, where: str = "the secret") -> str:
    """The value of a secret, from ``env:NAME`` or ``file:PATH``; `where` says in an error what it is for.

    Raises:
        LookupError: there is no such variable, or the file cannot be read.
    """
    kind, _, name = source.partition(":")
    secret = _read_file(name, where) if kind == "file" else os.environ.get(name)
    if secret is None:
        raise LookupError(f"{where} needs the environment variable {name}, which is not set")
    keep_secret(secret)
    return secret


def _read_file(path: str, where: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        why = error.strerror
    except UnicodeDecodeError:  # which has what is in the file
        why = "it is no text in UTF-8"
    raise LookupError(f"{where} needs the file {path}, which cannot be read: {why}")


def keep_secret(value: str) -> None:
    """Let a text never show in what is recorded: a secret, or the part of one that would tell it."""
    # A message may quote it as Python does.
    _known.update({value, repr(value)[1:-1]} - {""})


def hide_secrets(text: str) -> str:
    """A text without the values of the secrets that were read in this process.

    Of all of them: what one resource read, such as the password of a host, may show in what another one raises.
    """
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    return text


def told(text: str) -> str:
    """A text that somebody else wrote, such as a message, as the log takes it."""
    return clip(hide_secrets(text))  # in this order: of a secret that is cut in two, the halves would show


def message_of(error: BaseException) -> str:
    """What an exception says, as the log takes it; the name of its type if it says nothing, or cannot."""
    try:
        return told(str(error)) or type(error).__name__
    except BaseException:  # noqa: BLE001 - its own code failed
        return type(error).__name__


def traceback_of(error: BaseException) -> str:
    """Where an exception came from, as the log takes it; nothing if it cannot be told."""
    return told(_whole_traceback(error))


def shown(error: BaseException) -> BaseException | None:
    """An exception for whoever asks for it; None if it tells a secret."""
    text = _whole_traceback(error)
    return error if hide_secrets(text) == text else None


def _whole_traceback(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException:  # noqa: BLE001 - as above
        return ""

"""Packages that only some formats need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from engine.core.errors import UsageError


def load(module: str, extra: str, what: str) -> Any:
    """A module of a package that may not be there.

    Args:
        module: its full name.
        extra: the extra of netreel that the package belongs to.
        what: what needs it, for the message.

    Raises:
        UsageError: it is not there.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise UsageError(f"{what} needs {package}: pip install 'netreel[{extra}]'") from error

"""What the tools of a host complain of, as numbers: they all use the words of the system for it."""

from __future__ import annotations

import errno
import os
from typing import Final

__all__ = ["as_errno"]

_NUMBERS: Final = {os.strerror(number): number for number in errno.errorcode}


def as_errno(complaint: str) -> tuple[int, str]:
    """The number of an error and its text, from what a tool has said; 1 and all of it if it says something else."""
    last = complaint.strip().rpartition("\n")[2]
    text = last.rpartition(": ")[2]
    return (_NUMBERS[text], text) if text in _NUMBERS else (1, complaint.strip())

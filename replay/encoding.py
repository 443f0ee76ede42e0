"""Values as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any


def to_json(value: Any, *, indent: int | None = 2, is_ascii: bool = False) -> str:
    """A value as JSON. Bytes, which it has not, become ``{"base64": …}``."""
    return json.dumps(value, indent=indent, ensure_ascii=is_ascii, default=_plain)


def _plain(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} has no form in JSON")

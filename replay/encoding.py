"""Values as JSON."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def to_json(value: Any, *, indent: int | None = 2, is_ascii: bool = False) -> str:
    """A value as JSON. Bytes, which it has not, become ``{"base64": …}``."""
    return json.dumps(value, indent=indent, ensure_ascii=is_ascii, default=_plain)


def with_items(document: Any, items: Iterable[Any]) -> Iterator[str]:
    """A document as JSON, in pieces: its first empty list has these items, which need not all be there at once."""
    head, _, tail = to_json(document, indent=None).partition("[]")
    yield f"{head}["
    for number, item in enumerate(items):
        yield f"{', ' if number else ''}{to_json(item, indent=None)}"
    yield f"]{tail}"


def _plain(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"{type(value).__name__} has no form in JSON")

"""Values in files: JSON, with a mark where JSON has no word for it.

Bytes are ``{"$bytes": "<base64>"}``, the floats that JSON lacks ``{"$float": "inf"}``, and a dict with a key that
begins with ``$`` is ``{"$dict": {…}}``. Everything else is itself.
"""

from __future__ import annotations

import math
from base64 import b64decode, b64encode
from typing import Any, Final

BYTES: Final = "$bytes"
FLOAT: Final = "$float"
DICT: Final = "$dict"


def encode(value: Any) -> Any:
    """A plain value in the words of JSON."""
    match value:
        case bytes():
            return {BYTES: b64encode(value).decode()}
        case float() if not math.isfinite(value):
            return {FLOAT: str(value)}
        case list():
            return [encode(item) for item in value]
        case dict():
            inner = {key: encode(item) for key, item in value.items()}
            return {DICT: inner} if any(key.startswith("$") for key in value) else inner
        case _:
            return value


def decode(value: Any) -> Any:
    """The plain value that was encoded. What the schema refuses is not asked here."""
    match value:
        case list():
            return [decode(item) for item in value]
        case {"$bytes": text}:
            return b64decode(text)
        case {"$float": text}:
            return float(text)
        case {"$dict": inner}:
            return {key: decode(item) for key, item in inner.items()}
        case dict():
            return {key: decode(item) for key, item in value.items()}
        case _:
            return value

"""The formats that descriptions are saved in."""

from __future__ import annotations

from enum import StrEnum


class SFormats(StrEnum):
    """A format of descriptions, which is also how the name of a file ends."""

    XML = "xml"
    """As NEPI writes it; what NEPI has no place for is added to that."""
    JSON = "json"
    """By the schema that `engine/description/schema.json` holds."""

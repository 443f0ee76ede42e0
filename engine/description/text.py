"""Descriptions as texts, and back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import UsageError, nearest
from engine.description import plain, schema, xml_read, xml_write
from engine.description.formats import SFormats
from engine.description.problems import BadDescription, at

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.description.model import Description
    from engine.description.plain import Path


_GUIDS: Final = re.compile(r"\[\n\s+(\d+(?:,\n\s+\d+)*)\n\s+\]")
"""A list of numbers, each in a line of its own. No text in JSON can look so: it has no line breaks."""


def to_text(description: Description, format: SFormats = SFormats.XML) -> str:  # noqa: A002 - as in `ec.serialize`
    """A description as a text in that format.

    Raises:
        UsageError: there is no such format.
    """
    if to_format(format) is SFormats.XML:
        return xml_write.write(description)
    text = json.dumps(plain.to_plain(description), indent=2, ensure_ascii=False, allow_nan=False)
    return _GUIDS.sub(lambda match: "[" + " ".join(match[1].split()) + "]", text) + "\n"


def from_text(text: str, format: SFormats | None = None) -> Description:  # noqa: A002 - as above
    """The description that a text holds.

    Args:
        text: what `to_text` gave, or NEPI.
        format: by default what the text looks like.

    Raises:
        UsageError: there is no such format, or no telling which it is.
        BadDescription: it cannot be read, or is no description; all that can be seen at once is told.
    """
    chosen = _guess(text) if format is None else to_format(format)
    data, place = xml_read.read(text) if chosen is SFormats.XML else _read_json(text)
    problems = [at(place(path), message) for path, message in schema.check(data)]
    if problems:
        raise BadDescription(problems)
    return plain.from_plain(data, place)


def to_format(name: str) -> SFormats:
    """The format of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return SFormats(name)
    except ValueError:
        raise UsageError(f"there is no format {name!r} for descriptions; {nearest(str(name), SFormats)}") from None


def _guess(text: str) -> SFormats:
    begin = text.lstrip()[:1]
    if begin == "<":
        return SFormats.XML
    if begin == "{":
        return SFormats.JSON
    raise BadDescription(["it is neither XML, which begins with <, nor a JSON object, which begins with {"])


def _read_json(text: str) -> tuple[dict[str, Any], Callable[[Path], str]]:
    try:
        data = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise BadDescription([f"line {error.lineno}, column {error.colno}: this is no JSON: {error.msg}"]) from None
    except RecursionError:
        raise BadDescription(["it is nested too deep; a description is not"]) from None
    except ValueError as error:
        raise BadDescription([f"this is no JSON: {error}"]) from None
    return data, _json_path


def _refuse(name: str) -> None:
    raise ValueError(f'{name} is no word of it; write {{"$float": "nan"}}, "inf" or "-inf"')


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice in one object; say it once")
    return made


def _json_path(path: Path) -> str:
    """As in RFC 9535: ``$.resources[2].rtype``."""
    return "$" + "".join(_step(key) for key in path)


def _step(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if key.isidentifier() else f"[{json.dumps(key)}]"

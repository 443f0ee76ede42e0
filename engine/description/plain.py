"""A description as the plain data that a JSON file holds, and back. Both follow the types of its fields."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin, get_type_hints

from engine.description import values
from engine.description.model import Description, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMAT: Final = "netreel-description"
"""What a file says that it is."""

VERSION: Final = 1
"""Raised when what a file says takes another meaning. Older ones stay readable."""

Path = tuple[str | int, ...]
"""Where something stands in plain data: the keys and places that lead there."""


def shown_fields(kind: type) -> Iterator[tuple[Field[Any], Any]]:
    """The fields of a class of the model that files have, each with its type."""
    hints = _hints(kind)
    return ((field, hints[field.name]) for field in fields(kind) if field.compare)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def to_plain(description: Description) -> dict[str, Any]:
    """The data of a JSON file."""
    return {"format": FORMAT, "version": VERSION, **_object(description)}


def _object(value: Any) -> dict[str, Any]:
    """What is as by default is left out."""
    return {
        field.name: _to(getattr(value, field.name), hint)
        for field, hint in shown_fields(type(value))
        if getattr(value, field.name) != _default(field)
    }


def _default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _to(value: Any, hint: Any) -> Any:
    if hint is Value:
        return values.encode(value)
    if is_dataclass(value):
        return _object(value)
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, tuple):
        return [_to(item, get_args(hint)[0]) for item in value]
    if isinstance(value, dict):
        return {key: _to(item, get_args(hint)[1]) for key, item in value.items()}
    return value


def from_plain(data: dict[str, Any], place: Callable[[Path], str]) -> Description:
    """The description in plain data that the schema has been asked about.

    Args:
        data: as in a JSON file.
        place: how to call a place in the file.
    """
    made: Description = _from(
        {key: data[key] for key in data if key not in ("format", "version")}, Description, (), place
    )
    return made


def _from(value: Any, hint: Any, path: Path, place: Callable[[Path], str]) -> Any:
    if hint is Value:
        return values.decode(value)
    if isinstance(hint, UnionType):
        return None if value is None else _from(value, _kind_of(value, hint), path, place)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint[value]
    if get_origin(hint) is tuple:
        return tuple(_from(item, get_args(hint)[0], (*path, index), place) for index, item in enumerate(value))
    if get_origin(hint) is dict:
        return {key: _from(item, get_args(hint)[1], (*path, key), place) for key, item in value.items()}
    if is_dataclass(hint):
        return _from_object(value, hint, path, place)
    return hint(value)  # JSON has one kind of number: 1.0 is a whole one


def _kind_of(value: Any, hint: UnionType) -> Any:
    kinds = [kind for kind in get_args(hint) if kind is not NoneType]
    return str if str in kinds and isinstance(value, str) else kinds[0]


def _from_object(value: dict[str, Any], kind: Any, path: Path, place: Callable[[Path], str]) -> Any:
    hints = _hints(kind)
    given = {name: _from(item, hints[name], (*path, name), place) for name, item in value.items()}
    return kind(**given, place=place(path)) if "place" in hints else kind(**given)

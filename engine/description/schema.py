"""The JSON Schema of descriptions, made from the model, and what is wrong with data by it, in words."""

from __future__ import annotations

import inspect
import re
from dataclasses import MISSING
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

from engine.core.errors import nearest
from engine.description import values
from engine.description.model import Description, Value
from engine.description.plain import FORMAT, VERSION, Path, shown_fields
from engine.home import EXP_ID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import Draft202012Validator, ValidationError

_ID: Final = "https://netreel.invalid/description-1.json"
"""A name, no address. The top-level domain is kept free for such (RFC 2606)."""

_ANY_VALUE: Final = {"$ref": "#/$defs/value"}
_BASE64: Final = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_DEEPEST: Final = 150
"""How deep a file may be nested: what checks it goes down several calls for each level."""

_SCALARS: Final = {str: "string", int: "integer", bool: "boolean", NoneType: "null"}

_LIMITS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    # What the type of a field does not say. By class and field; "" is any class.
    ("Description", "exp_id"): {"pattern": f"^{EXP_ID.pattern}$"},
    ("ResourceDescription", "guid"): {"minimum": 1},
    ("", "guids"): {"minItems": 1},
    ("", "on"): {"minItems": 1},
    ("", "delay_ns"): {"minimum": 0, "maximum": 2**63 - 1},
}


def make() -> dict[str, Any]:
    """The schema: what `engine/description/schema.json` holds."""
    definitions: dict[str, Any] = {"value": _value()}
    whole = _object(Description, definitions)
    head = {"format": {"const": FORMAT}, "version": {"enum": list(range(1, VERSION + 1))}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": _ID,
        "title": "A netreel experiment",
        **whole,
        "properties": {**head, **whole["properties"]},
        "required": [*head, *whole["required"]],
        "$defs": definitions,
    }


def _value() -> dict[str, Any]:
    """See `engine.description.values`."""
    return {
        "description": "Any JSON value; bytes, and floats that JSON has no word for, are an object with one $ key.",
        "items": _ANY_VALUE,
        "properties": {
            values.BYTES: {"type": "string", "pattern": _BASE64},
            values.FLOAT: {"enum": ["inf", "-inf", "nan"]},
            values.DICT: {"type": "object", "additionalProperties": _ANY_VALUE},
        },
        "patternProperties": {r"^(?!\$)": _ANY_VALUE},
        "additionalProperties": False,
        "dependentSchemas": {mark: {"maxProperties": 1} for mark in (values.BYTES, values.FLOAT, values.DICT)},
    }


def _object(kind: type, definitions: dict[str, Any]) -> dict[str, Any]:
    summary, told = _documented(kind)
    properties, required = {}, []
    for field, hint in shown_fields(kind):
        limits = _LIMITS.get(("", field.name), {}) | _LIMITS.get((kind.__name__, field.name), {})
        properties[field.name] = {"description": told[field.name], **_typed(hint, definitions), **limits}
        if field.default is MISSING and field.default_factory is MISSING:
            required.append(field.name)
    return {
        "description": summary,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _documented(kind: type) -> tuple[str, dict[str, str]]:
    """What the docstring of a class says of it, and of each of its fields."""
    text = inspect.getdoc(kind) or ""
    return text.partition("\n")[0], dict(re.findall(r"^    (\w+): (.+)$", text, re.MULTILINE))


def _typed(hint: Any, definitions: dict[str, Any]) -> dict[str, Any]:
    if hint is Value:
        return _ANY_VALUE
    if isinstance(hint, UnionType):
        return _alternatives([_typed(kind, definitions) for kind in get_args(hint)])
    if get_origin(hint) is tuple:
        return {"type": "array", "items": _typed(get_args(hint)[0], definitions)}
    if get_origin(hint) is dict:
        return {"type": "object", "additionalProperties": _typed(get_args(hint)[1], definitions)}
    if issubclass(hint, Enum):
        return {"enum": [member.name for member in hint]}
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    name = hint.__name__
    if name not in definitions:
        definitions[name] = _object(hint, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _alternatives(found: list[dict[str, Any]]) -> dict[str, Any]:
    if all("type" in each for each in found):
        return {"type": [each["type"] for each in found]}
    return {"anyOf": found}


# --- what is wrong, in words --------------------------------------------------------------------------------------


def check(data: Any) -> Iterator[tuple[Path, str]]:
    """All that is wrong with the data of a file, each with where it stands."""
    if _depth(data) > _DEEPEST:
        yield (), f"it is nested more than {_DEEPEST} deep; a description is not"
        return
    causes = [cause for error in _validator().iter_errors(data) for cause in _causes(error)]
    # The library tells one error for each name that is missing, each of which would tell all of them.
    yield from dict.fromkeys((tuple(cause.absolute_path), message) for cause in causes for message in _in_words(cause))


def _depth(data: Any) -> int:
    depth, level = 0, [data]
    while level and depth <= _DEEPEST:
        depth += 1
        insides = (item.values() if isinstance(item, dict) else item for item in level if isinstance(item, dict | list))
        level = [item for inside in insides for item in inside]
    return depth


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - it takes long to load, and only reading a file needs it

    return Draft202012Validator(make())


def _causes(error: ValidationError) -> list[ValidationError]:
    """The alternative that is meant if there are several: the one that is not null."""
    if error.validator != "anyOf":
        return [error]
    meant = [cause for cause in error.context or () if cause.schema != {"type": "null"}]
    return [inner for cause in meant for inner in _causes(cause)]


def _in_words(error: ValidationError) -> list[str]:
    value: Any = error.instance
    rule: Any = error.validator_value
    schema: Any = error.schema
    shown = _shown(value)
    match error.validator:
        case "additionalProperties":
            known, patterns = schema["properties"], schema.get("patternProperties", ())
            wrong = [key for key in value if key not in known and not any(re.search(each, key) for each in patterns)]
            return [f"there is no {key!r} here; {nearest(key, known)}" for key in wrong]
        case "required":
            return [f"there is no {name!r} here, which is needed" for name in rule if name not in value]
        case "type":
            kinds = rule if isinstance(rule, list) else [rule]
            return [f"{shown} is no {' or '.join(kinds)}"]
        case "enum":
            return [f"{shown} is none of {', '.join(map(str, rule))}; {nearest(str(value), map(str, rule))}"]
        case "const":
            return [f"{shown} stands where {rule!r} is to be"]
        case "minimum":
            return [f"{shown} is too small; the least is {rule}"]
        case "maximum":
            return [f"{shown} is too large; the most is {rule}"]
        case "minItems":
            return [f"there must be at least {rule} here"]
        case "maxProperties":
            return ['a key that begins with $ stands alone; write an object with such keys as {"$dict": {...}}']
        case "pattern" if rule == _BASE64:
            return [f"{shown} is no base64"]
        case "pattern":
            return [f"{shown} names a directory: use letters, digits, '.', '_' and '-'"]
        case _:
            return [error.message]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

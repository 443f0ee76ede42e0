"""Makes the JSON Schema of what commands answer with --json, and its page, from `replay.answers`.

python tools/answers.py            # writes them
python tools/answers.py --check    # exits with 1 if one is not up to date
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, is_typeddict

import msgspec
from reference import table

import replay.answers
from replay.answers import ANSWERS

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "replay" / "answers" / "schema.json"
PAGE = ROOT / "docs" / "reference" / "answers.md"
BY_LINE = ("log", "trace -f")


def main() -> int:
    schema = make_schema()
    files = {SCHEMA: json.dumps(schema, indent=2, ensure_ascii=False) + "\n", PAGE: make_page(schema)}
    if "--check" in sys.argv:
        stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
        for path in stale:
            print(f"{path.relative_to(ROOT)} is not up to date: run tools/answers.py")
        return bool(stale)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    return 0


# --- the schema ---------------------------------------------------------------------------------------------------


def make_schema() -> dict[str, Any]:
    """An object with a property for each answer; the shapes are in its definitions."""
    shapes = {shape for answer in ANSWERS.values() for shape in shapes_of(answer)}
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    _, definitions = msgspec.json.schema_components(ordered, ref_template="#/$defs/{name}")
    for name, definition in definitions.items():
        describe(definition, getattr(replay.answers, name))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of netreel answer with --json",
        "type": "object",
        "properties": {name: reference(answer) for name, answer in ANSWERS.items()},
        "additionalProperties": False,
        "$defs": dict(sorted(definitions.items())),
    }


def shapes_of(answer: Any) -> set[Any]:
    """The kinds of objects that an answer is made of, at its top."""
    return {answer} if is_typeddict(answer) else set().union(*map(shapes_of, get_args(answer)))


def reference(answer: Any) -> dict[str, Any]:
    if get_origin(answer) is list:
        return {"type": "array", "items": reference(*get_args(answer))}
    if isinstance(answer, UnionType):
        return {"anyOf": [reference(each) for each in get_args(answer)]}
    return {"$ref": f"#/$defs/{answer.__name__}"}


def describe(definition: dict[str, Any], shape: Any) -> None:
    """Move what docstrings say of attributes to the properties that they are. There are no others."""
    definition["description"] = docstring(shape)[0]
    definition["additionalProperties"] = False
    said = attributes(shape)
    given = definition["properties"]
    definition["properties"] = {name: given[name] | {"description": said[name]} for name in shape.__annotations__}


def attributes(shape: Any) -> dict[str, str]:
    """What docstrings say of the attributes of a shape and of those that it extends, in their order."""
    inherited = [attributes(base) for base in bases(shape)]
    own = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", docstring(shape)[1], re.MULTILINE)
    return {name: text for each in inherited for name, text in each.items()} | {
        name: " ".join(text.split()) for name, text in own
    }


def bases(shape: Any) -> list[Any]:
    """The shapes that one extends: Python 3.11 forgets them, but not what it has from them."""
    has = shape.__annotations__.items()
    return [each for each in vars(replay.answers).values() if is_typeddict(each) and each.__annotations__.items() < has]


def docstring(shape: Any) -> tuple[str, str]:
    """What it says of the whole, and of the attributes."""
    whole, _, rest = inspect.cleandoc(shape.__doc__).partition("\n\nAttributes:\n")
    return whole, rest


# --- the page -----------------------------------------------------------------------------------------------------


def make_page(schema: dict[str, Any]) -> str:
    answers = [
        [f"`{name}`", kind(answer) + (", one a line" * (name in BY_LINE))]
        for name, answer in schema["properties"].items()
    ]
    sections = [section(name, definition) for name, definition in schema["$defs"].items()]
    return (
        "# Answers in JSON\n\n"
        "Made by `tools/answers.py` from `replay.answers`, as is their JSON Schema, "
        "[`replay/answers/schema.json`](../../replay/answers/schema.json), which comes with the package. "
        'Dates are ISO 8601, in UTC. Bytes, which JSON has not, are an object with one key: `{"base64": "…"}`. '
        "Later versions may add keys; those that are here stay.\n\n"
        f"{table(['command with `--json`', 'answer'], answers)}\n" + "\n".join(sections)
    )


def section(name: str, definition: dict[str, Any]) -> str:
    rows = [[f"`{key}`", kind(each), each.get("description", "")] for key, each in definition["properties"].items()]
    optional = set(definition["properties"]) - set(definition["required"])
    for row in rows:
        row[1] += " (not always there)" * (row[0].strip("`") in optional)
    return f"## {name}\n\n{definition['description']}\n\n{table(['key', 'type', 'meaning'], rows)}"


def kind(schema: dict[str, Any]) -> str:
    """A type in a word or two."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f'"{each}"' for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind(schema['items'])}" if schema.get("items") else "list"
    if schema.get("type") == "object":
        inside = schema.get("additionalProperties")
        return f"object of {kind(inside)}" if inside else "object"
    return str(schema.get("type", "anything"))


if __name__ == "__main__":
    sys.exit(main())

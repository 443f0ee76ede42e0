"""`netreel` as it is called at a shell. What it answers in JSON is held against its schema."""

import json
from functools import cache
from pathlib import Path

from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from replay import answers
from replay.cli.program import main

SCHEMA = Path(answers.__file__).with_name("schema.json")


def netreel(*args: object) -> Result:
    """How a call ends."""
    words = [str(arg) for arg in args]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    is_table = words[:1] == ["export"] and "--output" not in words  # which is what was asked for, in its own format
    if "--json" in words and result.stdout and not is_table:
        assert_is_as_documented(words[0], result.stdout)
    return result


def answer(*args: object) -> str:
    """What it answers, where nothing is wrong."""
    result = netreel(*args)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def lines(*args: object) -> list[str]:
    """The same, line by line."""
    return answer(*args).splitlines()


def refusal(*args: object, status: int = 2) -> str:
    """The one line by which it refuses."""
    result = netreel(*args)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (status, "", 1)
    assert result.stderr.startswith("netreel: ")
    return result.stderr.removeprefix("netreel: ").rstrip("\n")


def assert_is_as_documented(command: str, text: str) -> None:
    """Some answer of this command has the shape of this one, or of each of its lines."""
    documented = [validator(name) for name in answers.ANSWERS if name.split()[0] == command]
    told = documents(text)
    assert any(all(shape.is_valid(each) for each in told) for shape in documented), text


def documents(text: str) -> list[object]:
    """The one that it is, or one for each line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines()]


@cache
def validator(name: str) -> Draft202012Validator:
    """Tells whether something has the shape of an answer."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return Draft202012Validator({"$defs": schema["$defs"], **schema["properties"][name]})

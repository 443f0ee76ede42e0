"""What commands answer in JSON is documented. That they answer so is seen wherever a test calls one: see `shell`."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from replay.answers import ANSWERS
from replay.cli.program import main
from tests.replay.shell import validator

pytestmark = pytest.mark.slow

TOOL = Path(__file__).parents[2] / "tools" / "answers.py"


def test_every_command_has_its_answer():
    program = click.Context(main)
    commands = {name: main.get_command(program, name) for name in main.list_commands(program)}
    in_json = {name for name, command in commands.items() if any("--json" in each.opts for each in command.params)}
    assert {name.split()[0] for name in ANSWERS} == in_json, "replay/answers says what commands answer with --json"


@pytest.mark.parametrize("name", ANSWERS)
def test_what_has_another_shape_is_told(name):
    assert not validator(name).is_valid({"nobody": "has this"})


def test_the_schema_and_the_page_are_up_to_date():
    subprocess.run([sys.executable, TOOL, "--check"], check=True)

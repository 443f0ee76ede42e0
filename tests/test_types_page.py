"""docs/types.md says what is so: its code runs, or stands in the example package."""

import re
from pathlib import Path

import pytest

from engine.testing.bench import Bench

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "types.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PACKAGE = ROOT / "examples" / "foreign"


@pytest.mark.parametrize("code", [code for _, code in BLOCKS if code.startswith((" ", "["))])
def test_what_is_quoted_is_there(code):
    sources = [PACKAGE / "udpecho" / "resources.py", PACKAGE / "pyproject.toml"]
    assert any(code in source.read_text() for source in sources)


def test_its_code_runs(home, tmp_path, capsys):
    names = {"__name__": "page"}
    for language, code in BLOCKS:
        if language == "python" and not code.startswith(" "):
            exec(compile(code, "docs/types.md", "exec"), names)
    assert capsys.readouterr().out == "hello\n"
    names["test_a_note_says_what_it_was_told"](tmp_path)
    names["test_a_lease_is_had_whenever_the_controller_dies"]()
    contract = names["TestNote"]()
    bench = Bench(tmp_path)
    note = bench.add(names["Note"](text="hello"))
    contract.test_it_has_a_name_and_is_documented(note.description)
    contract.test_what_never_began_is_not_found(bench, note)

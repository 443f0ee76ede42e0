"""Programs for a host that are modules here."""

import subprocess
import sys

import pytest

from rms.netns._shipping import program

pytestmark = pytest.mark.slow


def test_a_program_runs_with_this_version_of_python_and_with_others(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "shipped"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "one.py").write_text("WORD = 'é'\n", "utf-8")
    (package / "two.py").write_text("from shipped.one import WORD\ndef main(*given): print(ascii(WORD), *given)\n")
    same = program("shipped.one", "shipped.two")
    other = same.replace(sys.implementation.cache_tag.encode(), b"cpython-30")
    assert other != same
    (package / "one.py").unlink()
    for text in (same, other):
        done = subprocess.run([sys.executable, "-I", "-S", "-", "x"], input=text, capture_output=True, check=True)
        assert done.stdout == b"'\\xe9' x\n"

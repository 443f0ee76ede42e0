"""Where runs live: what is asked first, and what is said if it cannot be."""

import re
from datetime import datetime
from pathlib import Path

import pytest

from engine import PFormats, UsageError
from engine.home import default_local_dir, make_run_dir


def test_a_variable_says_where(monkeypatch, tmp_path):
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path))
    assert default_local_dir() == tmp_path


def test_a_relative_variable_is_made_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETREEL_HOME", "here")
    assert default_local_dir() == tmp_path / "here"


@pytest.mark.parametrize(("state", "expected"), [("/state", "/state/netreel"), (None, "/me/.local/state/netreel")])
def test_else_it_is_where_the_desktop_keeps_such_things(monkeypatch, state, expected):
    monkeypatch.setenv("NETREEL_HOME", "")
    monkeypatch.setenv("HOME", "/me")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if state:
        monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_local_dir() == Path(expected)


def test_a_plot_goes_into_a_directory_that_is_made(ec, tmp_path):
    one = ec("exp")
    assert one.plot(tmp_path / "new" / "plots", PFormats.DOT).parent == tmp_path / "new" / "plots"
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"there is no directory .*/file, and it cannot be made"):
        one.plot(tmp_path / "file", PFormats.DOT)


def test_runs_of_one_moment_have_names_of_their_own(tmp_path, monkeypatch):
    class Stopped(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 5, 4, 12, tzinfo=tz)

    monkeypatch.setattr("engine.home.datetime", Stopped)
    assert len({make_run_dir("exp", tmp_path) for _ in range(100)}) == 100


def test_a_directory_that_cannot_be_made(ec, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as refused:
        ec("exp", local_dir=tmp_path / "file")
    assert re.fullmatch(
        r"the directory of the run cannot be made: /\S*/file/exp/\S+: not a directory; "
        "set local_dir or NETREEL_HOME to one that you may write to",
        str(refused.value),
    )
    assert refused.value.__suppress_context__

"""How benchmarks tell what they have found."""

import json

import measuring
import page
import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.00332, "0.00332"), (1.9, "1.90"), (35.04, "35.0"), (130.0, "130"), (12345.6, "12,346"), (0, "0")],
)
def test_a_figure_has_three_digits(value, told):
    assert measuring.digits(value) == told


def test_a_time_is_told_in_the_unit_that_suits_it():
    assert (measuring.seconds(0.01234), measuring.seconds(2.5)) == ("12.3 ms", "2.50 s")


def test_a_percentile_is_one_of_the_values():
    values = list(range(100, 0, -1))
    assert [measuring.percentile(values, percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert measuring.percentile([7], 50) == 7


def test_ratios_are_of_the_same_round():
    assert measuring.ratios([2, 9, 8], [1, 3]) == (2.5, 2, 3)


def test_the_exponent_of_what_grows_with_the_square_is_two():
    assert measuring.exponent([10, 100, 1000], [3, 300, 30_000]) == pytest.approx(2)


def findings(met):
    return {
        "machine": {"taken": "2026-11-23", "processor": "p", "system": "s", "python": "y", "sync": 0.001, "load": 0.25},
        "goals": [page.goal("what", "under 1 s", "0.9 s", met)],
        "tables": [page.table("Times", ["", "took"], [["a", "0.9 s"]], "A note.")],
    }


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A page with places for goals and for the engine."""
    marks = "".join(
        f"<!-- {name}: made by benchmarks/page.py -->\nold\n<!-- end of {name} -->\n" for name in ("goals", "engine")
    )
    (tmp_path / "page.md").write_text(f"# Title\n{marks}\nthe end\n")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(page, "RESULTS", tmp_path / "results")
    return tmp_path


def test_what_was_found_is_kept_and_stands_in_the_page(made, capsys):
    assert page.publish("engine", **findings(met=True), save=True) == 0
    assert json.loads((made / "results" / "engine.json").read_text()) == findings(met=True)
    text = (made / "page.md").read_text()
    assert "| what | under 1 s | 0.9 s | yes |" in text
    assert "**Times**\n\n|  | took |\n| --- | --- |\n| a | 0.9 s |\n\nA note." in text
    assert "old" not in text
    assert text.startswith("# Title\n")
    assert text.endswith("\nthe end\n")
    assert "met: what: under 1 s: 0.9 s" in capsys.readouterr().out


def test_a_goal_that_is_missed_is_said_and_makes_the_exit_status_1(made, capsys):
    assert page.publish("engine", **findings(met=False), save=False) == 1
    assert not (made / "results").exists()
    assert "MISSED: what" in capsys.readouterr().out


def test_the_page_is_what_was_found():
    before = page.PAGE.read_text()
    assert page.made(before) == before

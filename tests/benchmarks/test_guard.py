"""When the guard says that the engine has become too slow."""

import guard


def test_the_median_of_the_processes_is_what_counts():
    found = [{"life": ratio} for ratio in (2.0, 2.2, 4.0)]
    assert guard.changes(found, {"life": 2.0}) == {"life": (1.1, 1.0, 2.0)}


def test_more_than_15_per_cent_in_one_of_them_is_too_slow(capsys):
    assert not guard.is_slow({"life": (1.15, 1.0, 1.3), "fold": (0.5, 0.5, 0.5)})
    slow = {"life": (1.16, 1.0, 1.3), "fold": (0.5, 0.5, 0.5)}
    assert guard.is_slow(slow)
    guard.tell(slow)
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if "TOO SLOW" in line] == ["life"]


def test_what_is_slow_by_chance_is_measured_again(monkeypatch):
    ratios = iter([3.0, 2.0, 2.0])
    monkeypatch.setattr(guard, "measure_apart", lambda _: {"life": next(ratios)})
    assert guard.compare(1, 1, {"life": 2.0}) == {"life": (1.0, 1.0, 1.5)}

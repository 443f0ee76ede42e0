"""The examples work as they are."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest

from tests.rms.netns.conftest import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]

EXAMPLES = Path(__file__).parents[3] / "examples" / "netns"


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Runs an example with these arguments; what it prints."""

    def run(name, *args):
        monkeypatch.setattr(sys, "argv", [name, *args])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_packets_take_the_other_way_when_one_fails(run):
    first, *changes = run("failure.py").splitlines()
    assert int(first.split()[0]) >= 18
    assert first.endswith("number 20")
    assert [line.split()[1:3] for line in changes] == [["went", "down"]] * 2
    assert all(float(line.split()[3]) >= 1 for line in changes)


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed here")
def test_a_larger_queue_makes_others_wait_longer(run):
    _, *rows = run("bufferbloat.py", "3").splitlines()
    times = [float(row.split()[1]) for row in rows]
    assert times == sorted(times)
    assert times[0] >= 20
    assert times[-1] > 2 * times[0]

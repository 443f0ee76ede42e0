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
def run(home, monkeypatch, capsys, tmp_path):
    """Runs an example with these arguments; what it prints. Its picture is in the directory of the test."""
    monkeypatch.chdir(tmp_path)

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
    assert Path("bufferbloat.png").exists()


@pytest.mark.torture
@pytest.mark.skipif(not shutil.which("vtysh"), reason="FRR is not installed here: apt-get install frr")
def test_a_silent_failure_is_found_when_no_hello_comes_and_a_lost_carrier_at_once(run):
    _, carrier, silent = run("ospf.py", "3").splitlines()
    assert carrier.startswith("carrier lost ")
    # Hellos come every second: when the link fails the last one is up to a second old.
    assert float(silent.split()[-1]) > 1.9
    assert float(carrier.split()[-1]) < float(silent.split()[-1])
    assert Path("ospf.png").exists()


@pytest.mark.torture
@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed here")
def test_no_more_than_a_window_gets_through_in_a_round_trip(run):
    _, *rows = run("sweep.py", "2").splitlines()
    for row in rows:
        delay, *rates = map(float, row.split())
        for window, rate in zip((16, 32, 64, 128, 256), rates, strict=True):
            assert 0 < rate < 1.05 * min(20, window * 1024 * 8 / delay / 1000)
    assert Path("sweep.png").exists()

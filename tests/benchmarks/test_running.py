"""The benchmarks run, each at its smallest size: what they find is no test's business."""

import sys

import bench_conditions
import bench_engine
import bench_latency
import bench_log
import bench_reconnect
import bench_replay
import guard
import measuring
import pytest

pytestmark = pytest.mark.slow

SMALLEST = [
    (bench_engine, "--sizes 1x1 --alone"),
    (bench_latency, "--links 5 --active 5 --timers 10"),
    (bench_conditions, "--number 20"),
    (bench_reconnect, "--numbers 1"),
    (bench_replay, "--events 45000 --many 5000"),
    (bench_log, "--events 1000"),
]


@pytest.mark.torture
@pytest.mark.parametrize(("bench", "arguments"), SMALLEST, ids=lambda each: getattr(each, "__name__", ""))
def test_a_benchmark_runs(bench, arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench", "--repeat", "1", *arguments.split()])
    assert bench.main() in (0, 1)
    assert capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("program", ["with_netreel", "bare_loop", "bare_pool", "least_engine"])
def test_a_life_is_lived_to_its_end(program):
    found = measuring.run(f"life/{program}.py", 1, 1)
    assert found["resources"] == 4
    assert 0 < found["deployed"] <= found["stopped"] <= found["released"]


@pytest.mark.slow
def test_each_link_of_a_chain_is_measured():
    assert len(measuring.run("programs/chain.py", 4, 2)["taken"]) == 3


@pytest.mark.slow
def test_conditions_that_all_wait_for_all_are_met():
    assert measuring.run("programs/conditions.py", "all", 3)["resources"] == 6


@pytest.mark.slow
def test_the_guard_measures():
    assert set(guard.measure_apart(1)) == {"life", "conditions", "fold"}

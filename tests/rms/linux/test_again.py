"""Experiments on a real machine that are repeated, and that are saved, loaded and run again."""

import json

import pytest

from engine import ExperimentRunner, ResourceAction, ResourceState, SFormats
from tests.rms.linux.test_real_tools import free_port

pytestmark = pytest.mark.slow

PATIENCE = 30
START, STOP = ResourceAction.START, ResourceAction.STOP
STARTED, STOPPED = ResourceState.STARTED, ResourceState.STOPPED


def test_a_measurement_is_repeated_and_each_run_is_collected(one):
    ping = one.register_resource("linux::Ping", target="127.0.0.1", count=3, interval=0.02, connectedTo=1)
    one.register_resource("Collector", trace_name="stdout", connectedTo=ping)
    collected = []

    def metric(run, _number):
        assert run.wait_finished(ping, timeout=PATIENCE)
        collected.append(run.run_dir / f"{ping}.stdout")
        shortest = json.loads(run.trace(ping, "result"))["rtt"]["min"]
        return 1000 + shortest  # samples that differ by little converge

    assert ExperimentRunner().run(one, min_runs=3, max_runs=8, compute_metric_callback=metric) == 3
    assert len(set(collected)) == 3
    for path in collected:
        assert "3 received" in path.read_text()
        assert [it.name for it in path.parent.glob("*.stdout")] == [f"{ping}.stdout"]


@pytest.mark.parametrize("form", SFormats)
def test_a_pair_that_was_run_is_loaded_and_run_again(one, form):
    port = free_port()
    server = one.register_resource("linux::Application", command=f"nc -l {port}", connectedTo=1)
    client = one.register_resource(
        "linux::Application", command=f"until echo hello | nc -N localhost {port}; do :; done", connectedTo=1
    )
    one.register_condition(client, START, server, STARTED)
    saved = one.save(format=form)
    states = [finished(one, server, client)]
    with one.load(saved) as again:
        states.append(finished(again, server, client))
    assert states == [([STOPPED, STOPPED], "hello\n")] * 2


def finished(ec, server, client):
    ec.deploy()
    assert ec.wait_finished([server, client], timeout=PATIENCE)
    result = [ec.state(server), ec.state(client)], ec.trace(server, "stdout")
    ec.release()
    return result

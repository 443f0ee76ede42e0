# pyright: strict
"""A script that calls whatever the controller offers: both checkers find nothing."""

import datetime
from pathlib import Path
from typing import assert_type

from types_good import FairQueue, Interface, Queue

import replay
from engine import (
    ECState,
    ExperimentController,
    ExperimentRunner,
    FailureLevel,
    FailureManager,
    Handle,
    PFormats,
    ResourceAction,
    ResourceFailed,
    ResourceState,
    SFormats,
    TaskStatus,
    TopologyType,
    Trace,
    TraceAttr,
    WaitTimeout,
)


class Lenient(FailureManager):
    def eval_failure(self, guid: int) -> None:
        pass


def build(ec: ExperimentController, node: int) -> None:
    ec.register_resource("lab::Interface", name=f"eth{node}")


def describe(ec: ExperimentController) -> Handle:
    port = ec.add(Interface(name="eth0"), label="port")
    queue = ec.add(Queue(rate=8000), on=port)
    assert_type(queue, Handle)
    fair = ec.add(FairQueue(rate=2, colour="red", critical=False), on=[port, queue.guid])
    number = ec.register_resource("lab::Queue", rate=3, connectedTo=port)
    assert_type(number, int)
    ec.register_connection(fair, number)
    ec.unregister_connection(fair, number)
    ec.register_condition([queue, number], ResourceAction.START, port, ResourceState.READY, "1.5s")
    ec.unregister_condition(queue, [port], ResourceAction.START)
    ec.set_with_conditions("limits", {"a": 1}, queue, port, ResourceState.STARTED, time=2)
    fair.start_when(queue.started & port.ready, delay=datetime.timedelta(seconds=1))
    fair.stop_when(queue.stopped)
    fair.deploy_when(port.ready, "20ms")
    ec.set(queue, "rate", 9)
    ec.set_global("lab::Queue", "colour", "green")
    ec.enable_trace(fair, "drops")
    ec.disable_trace(number, "drops")
    ec.remove_resource(number)
    return queue


def run(ec: ExperimentController, queue: Handle) -> None:
    group = ec.deploy(wait_all_ready=False)
    ec.deploy([queue], group=group)
    assert_type(ec.wait_deployed(queue), bool)
    assert_type(ec.wait([queue], ResourceState.STARTED, lambda: False, timeout="90s"), bool)
    if ec.wait_started(queue) and ec.wait_finished([queue, 1], timeout=3.5):
        ec.stop(queue)
    task = ec.schedule("2s", lambda: ec.state(queue), track=True)
    assert_type(ec.schedule(datetime.datetime.now(datetime.UTC), build_nothing), int)
    found = ec.get_task(task)
    print(found is not None and found.status is TaskStatus.DONE)
    ec.release(queue)
    ec.wait_released(queue)


def build_nothing() -> None:
    pass


def look(ec: ExperimentController, queue: Handle) -> None:
    assert_type(ec.resources, list[int])
    assert_type(ec.run_dir, Path)
    assert_type(ec[1], Handle)
    assert_type(queue.state, ResourceState)
    assert_type(queue.label, str | None)
    assert_type(queue.wait_finished(timeout=1), bool)
    assert_type(ec.get_start_time(queue), datetime.datetime | None)
    assert_type(ec.get_resources_by_type("lab::Queue"), list[Handle])
    assert_type(ec.filter_resources("lab::Queue"), list[int])
    assert_type(ec.trace_enabled(queue, "drops"), bool)
    assert_type(ec.get_traces(queue), list[Trace])
    assert_type(ec.failure(queue), ResourceFailed | None)
    attribute = ec.get_attribute(queue, "rate")
    print(attribute.name, attribute.value, attribute.default, attribute.help, attribute.type, attribute.choices)
    print([each.name for each in ec.get_attributes(queue)], ec.get(queue, "rate"), queue.get("rate"))
    print(ec.trace(queue, "drops"), queue.trace("drops", TraceAttr.STREAM, block=10, offset=2))
    print(ec.state(queue, hr=True), ec.ecstate is ECState.RUNNING, ec.failure_level is FailureLevel.OK)
    print(ec.save(format=SFormats.JSON), ec.serialize(SFormats.XML), ec.plot(format=PFormats.DOT), ec.exit_code(queue))


def measure(ec: ExperimentController, run: int) -> float:
    return float(run + len(ec.resources))


with ExperimentController("exp", fm=Lenient(), workers=4) as controller:
    with controller.batch():
        described = describe(controller)
    run(controller, described)
    look(controller, controller["port"])
with ExperimentController(topo_type=TopologyType.STAR, node_count=4, add_node_callback=build) as drawn:
    print(drawn.netgraph)
try:
    print(replay.state("run").to_dict(), ExperimentController.load("exp.xml"), ExperimentController.reconnect("run"))
except WaitTimeout as error:
    print(error.missing)
print(ExperimentRunner().run(controller, min_runs=2, compute_metric_callback=measure))

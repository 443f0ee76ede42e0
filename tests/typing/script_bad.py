# pyright: strict
"""What both checkers refuse in a script. After `error:`, what mypy and then what pyright calls it."""

from types_good import Queue

from engine import ExperimentController, ResourceAction, ResourceState

with ExperimentController(exp_id="exp") as ec:
    queue = ec.add(Queue(rate=8))
    ec.add(Queue)  # error: arg-type reportArgumentType
    ec.add("lab::Queue")  # error: arg-type reportArgumentType
    ec.add(Queue(rate=8), at=queue)  # error: call-arg reportCallIssue
    number: int = ec.add(Queue(rate=8))  # error: assignment reportAssignmentType
    ec.register_condition(queue, "start", 1, ResourceState.READY)  # error: arg-type reportArgumentType
    ec.register_condition(queue, ResourceAction.START, 1, "READY")  # error: arg-type reportArgumentType
    ec.wait_finished(1.5)  # error: arg-type reportArgumentType
    ec.wait_finshed(queue)  # error: attr-defined reportAttributeAccessIssue
    queue.start_when(ResourceState.READY)  # error: arg-type reportArgumentType
    queue.stop_when(queue.started, delay=[])  # error: arg-type reportArgumentType
    print(queue.rate)  # error: attr-defined reportAttributeAccessIssue
    ec.schedule("1s", "callback")  # error: arg-type reportArgumentType
    ec.resources.append("one")  # error: arg-type reportArgumentType

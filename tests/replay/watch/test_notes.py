"""What is said of a resource in half a line."""

from engine.core.states import ResourceState
from replay.watch.notes import note
from tests.engine.core.lab import START, Lab


def test_what_it_waits_for_and_what_it_does():
    lab = Lab()
    server, client, late = (lab.add("deploy", "start", label=label, command=f"./{label}") for label in "abc")
    lab.when(client, START, server, ResourceState.STARTED, 2)
    lab.when(late, START, [server, client], ResourceState.STARTED)
    assert note(lab.world, lab.resource(server)) == "nobody has deployed it  ./a"
    lab.deploy()
    assert note(lab.world, lab.resource(server)) == "its deploy is under way  ./a"
    lab.done(server, client)
    assert note(lab.world, lab.resource(server)) == f"its start waits for #{late} c to be READY  ./a"
    lab.done(late)
    assert note(lab.world, lab.resource(late)) == f"its start waits for #{server} a and 1 more to be STARTED  ./c"
    lab.done(server)
    assert note(lab.world, lab.resource(client)) == "its start waits for 2 s to go by  ./b"
    assert note(lab.world, lab.resource(server)) == "./a"
    lab.failed(server, "out of\nmemory")
    assert note(lab.world, lab.resource(server)) == "out of memory  ./a"

"""A loss of power at any moment of an experiment: whatever is found on the disk afterwards is a log that holds up.

The laboratory writes to a simulated disk. At every call that changes it, all that may be found after a loss of power is
enumerated; from each of these a new controller takes over and finishes. The laboratory audits the log after every turn.
"""

import pytest

from engine.core import messages
from engine.core.effects import Probe
from engine.core.states import ResourceState
from eventlog._writer import FileWriter
from eventlog.testing import Image, SimDirectory, SimStore
from tests.engine.core.lab import START, STOP, Lab


def images(live) -> list[tuple[Image, int]]:
    """What may be found on the disk at any moment of `live`, each with the seq that had been acknowledged by then."""
    directory = SimDirectory()
    found: dict[frozenset[tuple[str, bytes]], tuple[Image, int]] = {}
    acknowledged = [0]

    def look(call: str, name: str) -> None:
        if call not in {"read", "names", "size", "locked", "holder"}:
            for image in directory.images():
                found.setdefault(frozenset(image.items()), (image, acknowledged[0]))

    directory.on_call = look
    live(Lab(SimStore(directory)), acknowledged)
    return list(found.values())


def live(lab: Lab, acknowledged: list[int]) -> None:
    """A server, a client that starts a second later, a sampler that stops with the client, and their end."""

    def turn(act, *args, **kwargs) -> None:
        act(*args, **kwargs)
        acknowledged[0] = lab.world.seq

    host = lab.add("provision", "release")
    server, client, sampler = (lab.add("start", "stop", "release", to=[host], critical=False) for _ in range(3))
    turn(lab.when, client, START, server, ResourceState.STARTED, delay=1)
    turn(lab.when, sampler, STOP, client, ResourceState.STOPPED)
    turn(lab.deploy)
    turn(lab.done, host)
    turn(lab.done, server, sampler, receipt={"pid": 7})
    turn(lab.wait, 1)
    turn(lab.done, client)
    turn(lab.ended, client, 0)
    turn(lab.ended, sampler, 143)
    turn(lab.done, sampler)
    turn(lab.release)
    while busy(lab):
        turn(lab.done, *busy(lab))


def busy(lab: Lab) -> list[int]:
    return [guid for guid, resource in lab.world.resources.items() if resource.attempt is not None]


def finish(image: Image) -> Lab:
    """Take over what is found, and see it to its end; every answer is that nothing had begun or that it is gone."""
    lab = Lab(SimStore(SimDirectory(image)))
    probes = [effect for effect in lab.take_over() if isinstance(effect, Probe)]
    lab.turn(*(messages.NotBegun(probe.guid, probe.attempt.token) for probe in probes))
    lab.release()
    while busy(lab):
        lab.done(*busy(lab))
    return lab


@pytest.mark.slow
@pytest.mark.parametrize("share", [12, pytest.param(1, marks=pytest.mark.torture)])
def test_every_image_is_a_log_from_which_a_controller_can_finish(share: int) -> None:
    everything = images(live)
    assert len(everything) > 500
    for image, acknowledged in everything[::share]:
        lab = finish(image)
        before = next(entry.seq for entry in reversed(lab.entries) if entry.event.kind == "controller.opened") - 1
        assert before >= acknowledged
        assert {resource.state.name for resource in lab.world.resources.values()} <= {"RELEASED"}


@pytest.mark.torture
def test_a_turn_that_is_written_in_parts_may_be_cut_between_any_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """As very much at once is written; here each event is a part of its own."""
    whole = FileWriter.append
    monkeypatch.setattr(FileWriter, "append", lambda writer, events: [whole(writer, [event]) for event in events])
    for image, acknowledged in images(live):
        lab = finish(image)
        before = next(entry.seq for entry in reversed(lab.entries) if entry.event.kind == "controller.opened") - 1
        assert before >= acknowledged
        assert {resource.state.name for resource in lab.world.resources.values()} <= {"RELEASED"}

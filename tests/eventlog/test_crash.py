"""A loss of power at any moment, and what is found afterwards.

The disk is simulated. At every call that the log makes, everything that may be found after a loss of power is
enumerated, and recovered from: nothing that was acknowledged is missing, nothing is found that was not
appended, batches are whole, old bytes are not changed, and writing goes on.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate, count, islice

import pytest

from eventlog import Event, Writer, _index, _segments, _writer
from eventlog.testing import Image, SimDirectory, SimStore, event

pytestmark = pytest.mark.slow

BATCHES = ([1], [2, 1], [1, 1, 1], [3, 1], [1, 4], [12, 1], [1, 2, 3, 1])


@pytest.fixture(autouse=True)
def reproducible(monkeypatch: pytest.MonkeyPatch):
    """Segments are told apart by counting, and are full after two small frames."""
    numbers = count()
    monkeypatch.setattr(_writer, "_stamp", lambda: (next(numbers).to_bytes(16, "big"), 0))
    monkeypatch.setattr(_segments, "FULL", 250)


class Run:
    """One writer on a disk that may lose power at any call.

    Attributes:
        images: What may then be found, with the seq that was acknowledged by then.
    """

    def __init__(self, image: Image):
        self.directory = SimDirectory(image)
        self.acknowledged = sum(1 for _ in SimStore(self.directory).read())
        self.images: dict[frozenset, tuple[Image, int]] = {}
        self.directory.on_call = self.crash

    def crash(self, call: str, name: str) -> None:
        if call in {"read", "names", "size", "locked", "holder"}:
            return  # nothing has changed since the call before
        for image in self.directory.images():
            self.images[frozenset(image.items())] = image, self.acknowledged

    def write(self, sizes: Sequence[int]) -> None:
        with SimStore(self.directory).open_writer("test") as writer:
            for size in sizes:
                writer.append(events(writer, size))
                self.acknowledged = writer.last_seq
        self.crash("end", "")


def events(writer: Writer, number: int) -> list[Event]:
    first = writer.last_seq + 1
    return [event(seq, writer.epoch) for seq in range(first, first + number)]


def check(image: Image, acknowledged: int, ends: set[int]) -> int:
    """Check what must hold of an image when writing goes on in it; `ends` are the seqs at which a batch ended."""
    directory = SimDirectory(image)
    store = SimStore(directory)
    with store.open_writer("test") as writer:
        found = writer.last_seq
        assert found >= acknowledged
        assert found in ends
        writer.append(events(writer, 1))
    assert [seen.seq for seen in store.read()] == list(range(1, found + 2))
    assert all(directory.nodes[name].cached == data for name, data in image.items() if name.endswith(".log"))
    return found


def check_reading(image: Image, found: int) -> None:
    """Check that a reader sees what a writer finds, and that reading again changes nothing."""
    directory = SimDirectory(image)
    for after in (0, 0, found // 2, found):
        assert [seen.seq for seen in SimStore(directory).read(after)] == list(range(after + 1, found + 1))
    assert {name: node.cached for name, node in directory.nodes.items()} == image


def every_image(seed: int, writers: int) -> Iterator[tuple[Image, int, set[int]]]:
    """Images of a first writer, then of one who recovers from such an image, and so on; and again, without end."""
    chance = random.Random(seed)
    while True:
        image: Image = {}
        ends = {0}
        for sizes in chance.choices(BATCHES, k=writers):
            run = Run(image)
            ends |= {run.acknowledged + written for written in accumulate(sizes)}
            run.write(sizes)
            for found, acknowledged in run.images.values():
                yield found, acknowledged, ends
            image, _ = chance.choice(list(run.images.values()))


def recover_all(seed: int, writers: int, number: int) -> None:
    for place, (image, acknowledged, ends) in enumerate(islice(every_image(seed, writers), number)):
        found = check(image, acknowledged, ends)
        if place % 25 == 0:
            check_reading(image, found)


def test_some_crash_images_recover():
    recover_all(seed=1, writers=4, number=2_000)


def test_crash_images_with_indexes_recover(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_index, "SPACING", 120)
    recover_all(seed=2, writers=3, number=4_000)


@pytest.mark.slow
def test_more_crash_images_recover():
    recover_all(seed=3, writers=3, number=8_000)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(4, 12))
def test_many_more_crash_images_recover(seed: int):
    recover_all(seed, writers=5, number=250_000)

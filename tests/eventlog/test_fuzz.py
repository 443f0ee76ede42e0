"""Whatever the files hold, a reader ends in reasonable time with events or an error of ours."""

import random
import zlib
from collections.abc import Iterator

import pytest

from eventlog import Corrupt, LogError, WrongVersion, _frame, _segments
from eventlog._log import Log
from eventlog._verify import examine
from eventlog.testing import Image, SimDirectory, SimStore, event

pytestmark = pytest.mark.slow

PIECES = (
    *(b"", b"\0", b"\xff", bytes(8), bytes(64), _frame.MARKER, _segments.MAGIC),
    *(b"\x91", b"\x96", b"\xc0", b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc7\x0c\xff", b"\x91" * 2000),
)


def sample() -> Image:
    directory = SimDirectory()
    for _ in range(2):
        with SimStore(directory).open_writer("test") as writer:
            for size in (1, 3):
                first = writer.last_seq + 1
                writer.append([event(seq, writer.epoch, x=[1, "a"]) for seq in range(first, first + size)])
    return {name: node.cached for name, node in directory.nodes.items()}


SAMPLE = sample()


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, moved, doubled, or removed."""
    for _ in range(chance.randint(1, 4)):
        low, high = sorted(chance.choices(range(len(data) + 1), k=2))
        piece = chance.choice((*PIECES, data[low:high], chance.randbytes(chance.randint(1, 20))))
        place = chance.randrange(len(data) + 1)
        data = data[:place] + piece + data[place + chance.choice((0, len(piece), high - low)) :]
    return data


def mutated_images(seed: int) -> Iterator[Image]:
    chance = random.Random(seed)
    while True:
        image = dict(SAMPLE)
        for name in chance.sample(sorted(image), chance.randint(1, 3)):
            image[name] = mutated(image[name], chance)
        yield image


def forged_images(seed: int) -> Iterator[Image]:
    """A frame that validates, and yet holds anything."""
    chance = random.Random(seed)
    name = max(name for name in SAMPLE if name.endswith(".log"))
    header = SAMPLE[name][: _segments.HEADER_LENGTH]
    payload = SAMPLE[name][_segments.HEADER_LENGTH + _frame.HEADER_LENGTH :][:60]
    while True:
        forged = mutated(payload, chance)
        count = chance.choice((1, 1, 2, 2**32 - 1))
        frame = _frame.frame(forged, first=5, count=count, salt=zlib.crc32(header[:-4]))
        yield {key: data for key, data in SAMPLE.items() if key != "durable"} | {name: header + frame}


def expect_events_or_an_error_of_ours(image: Image) -> None:
    log = Log(SimDirectory(image))
    try:
        found = [seen.seq for seen in log]
    except (Corrupt, WrongVersion):
        assert not examine(SimDirectory(image)).ok
    else:
        assert found == list(range(1, len(found) + 1))
        assert examine(SimDirectory(image)).events == len(found)
    try:
        list(log.salvage())
        SimStore(SimDirectory(image)).open_writer("test").close()
    except LogError:
        pass


@pytest.mark.parametrize("images", [mutated_images, forged_images])
def test_damaged_files(images):
    for image, _ in zip(images(1), range(1500), strict=False):
        expect_events_or_an_error_of_ours(image)


@pytest.mark.torture
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("images", [mutated_images, forged_images])
@pytest.mark.parametrize("seed", range(2, 7))
def test_damaged_files_at_length(images, seed: int):
    for image, _ in zip(images(seed), range(100_000), strict=False):
        expect_events_or_an_error_of_ours(image)


def test_a_segment_larger_than_any_can_be_is_not_read_into_memory(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_segments, "LARGEST", 1000)
    name = max(name for name in SAMPLE if name.endswith(".log"))
    image = SAMPLE | {name: SAMPLE[name] + bytes(2000)}
    del image["durable"]
    assert "no segment is larger" in str(examine(SimDirectory(image)).corrupt)

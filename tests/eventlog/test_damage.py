"""Every cut, every flipped bit, every frame doubled, dropped, swapped or spliced: what exactly is said of it."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from eventlog import _frame, _segments
from eventlog._segments import HEADER_LENGTH
from eventlog._verify import examine
from eventlog.testing import Image, SimDirectory, SimStore, event

pytestmark = pytest.mark.slow

FIRST = f"{1:08d}-{1:016d}.log"
LAST = f"{2:08d}-{4:016d}.log"
NOTE = "durable"

OK = ("ok",)


@dataclass
class Sample:
    """A log of two segments with the batches 1 2-3 and 4 5-6-7.

    Attributes:
        image: Its files.
        starts: By file, where each frame begins, and where the last one ends.
        seqs: By file, the first seq of each frame.
    """

    image: Image
    starts: dict[str, list[int]]
    seqs: dict[str, list[int]]

    def frames(self, name: str) -> list[bytes]:
        starts = self.starts[name]
        return [self.image[name][low:high] for low, high in pairwise(starts)]

    def frame_at(self, name: str, byte: int) -> int:
        """Which frame a byte is in."""
        return sum(start <= byte for start in self.starts[name]) - 1


def make() -> Sample:
    directory = SimDirectory()
    starts, seqs = {}, {}
    for name, sizes in ((FIRST, (1, 2)), (LAST, (1, 3))):
        starts[name], seqs[name] = [HEADER_LENGTH], []
        with SimStore(directory).open_writer("test") as writer:
            for size in sizes:
                first = writer.last_seq + 1
                writer.append([event(seq, writer.epoch, text="x" * 10) for seq in range(first, first + size)])
                starts[name].append(directory.size(name))
                seqs[name].append(first)
    return Sample({name: directory.read(name, 0, 10_000) for name in (FIRST, LAST, NOTE)}, starts, seqs)


SAMPLE = make()
OTHER = make()


def classify(image: Image) -> tuple:
    """What is said of an image: ok, torn (file, byte, dropped), or corrupt (file, byte, first seq, intact after)."""
    report = examine(SimDirectory(image))
    if report.corrupt:
        error = report.corrupt
        return "corrupt", error.path.name, error.byte, error.first_seq, error.intact_after
    found = [seen.seq for seen in SimStore(SimDirectory(image)).read()]
    assert found == list(range(1, report.events + 1))
    if report.torn:
        return "torn", report.torn.path.name, report.torn.byte, report.torn.dropped
    for left in report.dropped:
        return "left behind", left.path.name, left.byte, left.dropped
    return OK


def changed(name: str, data: bytes, *, note: bool) -> Image:
    image = SAMPLE.image | {name: data}
    if not note:
        del image[NOTE]
    return image


@pytest.mark.parametrize("note", [True, False])
def test_a_whole_log_is_ok(note: bool):
    assert classify(changed(FIRST, SAMPLE.image[FIRST], note=note)) == OK


def test_every_cut_of_the_last_segment_is_torn_without_the_note():
    data, starts = SAMPLE.image[LAST], SAMPLE.starts[LAST]
    for length in range(len(data)):
        said = classify(changed(LAST, data[:length], note=False))
        start = max([0, *(start for start in starts if start <= length)])
        whole = length in starts
        assert said == (OK if whole else ("torn", LAST, start, length - start))


def test_every_cut_of_the_last_segment_is_corrupt_with_the_note():
    data, starts = SAMPLE.image[LAST], SAMPLE.starts[LAST]
    for length in range(len(data)):
        frame = SAMPLE.frame_at(LAST, length)
        byte, seq = (starts[frame], SAMPLE.seqs[LAST][frame]) if frame >= 0 else (0, 4)
        assert classify(changed(LAST, data[:length], note=True)) == ("corrupt", LAST, byte, seq, False)


@pytest.mark.parametrize("note", [True, False])
def test_every_cut_of_an_earlier_segment_is_corrupt(note: bool):
    data, starts = SAMPLE.image[FIRST], SAMPLE.starts[FIRST]
    for length in range(len(data)):
        frame = SAMPLE.frame_at(FIRST, length)
        if frame >= 0:
            expected = ("corrupt", FIRST, starts[frame], SAMPLE.seqs[FIRST][frame], True)
        else:
            expected = ("corrupt", LAST, 48, 4, True)
        assert classify(changed(FIRST, data[:length], note=note)) == expected


@pytest.mark.parametrize("note", [True, False])
@pytest.mark.parametrize("name", [FIRST, LAST])
def test_every_flipped_bit_is_found(name: str, note: bool):
    data, starts = SAMPLE.image[name], SAMPLE.starts[name]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        frame = SAMPLE.frame_at(name, bit // 8)
        at_the_end = name == LAST and frame == 1
        if frame < 0:
            expected = ("corrupt", name, 0, SAMPLE.seqs[name][0], name == FIRST)
        elif at_the_end and not note:
            expected = ("torn", name, starts[frame], len(data) - starts[frame])
        else:
            expected = ("corrupt", name, starts[frame], SAMPLE.seqs[name][frame], not at_the_end)
        assert classify(changed(name, bytes(flipped), note=note)) == expected


def test_every_flipped_bit_of_the_note_makes_it_as_good_as_none():
    for bit in range(8 * len(SAMPLE.image[NOTE])):
        flipped = bytearray(SAMPLE.image[NOTE])
        flipped[bit // 8] ^= 1 << bit % 8
        assert classify(SAMPLE.image | {NOTE: bytes(flipped)}) == OK


def rearranged(name: str, *frames: bytes) -> tuple:
    data = SAMPLE.image[name][:HEADER_LENGTH] + b"".join(frames)
    return classify(changed(name, data, note=False))


def test_a_frame_that_is_doubled_is_corrupt():
    first, second = SAMPLE.frames(LAST)
    _, at_second, end = SAMPLE.starts[LAST]
    assert rearranged(LAST, first, first, second) == ("corrupt", LAST, at_second, 5, True)
    assert rearranged(LAST, first, second, second) == ("corrupt", LAST, end, 8, False)
    first, second = SAMPLE.frames(FIRST)
    assert rearranged(FIRST, first, first, second) == ("corrupt", FIRST, SAMPLE.starts[FIRST][1], 2, True)


def test_bytes_behind_the_end_that_the_next_segment_names_are_said():
    first, second = SAMPLE.frames(FIRST)
    end = SAMPLE.starts[FIRST][2]
    assert rearranged(FIRST, first, second, second) == ("left behind", FIRST, end, len(second))
    assert rearranged(FIRST, first, second, b"rubbish") == ("left behind", FIRST, end, 7)


def test_a_frame_that_is_missing_is_corrupt_unless_it_was_the_very_last():
    first, second = SAMPLE.frames(LAST)
    assert rearranged(LAST, second) == ("corrupt", LAST, HEADER_LENGTH, 4, True)
    assert rearranged(LAST, first) == OK
    first, second = SAMPLE.frames(FIRST)
    assert rearranged(FIRST, second) == ("corrupt", FIRST, HEADER_LENGTH, 1, True)
    assert rearranged(FIRST, first) == ("corrupt", FIRST, SAMPLE.starts[FIRST][1], 2, True)


def test_frames_that_changed_places_are_corrupt():
    for name in (FIRST, LAST):
        first, second = SAMPLE.frames(name)
        seq = SAMPLE.seqs[name][0]
        assert rearranged(name, second, first) == ("corrupt", name, HEADER_LENGTH, seq, True)


@pytest.mark.parametrize(
    "source",
    [SAMPLE.frames(FIRST)[0], OTHER.frames(LAST)[0], OTHER.frames(LAST)[1]],
    ids=["other segment", "other log, same place", "other log"],
)
def test_a_frame_of_another_segment_or_log_is_never_read(source: bytes):
    first, second = SAMPLE.frames(LAST)
    end = SAMPLE.starts[LAST]
    assert rearranged(LAST, source, second) == ("corrupt", LAST, HEADER_LENGTH, 4, True)
    assert rearranged(LAST, first, source, second) == ("corrupt", LAST, end[1], 5, True)
    assert rearranged(LAST, first, source) == ("torn", LAST, end[1], len(source))
    assert rearranged(LAST, first, second, source) == ("torn", LAST, end[2], len(source))


def test_a_segment_of_another_log_is_never_read():
    assert classify(changed(LAST, OTHER.image[LAST], note=False)) == ("corrupt", LAST, 48, 4, True)
    assert classify(changed(FIRST, OTHER.image[FIRST], note=False)) == ("corrupt", LAST, 48, 4, True)


def test_events_that_are_missing_between_two_segments_are_corrupt():
    first = _segments.parse_header(SAMPLE.image[FIRST])
    end = _segments.Tail(first.key, len(SAMPLE.image[FIRST]), first.salt)
    last = _segments.Key(2, 5)
    header = _segments.new_header(last, end, id_=bytes(16), created=0)
    said = classify({FIRST: SAMPLE.image[FIRST], last.name: header})
    assert said == ("corrupt", FIRST, len(SAMPLE.image[FIRST]), 4, True)


@pytest.mark.parametrize("rest", [bytes(1), bytes(512), b"\xff" * 100])
def test_zeros_and_rubbish_behind_the_last_frame_are_torn(rest: bytes):
    end = SAMPLE.starts[LAST][2]
    assert rearranged(LAST, *SAMPLE.frames(LAST), rest) == ("torn", LAST, end, len(rest))


@pytest.mark.parametrize("shift", range(8))
def test_a_torn_batch_that_quotes_the_log_itself_is_still_torn(shift: int):
    directory = SimDirectory(SAMPLE.image)
    with SimStore(directory).open_writer("test") as writer:
        name = f"{3:08d}-{8:016d}.log"
        writer.append([event(8, 3)])
        end = directory.size(name)
        quoted = directory.read(name, HEADER_LENGTH, end)
        writer.append([event(9, 3, quote=bytes(shift) + quoted + bytes(8))])
    image = {known: directory.read(known, 0, 10_000) for known in (FIRST, LAST, name)}
    image[name] = image[name][:-8]
    assert classify(image)[:3] == ("torn", name, end)


def forged(frame: bytes) -> tuple:
    """What is said of a log that ends in a frame of somebody else's making."""
    first = SAMPLE.frames(LAST)[0]
    return rearranged(LAST, first, frame)[:4]


def test_a_frame_that_validates_and_is_of_an_unknown_kind_is_corrupt(monkeypatch: pytest.MonkeyPatch):
    salt = _segments.parse_header(SAMPLE.image[LAST]).salt
    place = SAMPLE.starts[LAST][1]
    with monkeypatch.context() as future:
        future.setattr(_frame, "MARKER", b"CMT\x02")
        frame = _frame.frame(b"\x90", first=5, count=1, salt=salt)
    assert forged(frame) == ("corrupt", LAST, place, 5)
    assert forged(_frame.frame(b"\x90", first=5, count=0, salt=salt)) == ("corrupt", LAST, place, 5)


@pytest.mark.parametrize(
    "payload", [b"\x90", b"\xc0", b"\x91\xc0", b"\x91\x90", b"\xc1", b"", b"\x93\x01", b"\x90\x90"]
)
def test_a_frame_that_validates_and_does_not_hold_its_events_is_corrupt(payload: bytes):
    salt = _segments.parse_header(SAMPLE.image[LAST]).salt
    frame = _frame.frame(payload, first=5, count=1, salt=salt)
    assert forged(frame) == ("corrupt", LAST, SAMPLE.starts[LAST][1], 5)

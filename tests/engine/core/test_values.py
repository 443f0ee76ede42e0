"""What may enter the log: exactly what comes back from it, and not too much of it."""

import enum
import signal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.errors import UsageError
from engine.core.values import MAX_SIZE, check_plain, clip
from eventlog import MemoryStore
from eventlog.testing import event as record

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.just((1,))
    | st.just(MAX_SIZE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.integers(), inner, max_size=4),
    max_leaves=10,
)


def write(value):
    """Through real bytes and back."""
    store = MemoryStore()
    with store.open_writer("test") as writer:
        plain = record(1)
        writer.append([type(plain)(1, 1, "test", 0, {"value": value}, 0, writer.epoch)])
    return next(store.read()).data["value"]


@pytest.mark.slow
@settings(max_examples=200)
@given(ANYTHING)
def test_what_is_let_in_comes_back_as_it_was(value):
    try:
        check_plain(value, "it")
    except UsageError:
        return
    assert repr(write(value)) == repr(value)


class Word(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


class Rank(enum.IntEnum):
    FIRST = 1


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


REFUSED = [
    ((1, 2), "it: a tuple cannot be logged"),
    ({1}, "it: a set cannot be logged"),
    (signal.SIGTERM, "it: a Signals cannot be logged"),
    ([Rank.FIRST], r"it\[0\]: a Rank cannot be logged"),
    (Word("x"), "it: a Word cannot be logged"),
    (Number(1), "it: a Number cannot be logged"),
    ({"a": [object()]}, r"it\['a'\]\[0\]: a object cannot be logged"),
    ({"a": {1: 2}}, r"it\['a'\]: the key 1 is not a string"),
    ({Word("x"): 1}, "it: the key 'x' is not a string"),
    (2**64, "it: 18446744073709551616 does not fit into 64 bits"),
    ([-(2**63) - 1], r"it\[0\]: -9223372036854775809 does not fit"),
    ("\udcff", "it: character 0 of '\\\\udcff' is half a character"),
    ({"\ud800": 1}, "it: character 0 of '\\\\ud800' is half a character"),
    ("x" * MAX_SIZE, "it: 524297 bytes are too many for the log .at most 524288.; keep them in a file"),
    ("\U0001f600" * (MAX_SIZE // 3), "bytes are too many"),
    (list(range(100_000)), "bytes are too many"),
    (nested(101), "nested more than 100 deep"),
]


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_refused_is_named(value, why):
    with pytest.raises(UsageError, match=why):
        check_plain(value, "it")


@pytest.mark.parametrize("value", ["x" * (MAX_SIZE - 9), nested(99), [2**64 - 1, -(2**63)], {"": b"\xff", "n": [None]}])
def test_the_largest_that_is_let_in_fits(value):
    check_plain(value, "it")
    assert write(value) == value


@pytest.mark.parametrize("text", ["plain", "größe ☃", "two\nlines"])
def test_an_ordinary_text_is_kept(text):
    assert clip(text) == text


def test_half_characters_are_spelled_out():
    assert clip("a\udcffb") == "a\\udcffb"


def test_of_a_long_text_both_ends_are_kept():
    clipped = clip("a" * 50_000 + "b" * 50_000)
    assert clipped.startswith("a" * 32_768 + "\n[34464 characters left out]\n")
    assert clipped.endswith("b" * 32_768)
    assert write(clipped) == clipped

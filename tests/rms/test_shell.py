"""What is quoted arrives as it was, in a real shell."""

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rms import shell

pytestmark = pytest.mark.slow

NASTY = 'it\'s "quoted" $(id) `id` ${HOME} $HOME \\ \\n ! * größe ☃\n\ttwo lines\n'
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def told(text, *names):
    """What a shell has in these variables after a text."""
    script = text + "".join(f'\nprintf "%s\\0" "${name}"' for name in names)
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, env={"SHARE": "/s h", "A": "a b"})
    return done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1]


def test_values_are_set_as_they_are():
    values = {"ONE": NASTY, "TWO": "", "_3": "\udcff"}
    assert told(shell.exports(values), "ONE", "TWO", "_3") == list(values.values())


@given(st.lists(TEXT))
def test_words_are_the_words(texts):
    assert shlex.split(shell.words(texts)) == texts


@given(st.lists(TEXT.filter(lambda text: "${" not in text)))
def test_words_without_places_are_the_words_too(texts):
    assert shlex.split(shell.open_words(texts)) == texts


def test_places_stand_for_themselves_and_nothing_else_does():
    line = shell.open_words(["${SHARE}/a b", "$SHARE ${A} $(id)", "${SHARE}", ""])
    assert told(f"set -- {line}; W=$1 X=$2 Y=$3 Z=$#", "W", "X", "Y", "Z") == [
        "/s h/a b",
        "$SHARE ${A} $(id)",
        "/s h",
        "4",
    ]


def test_variables_of_nepis_form_stand_for_theirs():
    text = shell.open_exports("P=$A:${SHARE}:'\"`id`$(id)\\ Q=$P=$ R=")
    assert told(text, "P", "Q", "R") == ["a b:/s h:'\"`id`$(id)\\", "a b:/s h:'\"`id`$(id)\\=$", ""]


@pytest.mark.parametrize("wrong", [{"1X": "y"}, {"": "y"}, {"A B": "y"}, {"X": "\0"}])
def test_what_cannot_be_set(wrong):
    with pytest.raises(ValueError, match=r"environment variable|NUL"):
        shell.exports(wrong)


@pytest.mark.parametrize("wrong", ["A", "A=b c", "1A=b", "=b"])
def test_what_is_no_list_of_variables(wrong):
    with pytest.raises(ValueError, match=r"sets no variable|environment variable"):
        shell.open_exports(wrong)


def test_no_word_has_a_nul():
    with pytest.raises(ValueError, match="NUL"):
        shell.open_words(["a\0"])

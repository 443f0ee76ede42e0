"""Secrets show nowhere."""

import pytest

from engine.rm import secret
from engine.rm.secret import hide_secrets, keep_secret, message_of, read_secret, shown, told, traceback_of


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(secret, "_known", set())


def test_every_secret_that_was_read_is_hidden(monkeypatch, tmp_path):
    monkeypatch.setenv("FIRST", "it's\nlong: swordfish")
    (tmp_path / "second").write_text("swordfish\n")
    monkeypatch.setenv("EMPTY", "")
    for source in ("env:FIRST", f"file:{tmp_path}/second", "env:EMPTY"):
        read_secret(source)
    assert hide_secrets("no swordfish here") == "no [secret] here"
    assert hide_secrets("it's\nlong: swordfish") == "[secret]"
    assert hide_secrets("it's\\nlong: swordfish") == "[secret]"


def test_a_secret_that_is_no_text_shows_in_no_error(tmp_path):
    (tmp_path / "key").write_bytes(b"\xffswordfish")
    with pytest.raises(LookupError, match=r"^the secret needs the file .*/key, .*: it is no text in UTF-8$") as caught:
        read_secret(f"file:{tmp_path}/key")
    assert caught.value.__context__ is None


def test_a_part_of_a_secret_can_be_hidden_too():
    keep_secret("barracuda")
    assert hide_secrets("NAME='barracuda'") == "NAME='[secret]'"


@pytest.mark.parametrize("place", [32_740, 32_755, 32_760, 32_765, 32_768])
def test_a_long_text_is_not_cut_within_a_secret(place):
    keep_secret("<swordfish>")
    text = "x" * place + "<swordfish>" + "x" * (100_000 - place)
    assert set(told(text)) <= set("x[secret]\n characters left out 0123456789")
    error = ValueError(text)
    assert "<" not in message_of(error)
    assert "<sw" not in traceback_of(error)
    assert shown(error) is None


def test_an_exception_that_cannot_say_anything():
    class Mute(Exception):
        def __str__(self):
            raise LookupError

    assert message_of(Mute()) == "Mute"
    assert message_of(KeyboardInterrupt()) == "KeyboardInterrupt"
    assert traceback_of(Mute()).endswith("Mute: <exception str() failed>\n")
    mute = Mute()
    assert shown(mute) is mute

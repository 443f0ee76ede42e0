"""Who gets no answer asks again, until there is one or nobody wants it any more."""

from types import SimpleNamespace

import pytest

from engine import Intent, TransportLost
from engine.core.states import Step
from engine.diagnostics import get_logger
from rms import _patience


@pytest.fixture
def pauses(monkeypatch):
    noted = []
    monkeypatch.setattr(Intent, "wait", lambda self, seconds: noted.append(seconds))
    return noted


def ask(intent, answers):
    def act(word):
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return word + answer

    return _patience.until_answered(intent, get_logger(), act, "yes, ")


def test_it_asks_until_there_is_an_answer_after_growing_pauses(pauses):
    lost = [TransportLost("h", "gone")] * 9
    assert ask(Intent("t", Step.START), iter([*lost, "here"])) == "yes, here"
    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]


def test_it_says_for_whom_it_waits_and_that_it_no_longer_does(pauses):
    said = []
    listener = SimpleNamespace(doing=lambda token, what: said.append((token, what)))
    intent = Intent("t", Step.START, _listener=listener)
    ask(intent, iter([TransportLost("h", "gone"), "here"]))
    ask(intent, iter(["here"]))
    assert said == [("t", "waiting for h to answer (gone)"), ("t", "")]


def test_it_gives_up_when_nobody_wants_the_answer(pauses):
    intent = Intent("t", Step.START)
    intent.cancel()
    with pytest.raises(TransportLost, match="gone"):
        ask(intent, iter([TransportLost("h", "gone")]))
    assert pauses == []


def test_other_errors_are_answers(pauses):
    with pytest.raises(ValueError, match="no"):
        ask(Intent("t", Step.START), iter([ValueError("no")]))

"""What is asked of a holder, and what it says."""

import json
import threading

import pytest

from engine.rm.transport import CommandFailed, TransportLost
from rms._script import Fenced
from rms.netns._batch import Ask, Change, End, Lines, Make, Place, Question, decode, encode
from rms.netns._mailbox import Mailbox

pytestmark = pytest.mark.slow

HERE = Place(12, "345")


def test_what_is_asked_is_plain():
    asked = [
        Change((Lines(HERE, "ip", ("a", "b")), Lines(None, "tc", ("c",)))),
        Make(7, "r1", forwarding=True),
        End(HERE),
        Ask((Question(None, ("ip", "link")), Question(HERE, ("tc", "x")))),
    ]
    assert encode(asked) == [
        {"steps": [[[12, "345"], "ip", ["a", "b"]], [None, "tc", ["c"]]]},
        {"node": {"guid": 7, "hostname": "r1", "forwarding": True}},
        {"end": [12, "345"]},
        {"ask": [[None, ["ip", "link"]], [[12, "345"], ["tc", "x"]]]},
    ]


def test_answers_are_of_their_kinds():
    told = [{}, {"node": [12, "345"]}, {"said": ["x"]}, {"error": ["link set a up", 19, "No such device"]}]
    done, node, said, error = decode("lab1", told)
    assert (done, node, said) == (None, HERE, ["x"])
    assert str(error) == "lab1: link set a up: failed with 19: No such device"


# --- Mailbox --------------------------------------------------------------------------------------------------------


class Host:
    """A host whose holder answers what a test says; `says` is called with each request."""

    host = "lab1"

    def __init__(self, says):
        self.says = says
        self.hear = self.gone = None

    def size(self, path):
        return 10

    def follow(self, path, offset, on_data):
        assert (path, offset) == ("/run/answers", 10)
        self.hear = on_data

    def on_exit(self, pid, start_time, callback):
        assert (pid, start_time) == (12, "345")
        self.gone = callback

    def write(self, path, data):
        request = json.loads(data)
        assert path == f"/run/requests/{request['id']}"
        self.says(self, request)


def answer(request, **told):
    return b"\n" + json.dumps({"id": request["id"], **told}).encode() + b"\n"


def mailbox(says):
    return Mailbox(Host(says), "/run", HERE, 3)


def test_an_answer_that_comes_in_pieces_is_put_together():
    def says(host, request):
        assert (request["epoch"], request["asked"]) == ("00000003", [{"end": [1, "2"]}])
        for byte in answer(request, answers=[{}]):
            host.hear(bytes([byte]))

    assert mailbox(says).ask([{"end": [1, "2"]}], 10) == [{}]


def test_answers_to_others_and_half_ones_are_passed_over():
    def says(host, request):
        host.hear(b'\n{"id": "00000001-1", "answers": [1]}\n\n{"id": "0000')
        host.hear(answer(request, answers=[2]))

    assert mailbox(says).ask([], 10) == [2]


def test_two_who_ask_at_once_get_an_answer_each():
    asked, got = [], {}

    def says(host, request):
        asked.append(request)
        if len(asked) == 2:
            for each in reversed(asked):
                host.hear(answer(each, answers=each["asked"]))

    box = mailbox(says)
    threads = [threading.Thread(target=lambda n=n: got.setdefault(n, box.ask([n], 10))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == {0: [0], 1: [1]}


@pytest.mark.parametrize(
    ("told", "error", "why"),
    [
        ({"fenced": "00000004"}, Fenced, "one of epoch 4 has taken over"),
        ({"broken": "KeyError: 'x'"}, CommandFailed, "KeyError: 'x'"),
    ],
)
def test_a_refusal_is_told(told, error, why):
    with pytest.raises(error, match=why):
        mailbox(lambda host, request: host.hear(answer(request, **told))).ask([], 10)


def test_a_holder_that_ends_answers_nobody_any_more():
    box = mailbox(lambda host, request: host.gone())
    for _ in range(2):
        with pytest.raises(CommandFailed, match="the emulation is gone: its process 12 has ended"):
            box.ask([], 10)


def test_a_holder_that_does_not_answer_is_a_host_that_does_not():
    with pytest.raises(TransportLost, match="a change was not answered"):
        mailbox(lambda host, request: None).ask([], 0.01)

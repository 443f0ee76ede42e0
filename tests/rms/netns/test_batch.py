"""Many changes in one script, each with an answer of its own; and many callers in one go."""

import threading
from queue import SimpleQueue

import pytest

from engine.rm.transport import CommandFailed
from rms.netns._batch import Batch, Change, Lines, Make, Place
from rms.netns._together import Together

HERE = Place(12, "345")


def batch(*asked):
    made = Batch("lab1", asked)
    return made, made.script()


def test_lines_of_one_place_share_a_process():
    _, script = batch(
        Change((Lines(HERE, "ip", ("a",)),)), Change((Lines(HERE, "ip", ("b",)),)), Change((Lines(None, "ip", ("c",)),))
    )
    assert script.count("ip -force -batch -") == 2
    assert "at 12 345 ip -force -batch - 2>&1 <<'@'\na\nb\n@\n" in script
    assert "here ip -force -batch - 2>&1 <<'@'\nc\n@\n" in script


def test_what_is_to_come_second_comes_second():
    _, script = batch(Change((Lines(None, "ip", ("one",)), Lines(HERE, "tc", ("two",)))), Change(()))
    assert script.index("one") < script.index("two")


def test_an_error_is_that_of_whose_line_it_is():
    made, _ = batch(Change((Lines(None, "ip", ("a", "b")),)), Change((Lines(None, "ip", ("c",)),)))
    fine, bad = made.answers("@ 0\nError: no such thing.\nCommand failed -:3\n= 1\n")
    assert fine is None
    assert str(bad) == "lab1: c: failed with 1: Error: no such thing."


def test_the_first_error_counts():
    made, _ = batch(Change((Lines(None, "ip", ("a", "b")),)))
    (bad,) = made.answers("@ 0\nfirst\nCommand failed -:1\nsecond\nCommand failed -:2\n= 1\n")
    assert bad.command == "a"


def test_a_process_that_did_not_begin_is_an_error_of_all_its_lines():
    made, _ = batch(Change((Lines(HERE, "ip", ("a",)),)), Change((Lines(HERE, "ip", ("b",)),)))
    answers = made.answers("@ 0\nthe node is gone\n= 1\n")
    assert [answer.output for answer in answers] == ["the node is gone\n"] * 2


def test_warnings_are_no_errors():
    made, _ = batch(Change((Lines(None, "ip", ("a",)),)))
    assert made.answers("@ 0\nWarning: hm\n= 0\n") == [None]


def test_nodes_are_told_by_their_numbers():
    made, _ = batch(Make(7, "a"), Make(8, "b"), Make(9, "c"))
    first, second, third = made.answers("node 8 100 200\nno node 7: it is raining\n")
    assert second == Place(100, "200")
    assert (first.output, third.output) == ("it is raining", "its first process did not begin")


def test_a_machine_that_gives_no_namespaces_is_quoted():
    made, _ = batch(Make(7, "a"))
    (answer,) = made.answers("unshare: unshare failed: No space left on device\n")
    assert answer.output == "unshare failed: No space left on device"


def test_a_script_that_is_cut_is_no_command():
    _, script = batch(Make(7, "a"))
    assert script.startswith("{\n")
    assert script.endswith("}\n")


# --- Together -------------------------------------------------------------------------------------------------------


def test_who_comes_meanwhile_is_served_together():
    begun, go, seen = SimpleQueue(), threading.Event(), []

    def act(asked):
        begun.put(None)
        go.wait(10)
        seen.append(sorted(asked))
        return [2 * each for each in asked]

    together, got = Together(act), {}
    threads = [threading.Thread(target=lambda n=n: got.setdefault(n, together.ask(n))) for n in range(4)]
    threads[0].start()
    begun.get(timeout=10)
    for thread in threads[1:]:
        thread.start()
    while len(together._queued) < 3:
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert seen == [[0], [1, 2, 3]]
    assert got == {0: 0, 1: 2, 2: 4, 3: 6}


def test_what_goes_wrong_is_raised_to_who_asked_and_the_next_is_served():
    def act(asked):
        if asked == ["bad"]:
            raise CommandFailed("lab1", "x", 1, "no")
        return asked

    together = Together(act)
    with pytest.raises(CommandFailed):
        together.ask("bad")
    assert together.ask("good") == "good"

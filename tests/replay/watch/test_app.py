"""`netreel watch` on its screen, with keys: a run that is over, one that goes on, and moments in between."""

import asyncio
import time

import pytest
from msgspec.structs import replace
from textual.events import Key
from textual.widgets import Input

from engine.core import events
from engine.core.states import ResourceState
from replay.watch.bar import Bar
from replay.watch.help import KEYS, HelpScreen
from tests.engine.core.lab import START
from tests.eventlog.damage import flip
from tests.replay.labs import lab_in
from tests.replay.recorders import path_of
from tests.replay.test_cli_looking import segment
from tests.replay.watch.screens import watching

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """A client that starts 2 s after its server; at 1.5 s all are READY. Its controller lives."""
    lab = lab_in(tmp_path / "run", now=time.time_ns())
    host = lab.host("alpha")
    server, client = (lab.app(host, label, command=f"./{label}") for label in ("server", "client"))
    lab.when(client, START, server, ResourceState.STARTED, 2)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.wait(1)
    lab.done(server, client)
    yield lab
    lab.writer.close()


@pytest.fixture
def over(lab, tmp_path):
    """It goes on: the server fails at 8 s, and all is released until 10 s."""
    lab.wait(0.25)
    lab.done(2)
    lab.wait(2)
    lab.done(3)
    lab.wait(4.25)
    lab.failed(2, "out of memory", 137)
    lab.release()
    lab.wait(1)
    lab.done(2, 3)
    lab.wait(0.5)
    lab.done(3)
    lab.wait(0.5)
    lab.done(1)
    lab.turn([events.RunClosed(0)])
    lab.writer.close()
    return tmp_path / "run"


def test_a_run_that_is_over_is_gone_through_in_time(over):
    async def look():
        async with watching(over, size=(42, 24)) as screen:
            assert screen.heading == ["lab  10.0 s  over, aborted  run", "3 RELEASED, 1 of them had failed"]
            assert screen.resources == [
                "▾ #1 alpha     RELEASED    h3",
                "    #2 server  RELEASED    out of memor…",
                "    #3 client  RELEASED    ./client",
            ]
            assert screen.title == ["why #1 alpha"]
            assert screen.said.startswith("#1 lab::Host (alpha) has been RELEASED since 10.00 s.")
            blocks, axis = screen.bar
            assert (len(blocks), blocks.count("✗"), "█" in blocks) == (40, 1, True)
            assert (axis[:3], axis[-6:]) == ("0 s", "10.0 s")

            await screen.pilot.click(Bar, offset=(30, 0))
            await screen.press("down", "left")
            assert screen.heading[0] == "lab  at 7.50 s, after event 25  over, aborted  run"
            assert screen.heading[1] == "3 STARTED"
            assert screen.title == ["why #2 server"]
            assert screen.said.startswith("#2 lab::App (server) has been STARTED since 1.75 s:")
            assert screen.bar[1].strip() == f"0 s{'':27}▲ 7.50 s"

            await screen.press("right", "full_stop")
            assert "at 8.00 s, after event 26" in screen.heading[0]
            assert screen.said.startswith("#2 lab::App (server) has been FAILED since 8.00 s: out of memory.")
            await screen.press("comma")
            assert "at 3.75 s, after event 25" in screen.heading[0]

            await screen.press("home")
            assert screen.heading[0].startswith("lab  at 0.00 s, after event 14")
            await screen.press("left", "right", "end")
            assert screen.heading[0].startswith("lab  10.0 s  over")

    asyncio.run(look())


def test_events_are_told_up_to_the_moment(over):
    async def look():
        async with watching(over, "1.6s", (140, 30)) as screen:
            assert "at 1.50 s, after event 22" in screen.heading[0]
            await screen.press("e")
            assert screen.title == ["events"]
            assert len(screen.told) == 22
            assert (
                screen.told[-1].strip()
                == "22      1.50 s  #1 lab::Host (alpha) was STARTED: nothing was to do for start"
            )
            await screen.press("down", "o")
            assert screen.title == ["events of #2 server"]
            assert [line.split()[0] for line in screen.told] == ["5", "6", "12", "17", "19", "21"]
            await screen.press("o", "w")
            assert screen.told[1] == "  its start has been under way on host h3 for 0.00 s"

    asyncio.run(look())


def test_what_happens_is_seen_without_a_key(lab, tmp_path):
    async def look():
        async with watching(tmp_path / "run") as one, watching(tmp_path / "run") as another:
            assert one.heading[0].startswith("lab  ")
            assert ", live  running, pid " in one.heading[0]
            assert one.resources[1] == "    #2 server  READY       +1.50 s       its start is under way  ./server"
            lab.wait(0.25)
            lab.done(2)
            for screen in one, another:
                await screen.until(lambda seen=screen: "STARTED" in seen.resources[1])
                assert "its start waits for 2 s to go by" in screen.resources[2]
            await another.press("left")
            lab.wait(2)
            lab.done(3)
            await one.until(lambda: "STARTED" in one.resources[2])
            assert "at 3" not in one.heading[0]
            assert "READY" in another.resources[2]
            lab.release()
            lab.done(2, 3)
            lab.done(2, 3)
            lab.done(1)
            lab.turn([events.RunClosed(0)])
            await one.until(lambda: "over" in one.heading[0])
            await one.settle()
            assert one.heading[1] == "3 RELEASED"
            await another.press("end")
            assert another.heading == one.heading

    asyncio.run(look())


def test_a_controller_that_dies_is_told(lab, tmp_path):
    async def look():
        async with watching(tmp_path / "run") as screen:
            lab.writer.abandon()
            await screen.until(lambda: "controller gone" in screen.heading[0])

    asyncio.run(look())


def test_a_damaged_log_is_shown_as_far_as_it_goes(over):
    path = segment(over)
    flip(path, path.stat().st_size * 2 // 3)

    async def look():
        async with watching(over, 10) as screen:
            await screen.press("end")
            assert screen.heading[2].startswith("nothing more can be read: ")
            assert "does not match its checksum" in screen.heading[2]
            assert [line.split()[1:3] for line in screen.resources[1:]] == [["server", "READY"], ["client", "READY"]]

    asyncio.run(look())


@pytest.mark.torture
def test_resources_are_found_grouped_and_folded(over):
    async def look():
        async with watching(over, 25, (130, 30)) as screen:
            assert screen.resources[1].split() == ["#2", "server", "lab::App", "STARTED", "+1.75", "s", "./server"]
            await screen.press("space")
            assert screen.resources == [screen.resources[0]]
            assert screen.resources[0].startswith("▸ #1 alpha")
            assert "2 STARTED" in screen.resources[0]
            await screen.press("enter", "g")
            assert [line.split()[:2] for line in screen.resources[:2]] == [["▾", "group"], ["#1", "alpha"]]
            await screen.press("g", "slash", *"./cli", "enter", "down")
            assert [line.split()[:2] for line in screen.resources] == [["▾", "lab::App"], ["#3", "client"]]
            assert screen.title == ["why #3 client"]
            await screen.press("slash", "escape")
            assert len(screen.resources) == 5

    asyncio.run(look())


def test_what_is_typed_in_a_hurry_goes_to_the_words(over):
    """Where the keys that follow are there before the field for words is, `q` would leave."""

    async def look():
        async with watching(over) as screen:
            for key, character in ("slash", "/"), ("q", "q"), ("slash", "/"), ("e", "e"):
                screen.app.post_message(Key(key, character))
            await screen.settle()
            assert screen.app.query_one("#filter", Input).value == "q/e"
            assert screen.title == ["why"]  # and not events, by its `e`
            assert screen.app.is_running

    asyncio.run(look())


def test_the_keys_are_explained_and_leaving_is_no_failure(over):
    async def look():
        async with watching(over) as screen:
            await screen.pilot.press("question_mark")
            assert isinstance(screen.app.screen, HelpScreen)
            shown = screen.app.screen.query_one("#help Static").content.plain
            assert screen.app.screen.query_one("#help Static").size.height == len(KEYS) + 2  # no line is folded
            assert all(keys in shown and what in shown for keys, what in KEYS)
            screen.app.action_first()  # the run goes on meanwhile
            await screen.settle()
            await screen.pilot.press("escape")
            assert "at 0.00 s" in screen.heading[0]
            await screen.pilot.press("t")
            assert [each.message for each in screen.app._notifications] == ["#1 lab::Host records no trace"]
            await screen.pilot.press("tab", "down", "left", "q")
        assert screen.app.return_code == 0
        async with watching(over) as screen:
            await screen.pilot.press("ctrl+c")
        assert screen.app.return_code == 130

    asyncio.run(look())


def test_the_end_of_a_trace_grows_on_the_screen(tmp_path, lab1):
    run_dir = tmp_path / "run"
    lab = lab_in(run_dir, now=time.time_ns())
    recorder = lab.type("lab::Recorder", ("start",))
    lab.declared[recorder] = replace(lab.declared[recorder], traces={"stdout": True, "made": True})
    lab.add(rtype=recorder, label="probe")
    lab.deploy()
    lab.done(1)
    path = path_of(run_dir, 1, "stdout")
    path.write_bytes(b"x" * 40_000 + b"\nbegin\n\x1b[31m1 packet\r\n")

    async def look():
        async with watching(run_dir) as screen:
            await screen.pilot.press("t")
            await screen.until(lambda: "·[31m1 packet" in screen.trace)
            assert screen.title == ["trace stdout of #1 probe, as it is now"]
            assert screen.trace[1] == "begin"
            assert len(screen.trace[0]) < 32 * 1024
            with path.open("ab") as file:
                file.write(b"2 packets\n")
            await screen.until(lambda: "2 packets" in screen.trace)
            with path.open("ab") as file:
                file.write(b"3 packets\n")
            lab.ended(1, 0)
            await screen.until(lambda: "3 packets" in screen.trace)
            await screen.pilot.press("t")
            await screen.until(lambda: screen.trace[:1] == ["made"])
            assert screen.title == ["trace made of #1 probe, as it is now"]
            await screen.press("w")
            assert screen.told[0] == "#1 lab::Recorder (probe) has been STOPPED since 0.00 s, with exit status 0."

    asyncio.run(look())
    lab.writer.close()

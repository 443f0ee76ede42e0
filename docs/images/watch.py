"""Makes the pictures of docs/watch.md: `python -m docs.images.watch`, with chromium installed."""

from __future__ import annotations

import asyncio
import heapq
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import eventlog
from engine.core.states import ResourceState
from eventlog import FileStore, MemoryStore
from replay.views import fold
from replay.watch.app import Watch
from tests.engine.core.lab import START, STOP, S, link
from tests.replay.labs import Recorded

if TYPE_CHECKING:
    from eventlog import Writer

HERE: Final = Path(__file__).parent
RUN: Final = "20300317T174640.000000Z-4f3a9c21"
HOOKS: Final = ("deploy", "start", "stop", "release")
COLUMN: Final = 12.2
"""Dots of a column of the terminal in a picture."""


def open_lab(script: str, seconds: float) -> Recorded:
    """A lab with the two types of the examples, which began so many seconds ago."""
    lab = Recorded(MemoryStore(), now=time.time_ns() - round(seconds * S), script=script)
    lab.type("linux::Node", ("provision", "release"))
    lab.type("linux::Application", HOOKS, [link("linux::Node", min=1, max=1)])
    return lab


def play(lab: Recorded, took: dict[str, float], until: float, ends: dict[int, float] | None = None) -> None:
    """Have hooks return after so many seconds each, by step or by step and number, until a time from the start.

    Args:
        lab: where they run.
        took: how long each takes.
        until: seconds from the start.
        ends: how long an application runs until it ends by itself.
    """
    ahead: list[tuple[int, str, int]] = []
    while True:
        for begun in lab.look():
            step, guid = begun.split(" #")
            heapq.heappush(ahead, (lab.now + round(took.get(begun, took[step]) * S), step, int(guid)))
        due = [each for each in (lab.kernel.next_due(), ahead[0][0] if ahead else None) if each is not None]
        if not due or min(due) > lab.world.start + until * S:
            break
        lab.wait((max(min(due), lab.now) - lab.now) / S)
        while ahead and ahead[0][0] <= lab.now:
            _, step, guid = heapq.heappop(ahead)
            if step == "end":
                lab.ended(guid, 0)
                continue
            lab.done(guid)
            if step == "start" and guid in (ends or {}):
                heapq.heappush(ahead, (lab.now + round(ends[guid] * S), "end", guid))
    lab.wait((lab.world.start + until * S - lab.now) / S)


def recorded(lab: Recorded, run_dir: Path) -> Writer:
    """What happened in a lab as the log of a run, whose controller lives as long as the writer."""
    writer = FileStore(run_dir).open_writer("a picture")
    records = list(lab.store.read())
    holder = {"pid": 4711, "host": "lab", "workers": 16}
    records[0].data.update(exp_id=run_dir.parent.name, run_id=run_dir.name, holder=holder)
    writer.append(records)
    return writer


def ten() -> Recorded:
    """Two hosts with servers, clients that start after them, and a capture that fails."""
    lab = open_lab("hello.py", 30)
    alpha, beta = (lab.add(rtype="linux::Node", label=name, hostname=name) for name in ("alpha", "beta"))
    commands = {
        "server": "iperf3 -s",
        "web": "python3 -m http.server",
        "tools": "vmstat 1",
        "dump": "tcpdump -w a.pcap",
    }
    made = {}
    for label, command in commands.items():
        made[label] = lab.add(
            rtype="linux::Application", to=[alpha], label=label, command=command, critical=label != "dump"
        )
    for number in range(1, 5):
        made[f"client{number}"] = lab.add(
            rtype="linux::Application", to=[beta], label=f"client{number}", command="iperf3 -c alpha"
        )
    for number in range(1, 5):
        first = made["server"] if number == 1 else made[f"client{number - 1}"]
        state = ResourceState.STARTED if number == 1 else ResourceState.STOPPED
        lab.when(made[f"client{number}"], START, first, state, 2)
    lab.when(made["server"], STOP, made["client4"], ResourceState.STOPPED, 1)
    lab.deploy()
    took = {"provision": 1.5, "deploy": 2, f"deploy #{made['tools']}": 9, "start": 0.4, "stop": 0.5, "release": 0.5}
    ends = {made[f"client{number}"]: 10.0 for number in range(1, 5)}
    play(lab, took, 25, ends)
    lab.failed(made["dump"], "tcpdump: eth0: that device is not up", 1)
    play(lab, took, 30, ends)
    return lab


def thousand() -> Recorded:
    """Twenty hosts with 49 applications each, which start one after the other."""
    lab = open_lab("large.py", 60)
    hosts = [lab.add(rtype="linux::Node", label=f"h{n}", hostname=f"h{n}") for n in range(20)]
    apps = [
        lab.add(rtype="linux::Application", to=[hosts[n % 20]], command=f"./flow {n}", critical=False)
        for n in range(980)
    ]
    for number, guid in enumerate(apps[20:]):
        lab.when(guid, START, apps[number], ResourceState.STARTED, 1)
    lab.deploy(barrier=False)
    took = {"provision": 2.0, "deploy": 1.0, "start": 0.2, "stop": 0.1, "release": 0.1}
    took |= {f"provision #{guid}": 1 + guid * 0.7 for guid in hosts} | {f"deploy #{n}": n * 7 % 13 for n in apps}
    play(lab, took, 30, {guid: 5 + guid % 29 for guid in apps[::3]})
    for guid in apps[5:400:37]:
        if lab.state(guid) == "STARTED":
            lab.failed(guid, "connection refused", 1)
    play(lab, took, 60, {guid: 5 + guid % 29 for guid in apps[::3]})
    return lab


async def shoot(lab: Recorded, exp_id: str, keys: str, size: tuple[int, int], name: str) -> None:
    """A picture of what is on the screen after these keys."""
    with tempfile.TemporaryDirectory() as home:
        run_dir = Path(home) / exp_id / RUN
        with recorded(lab, run_dir), eventlog.open(run_dir) as log:
            app = Watch(run_dir, fold(run_dir, log))
            async with app.run_test(size=size) as pilot:
                for key in ["", *keys.split()]:
                    await pilot.press(*[key] if key else [])
                    await app.settled.wait()
                    await pilot.pause()
                save(app.export_screenshot(title=f"netreel watch {exp_id}"), size, name)


def save(picture: str, size: tuple[int, int], name: str) -> None:
    """Have a browser draw it."""
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "page.html"
        (Path(directory) / "picture.svg").write_text(picture, encoding="utf-8")
        width, height = round(size[0] * COLUMN + 20), round(size[1] * 24.4 + 60)
        page.write_text(f'<body style="margin:0"><img src="picture.svg" style="width:{width}px">', encoding="utf-8")
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        target = [f"--window-size={width},{height}", f"--screenshot={HERE / name}.png", page.as_uri()]
        subprocess.run([*command, *target], check=True, capture_output=True)  # noqa: S603 - nothing in it is given


def main() -> None:
    """Make them all."""
    asyncio.run(shoot(ten(), "hello", "down " * 8, (100, 30), "watch"))
    asyncio.run(shoot(ten(), "hello", "left " * 26 + "e", (80, 24), "watch-events"))
    asyncio.run(shoot(thousand(), "large", "left " * 40 + "down down space down down", (140, 40), "watch-large"))


if __name__ == "__main__":
    main()

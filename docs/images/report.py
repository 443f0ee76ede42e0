"""Makes the pictures of docs/report.md, in Chromium: `python docs/images/report.py`."""

from __future__ import annotations

import hashlib
import io
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

IMAGES: Final = Path(__file__).parent
sys.path[:0] = [str(IMAGES.parents[1]), str(IMAGES.parents[1] / "benchmarks")]

from msgspec.structs import replace  # noqa: E402 - behind the line by which the others are found
from PIL import Image  # noqa: E402 - as above

import eventlog  # noqa: E402 - as above
from benchmarks.bench_replay import write  # noqa: E402 - as above
from engine.core.states import ResourceState  # noqa: E402 - as above
from engine.rm import collected  # noqa: E402 - as above
from engine.rm.fetching import Fetched  # noqa: E402 - as above
from replay.reporting import report  # noqa: E402 - as above
from tests.engine.core.lab import START, STOP, link  # noqa: E402 - as above
from tests.replay.labs import lab_in  # noqa: E402 - as above
from tests.replay.reporting.browser import Browser  # noqa: E402 - as above

if TYPE_CHECKING:
    from tests.replay.labs import Recorded

SECOND: Final = 1_000_000_000
HOLDER: Final = {"host": "lab", "pid": 14100, "netreel": "0.1.0", "python": "3.11.7", "system": "Linux-6.1.0-amd64"}
FACTS: Final = {"hostname": "h1", "distribution": "Debian GNU/Linux 12 (bookworm)", "cores": 4}
WIDTH: Final = 1100


def small(run_dir: Path) -> None:
    """Ten resources, one of which fails. Its controller has died."""
    draft = run_dir.with_name("draft")
    opened = {"exp_id": run_dir.parent.name, "run_id": run_dir.name, "holder": HOLDER, "persist": False}
    server = play(draft)
    with eventlog.open(draft) as log, eventlog.FileStore(run_dir).open_writer("a picture") as writer:
        writer.append([replace(each, data=opened) if each.seq == 1 else each for each in log])
    path = run_dir / f"{server}.stderr"
    path.write_text("VLC media player 3.0.20\nmain input: playing film.mp4\n", encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    collected.note(run_dir, server, "stderr", path, Fetched(path.stat().st_size, digest))


def play(run_dir: Path) -> int:
    """What goes on in it; the number of its server."""
    lab = lab_in(run_dir, script="streaming.py", now=1_924_991_115 * SECOND)
    lab.type("linux::Node", ("provision", "release"))
    lab.type("linux::Application", ("deploy", "start", "stop", "release"), [link("linux::Node", min=1, max=1)])
    hosts = [lab.add(rtype="linux::Node", label=f"h{number}", hostname=f"h{number}") for number in (1, 2, 3)]
    server = app(lab, hosts[0], "server", "vlc --intf dummy film.mp4 --sout '#rtp{dst=…}'")
    clients = [app(lab, hosts[1 + number % 2], f"client{number}", "vlc rtp://h1:5004") for number in range(4)]
    dumps = [app(lab, host, "dump", "tcpdump -w a.pcap", critical=False) for host in hosts[1:]]
    lab.when(server, START, dumps, ResourceState.STARTED)
    lab.when(clients, START, server, ResourceState.STARTED, 2)
    lab.when(server, STOP, clients, ResourceState.STOPPED, 1)
    lab.deploy()
    for seconds, host in zip((0.8, 0.4, 0.3), hosts, strict=True):
        lab.wait(seconds)
        lab.done(host, receipt={"facts": FACTS})
    for guid in (*dumps, *clients, server):
        lab.wait(0.7)
        lab.done(guid)
    lab.done(dumps[0])
    lab.fail(dumps[1], "tcpdump: eth0: You don't have permission to capture on that device")
    lab.wait(0.4)
    lab.done(server)
    lab.wait(2.2)
    lab.done(*clients)
    for client in clients:
        lab.wait(1.5)
        lab.ended(client)
    return server


def app(lab: Recorded, host: int, label: str, command: str, **more: object) -> int:
    """An application on a host."""
    name = f"{label}{host}" if label == "dump" else label
    return lab.add(rtype="linux::Application", to=[host], label=name, command=command, **more)


def save(picture: bytes, path: Path) -> None:
    """Write a picture of few colours into a file that is a quarter of the size."""
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(128).save(path, optimize=True)


def main() -> None:
    """Make the pictures."""
    with tempfile.TemporaryDirectory() as temporary, Browser(Path(temporary) / "profile") as browser:
        few, many = (Path(temporary) / name / "20301231T234515.000000Z-07fc79ee" for name in ("streaming", "large"))
        small(few)
        write(many, 7000)
        page = Path(temporary) / "page.html"
        for run_dir, name, height, scheme in (
            (few, "report", 2250, "light"),
            (few, "report-dark", 2250, "dark"),
            (many, "report-large", 1500, "light"),
        ):
            page.write_text(report(run_dir), encoding="utf-8")
            browser.prefer(scheme)
            browser.open(page)
            save(browser.picture(WIDTH, height), IMAGES / f"{name}.png")


if __name__ == "__main__":
    main()

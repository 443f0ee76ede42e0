"""A TCP server, a client that moves real data, and a sampler, on this machine as it is."""

from __future__ import annotations

import shlex
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine import ResourceAction, ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence import Command
    from rich.console import Console

    from engine import ExperimentController

HERE = Path(__file__).parent
HOST, SERVER, CLIENT, SAMPLER = 1, 2, 3, 4
NAMES = {HOST: "this machine", SERVER: "server", CLIENT: "client", SAMPLER: "sampler"}
LAST = (SERVER, CLIENT, SAMPLER)
TOLD_TO_END = {SAMPLER: 143}
STATUSES = {**dict.fromkeys(LAST, 0), **TOLD_TO_END}
SECONDS = 3.0
SIZE = 32 * 1024 * 1024
INTRODUCTION = f"""\
Three commands on this machine:
  server    a TCP server on loopback that sends {SIZE >> 20} MiB over {SECONDS:g} seconds
  client    receives them; [italic]starts 1 s after the server has STARTED[/]
  sampler   reads the interface's counter ten times a second; [italic]stops when the client has STOPPED[/]
"""

# How many bytes have gone through the loopback interface, ten times a second.
SAMPLE = "while :; do sed -n 's/^ *lo: *\\([0-9]*\\).*/\\1/p' /proc/net/dev; sleep 0.1; done"


def describe(ec: ExperimentController, seconds: float) -> None:
    """Describe what is not described yet: a controller may have died in the middle of this.

    Args:
        ec: the controller.
        seconds: how long the transfer is to take.
    """
    there = ec.resources
    if HOST not in there:
        ec.register_resource("linux::Node", guid=HOST, hostname="localhost")
    if SERVER not in there:
        command = f"{_python('server.py')} $PORT {SIZE} {seconds}"
        port = ec.step(_free_port, retry=True)  # one and the same, should this script be run again: netreel resume
        ec.register_resource(
            "linux::Application", guid=SERVER, command=command, env={"PORT": str(port)}, connectedTo=HOST
        )
    if CLIENT not in there:
        command = f"{_python('client.py')} $PORT {SIZE}"
        env = ec.get(SERVER, "env")
        ec.register_resource("linux::Application", guid=CLIENT, command=command, env=env, connectedTo=HOST)
    if SAMPLER not in there:
        ec.register_resource("linux::Application", guid=SAMPLER, command=SAMPLE, connectedTo=HOST)
    # The client begins one second after the server has started; the sampler goes on until the client has ended.
    ec.register_condition(CLIENT, ResourceAction.START, SERVER, ResourceState.STARTED, "1s")
    ec.register_condition(SAMPLER, ResourceAction.STOP, CLIENT, ResourceState.STOPPED)


def _python(script: str) -> str:
    return f"exec {shlex.quote(sys.executable)} {shlex.quote(str(HERE / script))}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def progress(seen: Mapping[int, Command]) -> str:
    """How far it has come, in words."""
    told = seen[CLIENT].stdout.split("\n")
    return f"the client is at {told[-2]}" if len(told) > 1 else ""


def is_under_way(seen: Mapping[int, Command]) -> bool:
    """Whether a good part of the data has gone through."""
    return "40 %" in seen[CLIENT].stdout


def faults(_run_dir: Path, seen: Mapping[int, Command]) -> list[str]:
    """What is not as it must be in what was collected."""
    found = []
    sent, received = seen[SERVER].stdout.split()[-4:], seen[CLIENT].stdout.split()[-4:]
    if sent != received or sent[:1] != [str(SIZE)]:
        found.append(f"the server sent {sent}, the client received {received}")
    if not seen[SAMPLER].stdout.endswith("\n"):
        found.append("the sampler's output is cut")
    return found


def show(console: Console, _run_dir: Path, seen: Mapping[int, Command], _killed: float) -> None:
    """Print what was collected."""
    for guid in (SERVER, CLIENT):
        console.print(f"  {NAMES[guid]:8} {seen[guid].stdout.strip().splitlines()[-1]}")
    samples = seen[SAMPLER].stdout.split()
    counted = int(samples[-1]) - int(samples[0])
    console.print(f"  {NAMES[SAMPLER]:8} {len(samples)} samples, the counter went up by {counted} bytes")

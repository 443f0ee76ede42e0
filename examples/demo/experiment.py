"""The experiment of the demo: a TCP server, a client that moves real data, and a sampler, on this machine."""

import shlex
import socket
import sys
from pathlib import Path

from engine import ExperimentController, ResourceAction, ResourceState

HERE = Path(__file__).parent
HOST, SERVER, CLIENT, SAMPLER = 1, 2, 3, 4
NAMES = {HOST: "this machine", SERVER: "server", CLIENT: "client", SAMPLER: "sampler"}
SIZE = 32 * 1024 * 1024

# How many bytes have gone through the loopback interface, ten times a second.
SAMPLE = "while :; do sed -n 's/^ *lo: *\\([0-9]*\\).*/\\1/p' /proc/net/dev; sleep 0.1; done"


def describe(ec: ExperimentController, seconds: float = 3.0) -> None:
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
        ec.register_resource(
            "linux::Application", guid=SERVER, command=command, env={"PORT": str(_free_port())}, connectedTo=HOST
        )
    if CLIENT not in there:
        command = f"{_python('client.py')} $PORT {SIZE}"
        port = ec.get(SERVER, "env")
        ec.register_resource("linux::Application", guid=CLIENT, command=command, env=port, connectedTo=HOST)
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

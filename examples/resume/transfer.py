"""Moves data between two commands on this machine, and publishes what came of it: once, whatever happens to it.

usage: transfer.py LEDGER

Kill it wherever you like, and say `netreel resume transfer`, as often as it takes.
"""

import hashlib
import random
import shlex
import socket
import sys
from pathlib import Path

from engine import ExperimentController, ResourceAction, ResourceState

SERVER = """
import random, socket, sys, time
peer, _ = socket.create_server(("127.0.0.1", int(sys.argv[1]))).accept()
with peer:
    for number in range(10):
        peer.sendall(random.Random(number).randbytes(int(sys.argv[2]) // 10))
        time.sleep(0.05)
"""
CLIENT = """
import hashlib, socket, sys
digest, stream = hashlib.sha256(), socket.create_connection(("127.0.0.1", int(sys.argv[1])))
while piece := stream.recv(65536):
    digest.update(piece)
print(digest.hexdigest())
"""


def main(ledger: Path) -> None:
    with ExperimentController("transfer") as ec:
        began = ec.now()
        port = ec.step(free_port, retry=True)  # another one each time it is asked for: so it is asked for once
        size = ec.random.randrange(1, 10) * 100_000

        host = ec.register_resource("linux::Node", hostname="localhost")
        server = ec.register_resource("linux::Application", command=python(SERVER, port, size), connectedTo=host)
        client = ec.register_resource("linux::Application", command=python(CLIENT, port), connectedTo=host)
        ec.register_condition(client, ResourceAction.START, server, ResourceState.STARTED, "300ms")
        ec.deploy()

        done = ec.wait_finished([server, client])
        digest = (ec.trace(client, "stdout") or "").strip()
        took = ec.get_stop_time(client) - began
        line = f"{ec.run_id} {done} {size} {digest} {took.total_seconds():.3f}\n"
        ec.step(publish, str(ledger), line, retry=True)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def publish(ledger: str, line: str) -> None:
    """Add a line, unless it is there: this may be done again if it was interrupted."""
    path = Path(ledger)
    if not path.exists() or line not in path.read_text():
        with path.open("a") as file:
            file.write(line)


def python(code: str, *args: object) -> str:
    return shlex.join(["exec", sys.executable, "-c", code, *map(str, args)])


def expected(size: int) -> str:
    """What the client says if all has arrived."""
    pieces = (random.Random(number).randbytes(size // 10) for number in range(10))
    return hashlib.sha256(b"".join(pieces)).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).absolute())

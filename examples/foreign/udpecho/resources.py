"""The resource types: a UDP echo server, and a client that measures round-trip times to it."""

from __future__ import annotations

import shlex
from functools import partial
from importlib.resources import files
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, cast

from engine import Alive, Ended, Intent, NeverBegan, ResourceManager, ResourceState, Trace, attr, link
from engine.core.states import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.outcomes import Gone, Outcome
    from rms.launch import Launcher
    from rms.linux.node import Node

PATIENCE = 10.0
"""Seconds that a server may take to listen."""


class PythonProcess(ResourceManager):
    """A Python program of this package that runs on a Linux host. It has no type name: it is no type by itself."""

    python: str = attr(default="python3", help="The Python on the host, 3.8 or later.")
    key: str = attr(default="", secret=True, help="What datagrams are signed with; both ends need the same.")
    node = link("linux::Node", min=1, max=1)

    def launch(self, token: str, program: str, *args: object) -> dict[str, Any]:
        """Have a program run under this token; what finds it again."""
        command = shlex.join(["exec", self.python, "-", *map(str, args)])
        source = files("udpecho").joinpath(program).read_bytes()
        # The environment is handed over in a way that shows nowhere; an argument would show in the list of processes.
        started = self.launcher.start(token, command, env={"UDPECHO_KEY": self.key}, stdin=source)
        self.watch(token)
        return {"pid": started.pid, "start_time": started.start_time, "boot_id": started.boot_id}

    def watch(self, token: str) -> None:
        """See that its end will be told."""
        self.launcher.watch(token, partial(self.tell, token))

    def tell(self, token: str, outcome: Ended | Gone) -> None:
        """Say how it ended. Told twice is once, since the token says what has ended."""
        if isinstance(outcome, Ended):
            self.exited(outcome.code, token=token)
        else:
            self.failed(outcome.why, token=token)

    def exited(self, code: int, *, token: str | None = None) -> None:
        """Unless it was told to end, only an exit status of 0 is a good end."""
        if code == 0 or Step.STOP in self.tokens or Step.RELEASE in self.tokens:
            self.ended(code, token=token)
        else:
            self.failed(f"it ended with exit status {code}; its trace stderr may say why", code, token=token)

    def stop(self, _intent: Intent) -> None:
        """Bears being called again: the launcher says how it ended, whenever that was."""
        token = self.tokens[Step.START]
        self.tell(token, self.launcher.stop(token))

    def release(self, _intent: Intent) -> None:
        """Bears being called for what never began: then there is no token."""
        if Step.START in self.tokens:
            self.launcher.stop(self.tokens[Step.START])

    def probe(self, intent: Intent, _receipt: Mapping[str, Any] | None) -> Outcome:
        """Ask the host; the token is enough, so a lost receipt does not matter."""
        if intent.step is not Step.START:
            return NeverBegan()
        outcome = self.launcher.probe(intent.token)
        if isinstance(outcome, Alive):
            self.watch(intent.token)
        return outcome

    def trace_path(self, name: str) -> str | None:
        """Traces are files in the directory in which the program runs."""
        token = self.tokens.get(Step.START)
        return None if token is None else self.launcher.path(token, name)

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of such a file."""
        path = self.trace_path(name)
        return None if path is None else self.transport.read(path, offset, size)

    def trace_size(self, name: str) -> int | None:
        """How long such a file is."""
        path = self.trace_path(name)
        return None if path is None else self.transport.size(path)

    @property
    def launcher(self) -> Launcher:
        """Starts commands on the host such that they outlive their controller, and finds them again."""
        return cast("Node", self.linked("node")[0]).launcher


class Server(PythonProcess, rtype="udpecho::Server"):
    """Sends each datagram that is signed with its key back to where it came from."""

    address: str = attr(default="127.0.0.1", help="IPv4 address that it listens on, and that clients send to.")
    port: int = attr(default=0, ge=0, le=65535, help="UDP port; 0 takes a free one.")
    traces = (Trace("requests", "One line for each datagram: Unix time, sender, bytes, ok or refused."),)

    def start(self, intent: Intent) -> dict[str, Any]:
        """It has started when it listens, so that a client may start as soon as this has returned."""
        receipt = self.launch(intent.token, "server.py", self.address, self.port)
        address, port = self._await_listening(intent.token)
        return {**receipt, "address": address, "port": port}

    def listens_on(self) -> tuple[str, int]:
        """Its address and port, as it said itself: the receipt can be lost, what it said never is."""
        said = (self.read_trace("stdout") or b"").split()
        return said[0].decode(), int(said[1])

    def _await_listening(self, token: str) -> tuple[str, int]:
        """Sleeps until it has said a whole line, or has ended."""
        news: SimpleQueue[bytes | Outcome] = SimpleQueue()
        following = self.transport.follow(self.launcher.path(token, "stdout"), 0, news.put)
        self.launcher.watch(token, news.put)
        said = b""
        try:
            while not said.endswith(b"\n"):
                piece = news.get(timeout=PATIENCE)
                if not isinstance(piece, bytes):
                    raise RuntimeError(f"the server ended before it listened: {self._last_word()}")  # noqa: TRY004
                said += piece
        except Empty:
            raise TimeoutError(f"the server did not listen within {PATIENCE:g} s") from None
        finally:
            following.close()
        return self.listens_on()

    def _last_word(self) -> str:
        lines = (self.read_trace("stderr") or b"").decode(errors="replace").splitlines()
        return lines[-1] if lines else "it wrote nothing to its error output"


class Client(PythonProcess, rtype="udpecho::Client"):
    """Measures the round-trip times of datagrams to an echo server, and ends when it has sent all of them."""

    count: int = attr(default=10, ge=1, help="How many datagrams it sends.")
    interval: float = attr(default=0.1, ge=0.001, help="Seconds from one to the next; what takes longer is lost.")
    size: int = attr(default=64, ge=40, le=65507, help="Bytes of a datagram.")
    server = link("udpecho::Server", min=1, max=1, after=ResourceState.STARTED, before="start")
    traces = (Trace("rtt", "One line for each datagram: its number, and its round-trip time in ms or 'lost'."),)

    def start(self, intent: Intent) -> dict[str, Any]:
        """The server is STARTED, by the link, so it can be asked where it listens."""
        address, port = cast("Server", self.linked("server")[0]).listens_on()
        return self.launch(intent.token, "client.py", address, port, self.count, self.interval, self.size)

"""What commands of an experiment can run on: a machine, or a node that is made on one."""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import IO, TYPE_CHECKING, Any, Final

from engine.rm.base import ResourceManager
from engine.rm.traces import Trace
from engine.rm.transport import CommandFailed

if TYPE_CHECKING:
    import threading

    from engine.rm.transport import Completed, Transport
    from rms.launch import Launcher
    from rms.linux._archive import Archive
    from rms.linux._layout import Layout

ANSWER_TIMEOUT: Final = 60.0
"""Seconds for a script that does little."""


class Host(ResourceManager, rtype="linux::Host"):
    """What every ``linux::`` application and tool can be connected to. It is no type by itself."""

    hostname: str

    traces = (Trace("facts", "What kind of host it is, as JSON."),)

    @property
    @abstractmethod
    def transport(self) -> Transport:
        """The way there: what is run by it is run there."""

    @property
    @abstractmethod
    def launcher(self) -> Launcher:
        """Starts commands there, and finds them again."""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What kind of host it is: the keys are described in docs/linux.md.

        Raises:
            LookupError: it was not asked yet.
        """

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Where things are there."""

    @property
    @abstractmethod
    def installing(self) -> threading.Lock:
        """Held by who installs packages there: package managers do not share a host."""

    @property
    @abstractmethod
    def is_let_go(self) -> bool:
        """Whether it was released, and nobody is to ask it for anything."""

    @property
    def preparing(self) -> Host:
        """Where what an application needs is fetched, installed and built: where it runs, unless something says no."""
        return self

    @abstractmethod
    def place(self, archive: Archive, directory: str) -> None:
        """Put the files of an archive below a directory there; it is sent only if the host does not have it.

        Raises:
            CommandFailed: they cannot be put there.
            TransportLost: nobody answered.
        """

    def run(
        self, what: str, script: str, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float = ANSWER_TIMEOUT
    ) -> Completed:
        """Run a short script there; `what` says in an error what it was to do.

        Raises:
            CommandFailed: its exit status is not 0; the message has what it said.
            TransportLost: nobody answered.
        """
        done = self.transport.run(script, *args, stdin=stdin, timeout=timeout)
        if done.code:
            said = (done.stderr or done.stdout).decode(errors="replace")
            raise CommandFailed(self.transport.host, what, done.code, said)
        return done

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        if name != "facts":
            return None
        try:
            content = json.dumps(self.facts, indent=2, ensure_ascii=False).encode()
        except LookupError:
            return None
        return content[offset : None if size is None else offset + size]

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        content = self.read_trace(name)
        return None if content is None else len(content)

"""A resource that records into files of the test's, on a host that the test can take away."""

from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from engine import ResourceManager, Trace, TransportLost
from rms.local import LocalTransport


class Host(LocalTransport):
    """This machine, called lab1."""

    host = "lab1"
    lost = False
    pushes = True

    def size(self, path):
        self._reach()
        return super().size(path)

    def read(self, path, offset=0, size=None):
        self._reach()
        return super().read(path, offset, size)

    def follow(self, path, offset, on_data):
        """See `LocalTransport.follow`; one that does not push leaves all to be read at the end."""
        self._reach()
        return super().follow(path, offset, on_data if self.pushes else lambda _: None)

    def _reach(self):
        if self.lost:
            raise TransportLost(self.host, "no route to host")


class Recorder(ResourceManager, rtype="lab::Recorder"):
    """Runs until it is stopped."""

    traces = (
        Trace("stdout", "What it wrote."),
        Trace("debug", "More of it.", enabled=False),
        Trace("made", "Made when it is asked for."),
        Trace("result", "What it found."),
    )
    host: ClassVar[Host]

    def start(self, intent):
        return {}

    @property
    def transport(self):
        return self.host

    def trace_path(self, name):
        return None if name == "made" else str(path_of(self.run_dir, self.guid, name))

    def read_trace(self, name, offset=0, size=None):
        return b"made"[offset:][:size] if name == "made" else self.transport.read(self.trace_path(name), offset, size)

    def trace_size(self, name):
        return 4 if name == "made" else self.transport.size(self.trace_path(name))


def path_of(run_dir: Path, guid: int, name: str) -> Path:
    """Where a recorder has a trace."""
    return run_dir / f"{guid}-{name}"


@contextmanager
def lent_to_recorders(monkeypatch):
    """A host for all recorders of a test."""
    host = Host()
    monkeypatch.setattr(Recorder, "host", host, raising=False)
    yield host
    host.lost = False
    host.close()

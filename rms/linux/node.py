"""`linux::Node`: a Linux host."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from engine.rm.attributes import attr
from engine.rm.base import Intent, ResourceManager
from engine.rm.outcomes import NeverBegan
from rms.launch import Launcher
from rms.local import LocalTransport

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.transport import Transport


def _check_hostname(name: str) -> None:
    if name != "localhost":
        raise ValueError(f"this version reaches no other host than 'localhost', so not {name!r}")


@cache
def _this_machine() -> LocalTransport:
    """One for all nodes: each would hold a thread and an inotify instance, of which a user has few."""
    return LocalTransport()


class Node(ResourceManager, rtype="linux::Node"):
    """A Linux host. Everything that runs on it is kept in a directory of the run's own, private to its user."""

    hostname: str = attr(check=_check_hostname, help="Name of the host; localhost needs no SSH.")

    _making = threading.Lock()
    _launcher: Launcher | None = None

    @property
    def transport(self) -> Transport:
        """The way to the host."""
        return _this_machine()

    @property
    def launcher(self) -> Launcher:
        """Starts commands on the host, and finds them again."""
        with self._making:
            if self._launcher is None:
                # On this machine the host's directory of the run is part of the run's own: nothing need be fetched.
                self._launcher = Launcher(self.transport, str(self.run_dir / f"node-{self.guid}"), self.epoch)
            return self._launcher

    def provision(self, intent: Intent) -> None:  # noqa: ARG002 - all hooks have one shape
        """See that the host answers, and has room for us."""
        self.launcher.open()

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Preparing a host can be done again at any time."""
        return NeverBegan()

    def release(self, intent: Intent) -> None:  # noqa: ARG002
        """Let go of the host. What ran there was released before; what it wrote stays with the run."""
        self.launcher.close()

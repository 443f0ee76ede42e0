"""`Collector`: fetches a trace of everything that it is connected to, before that is released."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import ExperimentError
from engine.core.states import ResourceState
from engine.rm.attributes import attr
from engine.rm.base import ANY, Intent, ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import NeverBegan
from engine.rm.transport import CommandFailed, TransportLost
from rms._fetch import fetch

if TYPE_CHECKING:
    from collections.abc import Mapping

_AT_ONCE: Final = 8  # traces that are fetched at the same time


class NotCollected(ExperimentError):
    """Some traces could not be fetched; the others were."""


def _check_inside(path: str) -> None:
    if not path or "\0" in path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"{path!r} is to be a relative path that stays in the directory of the run")


def _check_name(name: str) -> None:
    _check_inside(name)
    if "/" in name:
        raise ValueError(f"{name!r} is to be the name of a file, without directories: see sub_dir for these")


class Collector(ResourceManager, rtype="Collector"):
    """Fetches one trace of each resource that it is connected to into the directory of the run.

    It does so when it is released, which is before they are. What still runs then is fetched as far as it has come:
    have it stopped first, if it is to be whole. The files are called ``[sub_dir/]GUID.NAME``, where NAME is that of
    the trace, unless it is renamed.
    """

    trace_name: str = attr(check=_check_inside, help="The trace to fetch, such as stdout or any file by its name.")
    sub_dir: str | None = attr(
        default=None, check=_check_inside, help="Directory for the files, in that of the run; made if need be."
    )
    rename: str | None = attr(default=None, check=_check_name, help="What the files are called in place of the trace.")

    sources = link(ANY, after=ResourceState.NEW)

    def release(self, intent: Intent) -> None:
        """Fetch the traces, several at a time. What has been fetched before is not fetched again.

        What was only described, such as an experiment that a runner repeats, has recorded nothing.

        Raises:
            NotCollected: some are not there or cannot be fetched; the message says which, and why.
        """
        if self.state is ResourceState.NEW:
            return
        with ThreadPoolExecutor(_AT_ONCE, "netreel-collect") as pool:
            problems = pool.map(lambda source: self._try(intent, source), self.linked("sources"))
        failed = [problem for problem in problems if problem]
        if failed:
            raise NotCollected("; ".join(failed))

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Nothing is done before its release, and that can be done again."""
        return NeverBegan()

    def _try(self, intent: Intent, source: ResourceManager) -> str:
        """Fetch from one resource; says what went wrong, if anything did."""
        try:
            self._collect(intent, source)
        except (ExperimentError, CommandFailed, TransportLost, OSError, ValueError) as error:
            return f"{self.trace_name} of #{source.guid}: {error}"
        return ""

    def _collect(self, intent: Intent, source: ResourceManager) -> None:
        name = self.rename or PurePosixPath(self.trace_name).name
        target = self.run_dir / (self.sub_dir or "") / f"{source.guid}.{name}"
        fetch(intent, source, self.trace_name, target)

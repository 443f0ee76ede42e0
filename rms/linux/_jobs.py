"""Shell commands that prepare or clear up a host: they survive their controller, and the next one finds them again."""

from __future__ import annotations

import hashlib
import re
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from engine.rm.outcomes import Ended, Gone, NeverBegan
from engine.rm.secret import hide_secrets
from engine.rm.transport import CommandFailed
from rms._patience import until_answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.base import Intent, ResourceManager
    from rms.launch import Launcher
    from rms.linux.host import Host

TAIL: Final = 2000
"""How many bytes of what a command wrote are told with its failure."""

_LINE: Final = 300  # characters that are told of a line
_BLANKS: Final = "\t\xa0\u202f"  # such as French has before its colons
_UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"
_PRELUDE: Final = "exec 2>&1; rm -f stderr\n"
_LOOK: Final = 0.2  # seconds after which a wait sees that the result is not wanted any more
_TRIES: Final = 3  # how often a command is begun whose end is lost, as by a reboot of its host


class Job(Struct, frozen=True):
    """Some commands.

    Attributes:
        name: of what they are for; also of the trace with their output.
        text: shell text, as the user typed it.
        env: variables for it.
        directory: where it begins; made if need be.
        what: they do, where that says more than "running its " and the name.
    """

    name: str
    text: str
    env: Mapping[str, str]
    directory: str
    what: str = ""

    def token(self, guid: int, attempt: int) -> str:
        """What an attempt at it is called on the host: by itself, so that any later controller finds it again."""
        return f"{self.name}-{guid}-{hashlib.sha256(self.text.encode()).hexdigest()[:12]}-{attempt}"

    def tokens(self, guid: int) -> list[str]:
        """What all attempts that there can be are called, the first one first."""
        return [self.token(guid, attempt) for attempt in range(1, _TRIES + 1)]

    def latest(self, host: Host, guid: int) -> str | None:
        """The last attempt that has written anything, also one that still runs or has failed; None if there is none."""
        for token in reversed(self.tokens(guid)):
            if host.transport.size(host.launcher.path(token, "stdout")) is not None:
                return token
        return None


def run_job(host: Host, owner: ResourceManager, intent: Intent, job: Job) -> str:
    """Run a job on a host to its end, or wait for the end of one that an earlier controller began.

    Returns:
        The token of the attempt that succeeded.

    Raises:
        CommandFailed: it failed, with its last lines; or it was ended, since its result is not wanted any more.
        TransportLost: the host does not answer, and the result is not wanted any more.
    """
    attempt = 1
    while True:
        token = job.token(owner.guid, attempt)
        end = until_answered(intent, owner.log, _run_once, host, intent, job, token)
        if isinstance(end, Ended) and end.code == 0:
            return token
        if isinstance(end, Ended) or intent.cancelled or attempt == _TRIES:
            raise CommandFailed(host.transport.host, job.name, *_told(host, owner, intent, token, end))
        owner.log.warning("its end is lost, so it is begun again", job=job.name, why=end.why)
        attempt += 1


def _run_once(host: Host, intent: Intent, job: Job, token: str) -> Ended | Gone:
    launcher = host.launcher
    if intent.cancelled:
        return launcher.stop(token)  # an attempt that has not begun never will
    intent.doing(job.what or f"running its {job.name}")
    try:
        env = {**job.env, "JOB_HOME": job.directory}
        launcher.start(token, f'cd "$JOB_HOME" || exit\n{job.text}', env=env, prelude=_PRELUDE, directory=job.directory)
    except CommandFailed as error:
        if isinstance(launcher.probe(token), NeverBegan):
            return Gone(str(error))
        raise
    return _await_end(launcher, token, intent)


def _await_end(launcher: Launcher, token: str, intent: Intent) -> Ended | Gone:
    ends: SimpleQueue[Ended | Gone] = SimpleQueue()
    launcher.watch(token, ends.put)
    while True:
        try:
            return ends.get(timeout=_LOOK)
        except Empty:
            if intent.cancelled:
                return launcher.stop(token)


def _told(host: Host, owner: ResourceManager, intent: Intent, token: str, end: Ended | Gone) -> tuple[int, str]:
    """The exit status of a job that did not succeed, and what there is to be said about it."""
    if intent.cancelled:
        return 1, "it was ended, since it is not wanted any more"
    if isinstance(end, Gone):
        return 1, end.why
    return end.code, until_answered(intent, owner.log, last_lines, host, token)


def last_lines(host: Host, token: str, name: str = "stdout") -> str:
    """The end of what a command wrote: whole lines, of which only the beginning is told if they are very long."""
    path = host.launcher.path(token, name)
    size = host.transport.size(path) or 0
    start = max(0, size - TAIL)
    content = host.transport.read(path, start, TAIL) or b""
    text = hide_secrets(content.decode(errors="replace"))  # before any is cut in two
    lines = [_shown(line) for line in text.rstrip().splitlines()]
    if start and len(lines) == 1:
        return f"…{lines[0][-_LINE:]}"
    whole = lines[1:] if start else lines  # the first one may have begun before
    return "\n".join(line if len(line) <= _LINE else f"{line[:_LINE]}…" for line in whole).strip()


def _shown(line: str) -> str:
    """A line that does nothing to a terminal, and is not long where it is no text."""
    shown = (letter if letter.isprintable() or letter in _BLANKS else _UNKNOWN for letter in line)
    return re.sub(f"{_UNKNOWN}+", _UNKNOWN, "".join(shown))

"""`linux::Application`: a command on a Linux host."""

from __future__ import annotations

import threading
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

from engine.core.errors import BadState, ExperimentError
from engine.core.states import ResourceState, Step
from engine.rm import collected
from engine.rm.attributes import attr
from engine.rm.base import Intent, ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.traces import Trace
from engine.rm.transport import CommandFailed, TransportLost
from rms import shell
from rms._patience import until_answered
from rms.launch import Fenced
from rms.linux import _bringing
from rms.linux._jobs import Job, last_lines, run_job
from rms.linux.node import this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from engine.rm.outcomes import Outcome
    from engine.rm.transport import Transport
    from rms.linux.host import Host

GRACE: Final = 10.0
"""Seconds from the signal that asks a command to end, to KILL."""

_LONGEST: Final = 1_000_000_000  # seconds, about 30 years; from 292 years on Python has no timers

_TELL_MARK: Final = '[ ! -L "$1" ] || echo there'


def _check_command(command: str) -> None:
    if not command.strip():
        raise ValueError("the command is empty")
    shell.encoded("the command", command)


def _check_text(text: str) -> None:
    shell.encoded("the text", text)


def _check_env(env: dict[str, str] | str) -> None:
    if isinstance(env, str):
        shell.open_exports(env)
    else:
        shell.exports(env)


def check_codes(codes: list[int]) -> None:
    """Refuse what are no exit statuses, or none at all."""
    if not codes:
        raise ValueError("without any exit status that is no failure, whatever comes would be one: give 0 at least")
    for code in codes:
        if not 0 <= code <= 255:
            raise ValueError(f"an exit status is a number from 0 to 255, not {code}")


class Application(ResourceManager, rtype="linux::Application"):
    """A command that the shell of a Linux host runs, and that goes on if its controller dies.

    It runs in a directory of its own. Its output is in the traces ``stdout`` and ``stderr``; any other file that it
    writes there is a trace by its name. What it needs can be brought to the host first: files, packages, a build. One
    without a command only brings that, and has ended as soon as it is started.
    """

    command: str | None = attr(
        default=None, check=_check_command, help="What to run, as one would type it into a shell."
    )
    env: dict[str, str] | str = attr(
        default={}, check=_check_env, help="Variables that are added to its environment; 'A=x B=$A:y' works, too."
    )
    secret: str | None = attr(
        default=None, secret=True, help="What its variable SECRET has, and nobody logs: env:NAME or file:PATH."
    )
    stdin: str | bytes | None = attr(
        default=None, help="What it reads on its standard input: a text, or the path of a local file; else nothing."
    )
    sudo: bool = attr(default=False, help="Whether it runs as root, by a sudo that needs no password.")
    timeout: float | None = attr(
        default=None, ge=0.001, le=_LONGEST, help="Seconds after which it is ended, and has failed."
    )
    ok_codes: list[int] = attr(default=[0], check=check_codes, help="Exit statuses that are no failure.")
    split_stderr: bool = attr(default=True, help="Whether its error output has a trace of its own.")
    forward_x11: bool = attr(default=False, help="A window on the user's screen: not offered, fails when deployed.")

    files: list[str] | str = attr(
        default=[], check=_bringing.check_paths, help="Local files and directories to put into ${SHARE}; or 'a;b'."
    )
    sources: list[str] | str = attr(
        default=[], check=_bringing.check_paths, help="The same for ${SRC}; a URL is fetched by the host itself."
    )
    libs: list[str] | str = attr(default=[], check=_bringing.check_paths, help="The same for ${LIB}.")
    bins: list[str] | str = attr(
        default=[], check=_bringing.check_paths, help="The same for ${BIN}; they are made executable."
    )
    code: str | None = attr(
        default=None, check=_check_text, help="A text, or the path of a local file, to put into the file ${CODE}."
    )
    depends: list[str] | str = attr(
        default=[], check=_bringing.check_packages, help="Packages to install, unless they are there; or 'a b'."
    )
    build: str | None = attr(default=None, check=_check_text, help="Shell commands that build it, in ${APP_HOME}.")
    install: str | None = attr(default=None, check=_check_text, help="Shell commands that follow the build.")
    tear_down: str | None = attr(default=None, check=_check_text, help="Shell commands to run once it is released.")

    node = link("linux::Host", min=1, max=1, after=ResourceState.READY, before="provision")
    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("stdout", "What it wrote to its standard output."),
        Trace("stderr", "What it wrote to its standard error."),
        Trace("sources", "What was written while its sources were fetched."),
        Trace("depends", "What was written while packages were installed."),
        Trace("build", "What its build wrote."),
        Trace("install", "What the commands after the build wrote."),
        Trace("tear_down", "What the commands at its release wrote."),
    )

    stop_signal: ClassVar[str] = "TERM"
    """What asks it to end."""

    def setup(self) -> None:
        """See `ResourceManager.setup`."""
        self._telling = threading.Lock()
        self._told = ""  # the token of the attempt whose end has been told
        self._overdue = ""  # the token of the attempt that ran when its time was up
        self._timer: threading.Timer | None = None
        self._jobs: dict[str, str] = {}  # the tokens of jobs that have been done here, by name

    # --- for those that extend it -------------------------------------------------------------------------------

    def command_line(self) -> str:
        """What to run, as shell text; nothing if there is nothing to run."""
        return self.command or ""

    def time_limit(self) -> float | None:
        """Seconds after which it is ended, and has failed."""
        return self.timeout

    def needs_root(self) -> bool:
        """Whether it runs as root."""
        return self.sudo

    # --- hooks --------------------------------------------------------------------------------------------------

    def provision(self, intent: Intent) -> dict[str, Any]:
        """Bring to the host what it needs there. What an earlier controller has begun is not begun again."""
        self.check_possible()
        _bringing.bring(self, self.host.preparing, intent, self._jobs.__setitem__)
        return {"jobs": dict(self._jobs), "stdin_file": _bringing.local_file(self.stdin) is not None}

    def check_possible(self) -> None:
        """Refuse what cannot work on this host.

        Raises:
            BadState: it cannot; the message says why, and what can be done.
        """
        host = self.host
        if self.forward_x11:
            raise BadState(
                "forwardX11: a window lives in the connection of its controller, and what runs here must outlive it; "
                "use ssh -X by hand, or a virtual screen such as Xvfb"
            )
        if self.needs_root() and host.facts["privilege"] in ("password", "none"):
            needed = {"password": "sudo asks for a password there", "none": "there is no sudo"}
            raise BadState(
                f"it is to run as root, and {needed[host.facts['privilege']]}: let {host.facts['user']} use sudo on "
                f"{host.hostname} without a password (NOPASSWD), or log in as root"
            )

    def start(self, intent: Intent) -> dict[str, Any]:
        """Start the command. It has begun when this returns."""
        text = self.command_line()
        if not text:
            self.ended(0, token=intent.token)
            return {}
        launcher, token = self.host.launcher, intent.token
        file = (self.receipts.get(Step.PROVISION) or {}).get("stdin_file", False)
        started = until_answered(
            intent,
            self.log,
            launcher.start,
            token,
            text,
            env=self._environment(token),
            prelude=self.prelude(from_file=file),
            stdin=None if file else self._input(),
            as_root=self.needs_root() and self.host.facts["privilege"] != "root",
            directory=self._own_directory,
        )
        until_answered(intent, self.log, self._attend, token)
        return {"pid": started.pid, "start_time": started.start_time, "boot_id": started.boot_id}

    def stop(self, intent: Intent) -> None:
        """End the command and all that it started: asked first, killed after a grace. Its exit status is told."""
        token = self.tokens[Step.START]
        if self.command_line():
            self._tell(token, until_answered(intent, self.log, self._end, token))

    def release(self, intent: Intent) -> dict[str, Any]:
        """See that nothing of it runs. What it wrote stays with the run, unless `hard_release`."""
        token = self.tokens.get(Step.START)
        if token is not None and token != self._told:
            self.stop(intent)
        if Step.PROVISION in self.tokens:
            for job in self._clearing():
                self._jobs[job.name] = run_job(self.host, self, intent, job)
        if self.hard_release and Step.PROVISION in self.tokens:
            until_answered(intent, self.log, self._forget)
        return {"jobs": dict(self._jobs)}

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:  # noqa: ARG002
        """Ask the host what became of the command. Preparing it is done again, and finds what was begun."""
        if intent.step is not Step.START:
            return NeverBegan()
        if not self.command_line():
            return Ended(0)
        outcome = self.host.launcher.probe(intent.token)
        if isinstance(outcome, Alive):
            self._attend(intent.token)
        elif isinstance(outcome, Ended):
            self._told = intent.token
        return outcome

    # --- what it is given ---------------------------------------------------------------------------------------

    def _environment(self, token: str) -> dict[str, str]:
        layout, path = self.host.layout, self.host.launcher.path(token, ".")
        given = {} if isinstance(self.env, str) else self.env
        secret = {} if self.secret is None else {"SECRET": self.secret}
        return {**layout.variables(self.guid), "RUN_HOME": path, **given, **secret}

    def prelude(self, *, from_file: bool) -> str:
        """What cannot be given as a value: shell text that the process reads before it becomes the command."""
        lines: list[str] = []
        if isinstance(self.env, str):
            lines.append(shell.open_exports(self.env).rstrip("\n"))
        if from_file:
            lines.append(f'exec <"$APP_HOME/{_bringing.STDIN}"')
        if not self.trace_enabled("stdout"):
            lines.append("exec >/dev/null; rm -f stdout")
        if not self.split_stderr:
            lines.append("exec 2>&1; rm -f stderr")
        elif not self.trace_enabled("stderr"):
            lines.append("exec 2>/dev/null; rm -f stderr")
        return "\n".join(lines) + "\n"

    def _input(self) -> bytes | None:
        return self.stdin.encode("utf-8", "surrogateescape") if isinstance(self.stdin, str) else self.stdin

    # --- its end ------------------------------------------------------------------------------------------------

    def exited(self, code: int, *, token: str | None = None) -> None:
        """A status that is not in `ok_codes` is a failure, unless it was told to end."""
        told_to_end = Step.STOP in self.tokens or Step.RELEASE in self.tokens
        if token is not None and token == self._overdue:
            self.failed(f"the command was ended, since it had not after {self.time_limit():g} s", code, token=token)
        elif told_to_end or code in self.ok_codes:
            self.ended(code, token=token)
        else:
            self.failed(f"the command ended with exit status {code}{self._last_words()}", code, token=token)

    def _attend(self, token: str) -> None:
        """See that its end is told, and that it comes in time."""
        limit = self.time_limit()
        if limit is not None and self._timer is None:  # before its end can be told, which stops the timer
            self._set_timer(limit - self.host.launcher.age(token), token)
        # The host's messenger must not be kept waiting, and an end may be worth a look at the error output.
        self.host.launcher.watch(
            token, lambda outcome: threading.Thread(target=self._tell, args=(token, outcome), daemon=True).start()
        )

    def _set_timer(self, seconds: float, token: str) -> None:
        self._timer = threading.Timer(max(0.0, seconds), self._end_in_time, (token,))
        self._timer.daemon = True
        self._timer.start()

    def _end_in_time(self, token: str) -> None:
        try:
            if not self._has_ended(token):  # the host may not have been able to say so when the time was up
                self._overdue = token
            self._tell(token, self._end(token))
        except TransportLost as lost:
            self.log.warning("the host does not answer, so what is overdue runs on", host=lost.host, why=lost.why)
            self._set_timer(GRACE, token)
        except (CommandFailed, Fenced) as error:  # the one who has taken over ends it
            self.log.warning("what is overdue cannot be ended", error=str(error))

    def _has_ended(self, token: str) -> bool:
        mark = PurePosixPath(self.host.launcher.path(token, ".")).with_name("exit")
        return bool(self.host.run("looking for its end", _TELL_MARK, str(mark)).stdout)

    def _end(self, token: str) -> Ended | Gone:
        return self.host.launcher.stop(token, GRACE, self.stop_signal)

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        """Tell of an end once, whoever hears of it first; the other one waits until it is told."""
        with self._telling:
            if self._told == token:
                return
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if isinstance(outcome, Ended):
                self.exited(outcome.code, token=token)
            else:
                self.failed(outcome.why, token=token)
            self._told = token

    def _last_words(self) -> str:
        """The end of its error output; nothing if that cannot be read, for whatever reason: its end is told anyway."""
        try:
            words = last_lines(self.host, self.tokens[Step.START], "stderr" if self.split_stderr else "stdout")
        except (CommandFailed, TransportLost, ExperimentError, LookupError, OSError) as error:
            self.log.debug("its error output cannot be read", error=str(error))
            return ""
        return f": {words}" if words else ""

    # --- traces -------------------------------------------------------------------------------------------------

    @property
    def fetched(self) -> dict[str, Path]:
        """The files that its traces were fetched into, also by an earlier controller."""
        noted = collected.read(self.run_dir)
        return {name: it.path for (guid, name), it in noted.items() if guid == self.guid}

    def trace_path(self, name: str) -> str | None:
        """Where a trace is: on its host, or what was fetched of it."""
        source = self._source(name)
        return None if source is None else source[1]

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        source = self._source(name)
        return None if source is None else source[0].read(source[1], offset, size)

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        source = self._source(name)
        return None if source is None else source[0].size(source[1])

    def _source(self, name: str) -> tuple[Transport, str] | None:
        """By which way a trace is read, and where it is there; None if nothing has been written.

        Raises:
            BadState: it is on a host that is not to be asked any more, and was not fetched.
        """
        if self.host.is_let_go:
            return self._kept(name)
        written = self._written_by(name)
        if written is None:
            return None
        host, token, file = written
        return host.transport, host.launcher.path(token, file)

    def _kept(self, name: str) -> tuple[Transport, str] | None:
        """What was fetched of a trace of a host that is not to be asked any more."""
        path = self.fetched.get(name)
        if path is not None:
            return this_machine(), str(path)
        if Step.START not in self.tokens and name not in self._jobs_by_name():
            return None
        raise BadState(
            f"trace {name!r} of #{self.guid} is on {self.host.hostname}, which was released: connect a Collector "
            f"to have a trace fetched before"
        )

    def _written_by(self, name: str) -> tuple[Host, str, str] | None:
        """Where a trace is written, the attempt that does so, and the file of it; None if nothing has been."""
        host, job = self._jobs_by_name().get(name, (self.host, None))
        token = self._done().get(name) or (job and job.latest(host, self.guid))
        if token:
            return host, token, "stdout"
        started = self.tokens.get(Step.START)
        return None if started is None else (self.host, started, name)

    def _done(self) -> dict[str, str]:
        """The tokens of the jobs that have been done, by name."""
        told = ((self.receipts.get(step) or {}).get("jobs", {}) for step in (Step.PROVISION, Step.RELEASE))
        return {name: token for jobs in (*told, self._jobs) for name, token in jobs.items()}

    def _jobs_by_name(self) -> dict[str, tuple[Host, Job]]:
        """What is run besides its command, also what is still to come, and where."""
        if Step.PROVISION not in self.tokens:
            return {}
        there = self.host.preparing
        before = {job.name: (there, job) for job in _bringing.jobs(self, there)}
        return before | {job.name: (self.host, job) for job in self._clearing()}

    def _clearing(self) -> list[Job]:
        """What is run once it is released."""
        if not self.tear_down:
            return []
        return [Job("tear_down", self.tear_down, self.host.layout.variables(self.guid), self._own_directory)]

    @property
    def _own_directory(self) -> str:
        return self.host.layout.application(self.guid)

    def _forget(self) -> None:
        """Remove what it has left on its host."""
        for host, job in self._jobs_by_name().values():
            for token in job.tokens(self.guid):
                host.launcher.discard(token)
        started = self.tokens.get(Step.START)
        if started is not None:
            self.host.launcher.discard(started)
        self.host.run("removing its directory", 'rm -rf "$1"', self._own_directory)

    @property
    def host(self) -> Host:
        """Where it runs."""
        return cast("Host", self.linked("node")[0])

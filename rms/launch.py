"""Processes that outlive the controller: started at most once, found again, and ended for certain.

`launch.sh`, next to this file, does the work on the host; docs/launch.md has the protocol and why it is safe.
"""

import re
import threading
import time
from collections.abc import Mapping
from contextlib import nullcontext
from copy import copy
from functools import partial
from pathlib import PurePosixPath
from queue import Empty, SimpleQueue
from typing import Self

from engine.diagnostics import get_logger
from engine.rm.outcomes import Alive, Ended, Gone, Outcome
from engine.rm.transport import CommandFailed, Transport, TransportLost
from rms import shell
from rms._journal import Journal, OnEnd
from rms._patience import pauses
from rms._probing import Prober
from rms._refusals import is_answer, unknown_if_shut_out
from rms._report import Process, Report, Started
from rms._script import ANSWER_TIMEOUT, Fenced, Script
from rms._starting import Starter

__all__ = ["Fenced", "Launcher", "Started"]

_log = get_logger()

_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = {"epochs", "journal", "released"}
_CALM = 0.25  # seconds
_LAST_WORD = 5.0  # seconds to wait for what is not worth much waiting
# Those that the kill of every shell knows by name.
_SIGNALS = ("ABRT", "ALRM", "CONT", "HUP", "INT", "KILL", "PIPE", "QUIT", "STOP", "TERM", "URG", "USR1", "USR2")


class Launcher:
    """Starts commands on one host for one controller, and finds those of its predecessors.

    An attempt is named by its token, which was never used for another one. Whatever happens, the command of an attempt
    runs at most once. Every call first publishes the controller's epoch on the host and is refused if a later
    one is there. All methods may be called from any thread, but not from a callback of the transport.

    Raises, from every method that reaches the host:
        Fenced: A later controller has been there.
        CommandFailed: The host refused: its message says why.
        TransportLost: Nobody answered; or the host let nobody in, and an attempt may be there that was asked after. Ask
            again, or `probe`, when the host is back.
        ValueError: A token, name or signal that cannot be; nothing was done.
    """

    def __init__(self, transport: Transport, base: str, epoch: int) -> None:
        """Nothing is done on the host yet.

        Args:
            transport: The host. It stays the caller's, who closes it after the launcher.
            base: The directory of the run on the host: absolute, on a disk that outlives a reboot. It
                is made if need be, for its owner only; one that is there must be a run's.
            epoch: Which controller of the run this is, from 1 on; a later controller has a higher one.
        """
        path = PurePosixPath(base)
        if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
            raise ValueError(f"base {base!r}: must be an absolute path, without '..', of a directory of the run's own")
        if not 0 < epoch < 10**8:
            raise ValueError(f"epoch {epoch}: must be from 1 to 99999999")
        self._transport = transport
        self._base = str(path)
        self._epoch = epoch
        self._journal = Journal(transport, f"{self._base}/journal")
        self._use(Script(transport, self._base, epoch))
        self._alive: dict[str, Report] = {}  # on attempts that lived, and are not yet watched
        self._unsure: set[str] = set()  # attempts that may have begun, as nobody answered who was told to start them
        self._entrance = ""

    @classmethod
    def contact(cls, transport: Transport, base: str, epoch: int, first: str, *args: str) -> tuple[Self, bytes]:
        """A launcher for a host of which nothing is known yet, in one round trip with a script that asks about it.

        Args:
            transport: As for the launcher itself.
            base: The same; or "~/" and what follows the home of the host's user.
            epoch: As for the launcher itself.
            first: A script to run before the directory is made; if it fails, nothing is.
            args: Its parameters.

        Returns:
            The launcher, and what the script has said.
        """
        script = Script(transport, base, epoch)
        said = script.open_after(first, *args)
        launcher = cls(transport, script.base, epoch)
        launcher._use(script)
        return launcher, said

    def _use(self, script: Script) -> None:
        self._script = script
        self._prober = Prober(script.call, self._journal)
        self._starter = Starter(self._transport, script, self._journal, self._shell_left)

    def behind(self, entrance: str) -> Self:
        """The same launcher, for commands that go somewhere else first, such as into namespaces.

        Args:
            entrance: Shell text that each command begins with. It may run its own file, ``$0``, over again.

        Returns:
            One that knows the same attempts. It is not closed by itself.
        """
        other = copy(self)
        other._entrance = entrance
        return other

    def open(self) -> None:
        """Makes the directory of the run on the host, unless it is there. Every other call does so first."""
        self._script.open()

    def start(
        self,
        token: str,
        command: str,
        *,
        env: Mapping[str, str] | None = None,
        prelude: str = "",
        stdin: bytes | None = None,
        as_root: bool = False,
        directory: str = "",
    ) -> Started:
        """Starts a command, unless this attempt has been started before; returns when it has begun.

        It runs as `sh FILE`, in a session and group of its own, in the directory `path(token, ".")`, where its output
        goes to the files stdout and stderr. It has the umask and the environment of the host's user.

        Args:
            token: The attempt.
            command: Shell text, as the user typed it.
            env: Added to the environment. Shows in no process's arguments, and in no file once the command runs.
            prelude: Shell text that is read after the environment, in the command's directory and with its output in
                place, by the process that becomes the command: for what it must be given and cannot be as a value.
            stdin: Its standard input; None is /dev/null.
            as_root: Whether it runs under `sudo -n -E`.
            directory: One on the host that is made if need be, besides its own.

        Returns:
            Who it is. It may have ended by now.

        Raises:
            Fenced: Also if a later controller came while this was under way: it did not begin.
            CommandFailed: It did not begin: the message says why.
        """
        _check_token(token)
        before = _lines("prelude", shell.exports(env or {}) + prelude)
        text = _lines("command", self._entrance + command)
        counts = (str(before.count(b"\n")), str(text.count(b"\n")))
        how = ("nothing" if stdin is None else str(len(stdin)), "root" if as_root else "user")
        self._prober.forget(token)
        report = self._begin(token, *counts, *how, directory, stdin=before + text + (stdin or b""))
        if report.undecided:
            report = self._await_decision(token)
        if report.started is None or (report.end and not report.end.isdecimal()):
            raise self._not_started(token, report)
        self._note(token, report)
        return report.started

    @unknown_if_shut_out()
    def probe(self, token: str) -> Outcome:
        """Says what became of an attempt.

        The answer is final unless it is `Alive`: an attempt that nobody has claimed is void from then on, so that a
        start which is still on its way to the host cannot make `NeverBegan` wrong. To try again takes a new token.
        """
        report = self._probe(token)
        self._note(token, report)
        return report.outcome()

    @unknown_if_shut_out()
    def watch(self, token: str, on_end: OnEnd) -> None:
        """Calls `on_end` exactly once, when the attempt has ended, also if it had before.

        An attempt that never began, and never will, is `Gone`.

        Args:
            token: The attempt.
            on_end: Called from any thread, this one included. It must return soon, and call no method of this class
                or of the transport that reaches the host.
        """
        self.open()
        if not self._journal.subscribe(_check_token(token), on_end) or self._journal.promised(token):
            return
        try:
            report = self._alive.pop(token, None)
            self._look_after(token, report or self._probe(token))
        except BaseException:
            self._journal.unsubscribe(token, on_end)
            raise

    @unknown_if_shut_out()
    def signal(self, token: str, name: str = "TERM") -> bool:
        """Sends a signal to the process group of the command.

        Args:
            token: The attempt.
            name: The signal, such as "INT".

        Returns:
            False if the command is gone, or has not begun; nobody else was signalled.
        """
        return b"sent" in self._script.call("signal", _check_token(token), _check_signal(name))

    @unknown_if_shut_out()
    def age(self, token: str) -> float:
        """Seconds since the command of an attempt that lives began, by the host's own clock; 0 if it has not."""
        return (self._alive.get(token) or self._probe(token)).age

    @unknown_if_shut_out()
    def stop(self, token: str, grace: float = 10.0, name: str = "TERM") -> Ended | Gone:
        """Ends an attempt: a signal to its process group, and KILL to what is left of the group after the grace.

        Blocks until the whole group is gone and the end is recorded. An attempt that has not begun will not.

        Args:
            token: The attempt.
            grace: Seconds from the signal to KILL.
            name: The signal, such as "INT".
        """
        _check_signal(name)
        self.open()
        ends: SimpleQueue[Ended | Gone] = SimpleQueue()
        if self._journal.subscribe(_check_token(token), ends.put):
            self._prober.forget(token)
            self._look_after(token, Report.parse(self._script.call("stop", token, name)))
        try:
            return ends.get(timeout=grace)
        except Empty:
            self._script.call("stop", token, "KILL")
            return ends.get()

    def path(self, token: str, name: str) -> str:
        """Where a file of the command's working directory is, such as its `stdout`."""
        parts = PurePosixPath(name)
        if not name or parts.is_absolute() or ".." in parts.parts:
            raise ValueError(f"name {name!r}: must be a relative path that stays in the command's directory")
        return str(PurePosixPath(self._base, _check_token(token), "run", parts))

    def discard(self, token: str) -> None:
        """Removes what is kept of an attempt that has ended, its output included. It must not be started again.

        Raises:
            CommandFailed: It runs.
        """
        self._script.call("discard", _check_token(token))
        self._prober.forget(token)

    def sweep(self, directory: str, depth: int) -> list[str]:
        """Removes the directories of other runs `depth` levels below a directory that were released and do not run.

        Another run is one whose directory has another name than this one's.

        Returns:
            Those that were left, since something of theirs runs, or they may go on.
        """
        here = PurePosixPath(self._base).name
        return self._script.call("sweep", "-", here, directory, "/*" * depth).decode(errors="replace").splitlines()

    def release(self) -> None:
        """Lets other runs sweep the directory of this one away, until it is opened again."""
        self._script.call("release", timeout=_LAST_WORD)

    def remove(self) -> None:
        """Removes the directory of the run, with all that is in it.

        Raises:
            CommandFailed: Something of it runs, or it is not this user's own.
        """
        self._script.call("remove")
        self.close()
        self._script.forget()
        self._prober.forget_all()

    def close(self) -> None:
        """Tells nothing from now on. What runs goes on."""
        self._journal.close()

    # --- Calls to the host.

    def _probe(self, token: str) -> Report:
        return self._prober.ask(_check_token(token))

    def _begin(self, token: str, *args: str, stdin: bytes) -> Report:
        try:
            with unknown_if_shut_out() if token in self._unsure else nullcontext():
                report = self._starter.start(token, *args, stdin=stdin)
        except TransportLost:
            self._unsure.add(token)
            raise
        self._unsure.discard(token)
        return report

    # --- Attending to attempts.

    def _note(self, token: str, report: Report) -> None:
        if report.alive and not report.end:
            self._alive[token] = report

    def _look_after(self, token: str, report: Report) -> None:
        """Settles an attempt that has ended, or attends to the process whose end is the next news of it."""
        outcome = report.outcome()
        if isinstance(outcome, Alive) and report.alive:
            self._attend(token, report.alive)
        elif not isinstance(outcome, Alive):
            self._journal.settle(token, outcome)

    def _attend(self, token: str, process: Process) -> None:
        self._transport.on_exit(process.pid, process.start_time, partial(self._process_gone, token, process))

    def _shell_left(self, token: str) -> None:
        report = self._alive.get(token)
        if report and report.alive:  # or its start has not returned yet: whoever watches it then finds no promise
            self._process_gone(token, report.alive)

    def _process_gone(self, token: str, process: Process) -> None:
        # As a rule the journal has told the end by now. If not, a supervisor was killed: ask, but not on this thread.
        if self._journal.awaited(token):
            threading.Thread(target=self._ask_again, args=(token, process), name="launch-ask", daemon=True).start()

    def _ask_again(self, token: str, process: Process) -> None:
        """Runs on a thread of its own, until the host has answered or nobody wants to know any more."""
        for pause in pauses():
            try:
                self._find_end(token, process)
            except TransportLost:  # it is closed
                return
            except (CommandFailed, Fenced) as error:
                if isinstance(error, Fenced) or is_answer(error):
                    self._journal.settle(token, Gone(f"its end cannot be read: {error}"))
                    return
                _log.warning("the host lets nobody in, the state is unknown", token=token, why=str(error), pause=pause)
            except Exception as error:  # noqa: BLE001 - a thread that dies of it tells nobody
                _log.exception("the end of an attempt cannot be read", token=token)
                self._journal.settle(token, Gone(f"its end cannot be read: {error!r}"))
                return
            else:
                return
            time.sleep(pause)
            if not self._journal.awaited(token):
                return

    def _find_end(self, token: str, process: Process) -> None:
        try:
            report = self._probe(token)
            if isinstance(report.outcome(), Alive):
                self._journal.listen()
            self._look_after(token, report)
        except TransportLost as lost:
            _log.warning("host lost, the state is unknown", host=lost.host, why=lost.why, token=token)
            time.sleep(_CALM)  # if the process is gone, the next question comes at once
            self._attend(token, process)  # which is told when the host is back

    @unknown_if_shut_out()
    def _await_decision(self, token: str) -> Report:
        """Waits while another call is starting the attempt."""
        while True:
            news = self._journal.expect(token)  # before the question: what comes after the answer is not missed
            report = self._probe(token)
            if not report.undecided or report.supervisor is None:
                return report
            self._transport.on_exit(report.supervisor.pid, report.supervisor.start_time, news.set)
            if not news.wait(ANSWER_TIMEOUT):
                why = f"attempt {token} has been claimed for {ANSWER_TIMEOUT} s and has not begun"
                raise TransportLost(self._transport.host, why)

    def _not_started(self, token: str, report: Report) -> Exception:
        host = self._transport.host
        word, _, epoch = report.end.partition(" ")
        if word == "fenced" and int(epoch) > self._epoch:
            return Fenced(host, self._epoch, int(epoch))
        why = self._transport.read(self.path(token, "stderr"), 0, 2000) if report.claimed else b""
        why = why or report.reply.encode()
        if not why:
            why = f"it is {report.end or 'not claimed'}, and never began: use a new token".encode()
        return CommandFailed(host, f"start of {token}", 1, why.decode(errors="replace"))


def _lines(what: str, text: str) -> bytes:
    """A text of whole lines."""
    return shell.encoded(what, text if text.endswith("\n") or not text else text + "\n")


def _check_signal(name: str) -> str:
    if name not in _SIGNALS:
        raise ValueError(f"signal {name!r}: must be one of {', '.join(_SIGNALS)}")
    return name


def _check_token(token: str) -> str:
    if not _TOKEN.fullmatch(token) or token in _RESERVED:
        raise ValueError(
            f"token {token!r}: must be 1 to 100 letters, digits, '.', '_' or '-', begin with a letter or digit, "
            f"and be none of {', '.join(sorted(_RESERVED))}"
        )
    return token

"""The way to the process that holds an emulation: a file for each request, and one that its answers are added to.

So whatever breaks in between, a request is there as a whole or not at all, no answer is lost, and no process is needed
to carry them.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from engine.rm.transport import CommandFailed, TransportLost
from rms._script import Fenced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.rm.transport import Transport
    from rms.netns._batch import Place

GONE: Final = "the emulation is gone"
_WHAT: Final = "a change"


class Mailbox:
    """That of one emulation, for one controller. Several threads may ask at the same time.

    Args:
        transport: the way to its host.
        directory: where the holder has its files there.
        holder: who it is.
        epoch: that of the controller: the holder obeys the highest one only.
    """

    def __init__(self, transport: Transport, directory: str, holder: Place, epoch: int) -> None:
        self._transport = transport
        self._directory = directory
        self._holder = holder
        self._epoch = epoch
        self._numbers = count(1)
        self._waiting: dict[str, SimpleQueue[dict[str, Any] | None]] = {}  # for the answers to what they have asked
        self._rest = b""
        self._gone = False
        self._lock = threading.Lock()
        answers = f"{directory}/answers"
        transport.follow(answers, transport.size(answers) or 0, self._hear)
        transport.on_exit(holder.pid, holder.start_time, self._end)

    def ask(self, asked: Sequence[dict[str, Any]], patience: float) -> list[dict[str, Any]]:
        """Have things done; one answer for each.

        Args:
            asked: what, as the holder takes it.
            patience: seconds that it may take.

        Raises:
            CommandFailed: the holder has ended, or cannot do what it is asked.
            Fenced: a later controller has been there.
            TransportLost: nobody answered.
        """
        number, epoch = f"{self._epoch:08d}-{next(self._numbers):08d}", f"{self._epoch:08d}"
        request = json.dumps({"id": number, "epoch": epoch, "asked": list(asked)}).encode()
        with self._answers_to(number) as answers:
            self._transport.write(f"{self._directory}/requests/{number}", request)
            told = self._await(answers, patience)
        if "fenced" in told:
            raise Fenced(self._transport.host, self._epoch, int(told["fenced"]))
        if "broken" in told:
            raise CommandFailed(self._transport.host, _WHAT, 1, told["broken"])
        got: list[dict[str, Any]] = told["answers"]
        return got

    @contextmanager
    def _answers_to(self, number: str) -> Iterator[SimpleQueue[dict[str, Any] | None]]:
        """Where the answer to a request comes; if the holder has ended, nothing does. One that is late is not heard."""
        answers: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        with self._lock:
            self._waiting[number] = answers
            if self._gone:
                answers.put(None)
        try:
            yield answers
        finally:
            with self._lock:
                del self._waiting[number]

    def _await(self, answers: SimpleQueue[dict[str, Any] | None], patience: float) -> dict[str, Any]:
        try:
            told = answers.get(timeout=patience)
        except Empty:
            raise TransportLost(self._transport.host, f"{_WHAT} was not answered in {patience:g} s") from None
        if told is None:
            raise CommandFailed(self._transport.host, _WHAT, 1, f"{GONE}: its process {self._holder.pid} has ended")
        return told

    def _end(self) -> None:
        """Answer nobody any more."""
        with self._lock:
            self._gone = True
            for answers in self._waiting.values():
                answers.put(None)

    def _hear(self, data: bytes) -> None:
        """Take what was added to the answers. Only a whole line counts, and one that was cut is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.endswith(b"}"):
                self._take(json.loads(line))

    def _take(self, told: dict[str, Any]) -> None:
        with self._lock:
            if told["id"] in self._waiting:
                self._waiting[told["id"]].put(told)

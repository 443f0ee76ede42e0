"""The way to the process that holds an emulation: a file for each request, and one that its answers are added to.

So whatever breaks in between, a request is there as a whole or not at all, no answer is lost, and no process is needed
to carry them.
"""

from __future__ import annotations

import json
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from engine.rm.transport import CommandFailed, TransportLost
from rms._script import Fenced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.rm.transport import Transport
    from rms.netns._batch import Place

GONE: Final = "the emulation is gone"
_WHAT: Final = "a change"


class Mailbox:
    """That of one emulation, for one controller. It serves one caller at a time.

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
        self._news: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        self._rest = b""
        self._gone = False
        answers = f"{directory}/answers"
        transport.follow(answers, transport.size(answers) or 0, self._hear)
        transport.on_exit(holder.pid, holder.start_time, lambda: self._news.put(None))

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
        number, epoch = f"{self._epoch:08d}-{next(self._numbers)}", f"{self._epoch:08d}"
        request = json.dumps({"id": number, "epoch": epoch, "asked": list(asked)}).encode()
        self._transport.write(f"{self._directory}/requests/{number}", request)
        told = self._await(number, patience)
        if "fenced" in told:
            raise Fenced(self._transport.host, self._epoch, int(told["fenced"]))
        if "broken" in told:
            raise CommandFailed(self._transport.host, _WHAT, 1, told["broken"])
        answers: list[dict[str, Any]] = told["answers"]
        return answers

    def _await(self, number: str, patience: float) -> dict[str, Any]:
        """The answer to a request. Those to earlier ones, which were given up, are thrown away."""
        while not self._gone:
            try:
                told = self._news.get(timeout=patience)
            except Empty:
                raise TransportLost(self._transport.host, f"{_WHAT} was not answered in {patience:g} s") from None
            if told is None:
                self._gone = True
            elif told["id"] == number:
                return told
        raise CommandFailed(self._transport.host, _WHAT, 1, f"{GONE}: its process {self._holder.pid} has ended")

    def _hear(self, data: bytes) -> None:
        """Take what was added to the answers. Only a whole line counts, and one that was cut is none."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.endswith(b"}"):
                self._news.put(json.loads(line))

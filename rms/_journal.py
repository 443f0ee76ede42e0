"""A run's journal on a host, as one launcher hears it: which attempts have begun and ended."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator

from engine.diagnostics import get_logger
from engine.rm.outcomes import Ended, Gone, NeverBegan
from engine.rm.transport import Following, Transport

__all__ = ["Journal", "OnEnd", "parse_end"]

_log = get_logger()

OnEnd = Callable[[Ended | Gone], None]

# A line that is none of these is what a full disk has left of one; the end of the process tells the same, later.
_LINE = re.compile(
    r"(start) (\S+) ([0-9]+ [0-9]+ \S+)"  # the token, and who: the PID, its start time and the boot
    r"|(end) (\S+) ([0-9]+|void|fenced [0-9]+)"
    r"|(discard) (\S+)()"
)


def _parse(lines: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    """The word, the token and the rest of each line that is one."""
    for line in lines:
        if match := _LINE.fullmatch(line.decode(errors="replace")):
            word, token, rest = (group for group in match.groups() if group is not None)
            yield word, token, rest


def parse_end(text: str) -> Ended | NeverBegan:
    """Reads how an attempt ended, as the exit mark and the journal have it."""
    return Ended(int(text)) if text.isdecimal() else NeverBegan()


class Journal:
    """Follows the journal from its beginning, once somebody wants to know, and tells each who asked, once.

    From the beginning, so that nothing is missed that happened while no controller was there.
    """

    def __init__(self, transport: Transport, path: str) -> None:
        self._transport = transport
        self._path = path
        self._lock = threading.Lock()  # never held while the host is asked: who tells an end must not wait for that
        self._starting = threading.Lock()  # another one, held until it is followed
        self._following: Following | None = None
        self._closed = 0  # how often
        self._line = b""  # the beginning of a line whose end is still to come
        self._ends: dict[str, Ended | Gone] = {}
        self._subscribers: dict[str, list[OnEnd]] = {}
        self._waiters: dict[str, list[threading.Event]] = {}
        self._promised: set[str] = set()

    def promise(self, token: str) -> None:
        """Takes note that somebody will tell the end of the attempt: for it alone the journal need not be followed."""
        with self._lock:
            self._promised.add(token)

    def promised(self, token: str) -> bool:
        """Whether somebody will tell the end of the attempt."""
        with self._lock:
            return token in self._promised

    def withdraw(self, token: str) -> None:
        """Takes a promise back."""
        with self._lock:
            self._promised.discard(token)

    def so_far(self) -> dict[str, tuple[str, str]]:
        """Reads what it says by now of each attempt: who began, and how it ended; nothing for what has not been."""
        said: dict[str, tuple[str, str]] = {}
        *lines, _ = (self._transport.read(self._path) or b"").split(b"\n")
        for word, token, rest in _parse(lines):
            if word == "start":
                said[token] = rest, ""
            elif word == "end":
                said[token] = said.get(token, ("", ""))[0], rest
            else:
                said.pop(token, None)
        return said

    def subscribe(self, token: str, on_end: OnEnd) -> bool:
        """Has `on_end` called at the end of the attempt; at once, and returns False, if that is known already."""
        if not self.promised(token):
            self.listen()
        with self._lock:
            end = self._ends.get(token)
            if end is None:
                self._subscribers.setdefault(token, []).append(on_end)
                return True
        on_end(end)
        return False

    def unsubscribe(self, token: str, on_end: OnEnd) -> None:
        """Takes a subscription back, if it has not been served."""
        with self._lock:
            subscribers = self._subscribers.get(token, [])
            if on_end in subscribers:
                subscribers.remove(on_end)

    def awaited(self, token: str) -> bool:
        """Whether somebody still waits for the end of the attempt."""
        with self._lock:
            return bool(self._subscribers.get(token))

    def expect(self, token: str) -> threading.Event:
        """An event that is set by the next line about the attempt."""
        self.listen()
        event = threading.Event()
        with self._lock:
            self._waiters.setdefault(token, []).append(event)
        return event

    def settle(self, token: str, end: Ended | NeverBegan | Gone) -> None:
        """Takes note of the end of an attempt, and tells those who wait for it."""
        told = Gone("it never began, and never will") if isinstance(end, NeverBegan) else end
        with self._lock:
            told = self._ends.setdefault(token, told)
            self._promised.discard(token)
            subscribers = self._subscribers.pop(token, [])
        for on_end in subscribers:
            try:
                on_end(told)
            except Exception:  # noqa: BLE001 - one bad callback must not silence the others
                _log.exception("a callback raised", token=token, callback=repr(on_end))

    def close(self) -> None:
        """Follows and tells no more."""
        with self._lock:
            self._subscribers.clear()
            following, self._following = self._following, None
            self._closed += 1
        if following:
            following.close()

    def listen(self) -> None:
        """Follows the journal, unless it does. Raises what the transport does."""
        with self._starting:
            with self._lock:
                if self._following is not None:
                    return
                closed = self._closed
            self._line = b""
            following = self._transport.follow(self._path, 0, self._hear)
            with self._lock:
                wanted = self._closed == closed
                if wanted:
                    self._following = following
        if not wanted:  # it was closed meanwhile
            following.close()

    def _hear(self, data: bytes) -> None:
        *lines, self._line = (self._line + data).split(b"\n")
        for word, token, rest in _parse(lines):
            self._wake(token)
            if word == "end":
                self.settle(token, parse_end(rest))

    def _wake(self, token: str) -> None:
        with self._lock:
            waiters = self._waiters.pop(token, [])
        for event in waiters:
            event.set()

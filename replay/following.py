"""A trace as it is written: what there is of it, and then what comes, until its resource has ended."""

from __future__ import annotations

import threading
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import eventlog
from engine.core.errors import UsageError
from engine.core.states import ENDS, ResourceState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.core.world import Resource
    from engine.rm.fetching import Ask
    from engine.rm.transport import Following
    from replay.traces import Traces

News = bytes | eventlog.Event | Exception
"""What comes while a trace is followed: a piece of it, an event of the log, or what keeps either from coming."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two looks whether it is there: each twice as long as the one before."""


class Follow:
    """Follows one trace of a run: its host pushes it, and its log tells the end.

    Only until it is there, it is asked for again and again: nobody tells that a file was made.

    Args:
        traces: of the run. What its log says next is taken note of there.
        resource: who records it; it need not have begun.
        name: the trace.
        ask: how the host is asked for what it does not push.
        tell: told, once, if its resource was started and the trace is not there.
        news: where it hears what the log says next, for whoever follows that anyway; an error in it ends the following.
            Without, it follows the log itself.
        last: of what is there already only so many bytes are wanted.
    """

    def __init__(
        self,
        traces: Traces,
        resource: Resource,
        name: str,
        ask: Ask,
        tell: Callable[[str], None],
        *,
        news: SimpleQueue[News] | None = None,
        last: int | None = None,
    ) -> None:
        self._traces = traces
        self._resource = resource
        self._name = name
        self._ask = ask
        self._tell = tell
        self._told = False
        self._pause = _FIRST_PAUSE
        self._hears_log = news is None
        self._news: SimpleQueue[News] = SimpleQueue() if news is None else news
        self._last = last
        self._following: Following | None = None
        self._shown: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """The trace, as it comes.

        Raises:
            NoTrace: it is switched off, or its resource has ended without it.
            NotRead: its host does not answer, or refuses.
            UsageError: it is nothing that grows.
            LogError: the log of the run cannot be read any more.
        """
        try:
            yield from self._until_the_end()
        finally:
            if self._following is not None:
                self._following.close()
        yield from self._rest()

    def _until_the_end(self) -> Iterator[bytes]:
        if self._hears_log:
            after = self._traces.world.seq
            threading.Thread(target=self._hear_log, args=(after,), name="netreel-log", daemon=True).start()
        while not self._has_ended():
            if self._following is None:
                self._following = self._attach()
            match self._next():
                case bytes() as piece:
                    self._shown = (self._shown or 0) + len(piece)
                    yield piece
                case eventlog.Event() as record:
                    self._traces.take(record)
                case Exception() as error:
                    raise error

    def _next(self) -> News | None:
        """What comes next; None if nothing does before it is time to look again whether the trace is there."""
        if self._following is not None:
            return self._news.get()
        with suppress(Empty):
            return self._news.get(timeout=self._pause)
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return None

    def _has_ended(self) -> bool:
        world = self._traces.world
        return world.closed or self._resource.guid not in world.resources or self._resource.state in ENDS

    def _hear_log(self, after: int) -> None:
        try:
            with eventlog.open(self._traces.run_dir) as log:
                for record in log.follow(after=after):
                    self._news.put(record)
                    if record.kind == "run.closed":
                        return
        except Exception as error:  # noqa: BLE001 - for whoever follows
            self._news.put(error)

    def _attach(self) -> Following | None:
        """Have the host push it; None if it is still to come."""
        reader = self._traces.reader(self._resource, self._name, self._ask)
        size = reader.size()
        if size is None:
            if self._resource.state is ResourceState.STARTED:
                self._say_that_it_is_missing()
            return None
        self._shown = self._begin(size)
        return reader.ask(self._push)

    def _begin(self, size: int) -> int:
        """Where to begin in what is there already."""
        return 0 if self._last is None else max(0, size - self._last)

    def _say_that_it_is_missing(self) -> None:
        missing = self._traces.missing(self._resource, self._name)
        if not self._traces.world.trace_enabled(self._resource, self._name):
            raise missing
        if not self._told:
            self._told = True
            self._tell(f"{missing}; waiting for it (Ctrl-C ends this)")

    def _push(self) -> Following:
        manager = self._traces.manager(self._resource)
        path = manager.trace_path(self._name)
        if path is None:
            raise UsageError(f"trace {self._name!r} is made when it is asked for, so it does not grow; leave -f out")
        return manager.transport.follow(path, self._shown or 0, self._news.put)

    def _rest(self) -> Iterator[bytes]:
        """What had not come by the end."""
        reader = self._traces.reader(self._resource, self._name, self._ask)
        size = reader.size()
        if size is None and not self._shown:
            raise self._traces.missing(self._resource, self._name)
        yield from reader.pieces(self._begin(size or 0) if self._shown is None else self._shown, size or 0)

"""The way from a controller's methods to its run: each call is recorded here, or answered from the record.

A call that something comes of is in the log by that. One that only looks is noted (`engine.runtime.script`) as the seq
of the event behind which it looked: its answer follows from the world as it was then, and is not kept. What does not
follow from the log, such as how long a wait was waited for, is noted with its answer.

If the script is run again, what its log holds is answered by `engine.past`. The first call that it does not hold takes
the run over, and from there on everything is live.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar
from zlib import crc32

from engine import raised
from engine.core.decide import rtypes_of
from engine.core.errors import Closed, ScriptDiverged
from engine.core.events import EffectDone, ScriptLooked
from engine.core.world import EXPERIMENT
from engine.dates import to_due
from engine.rm.secret import hide_secrets
from engine.rm.traces import TraceAttr, read_raw, read_text
from engine.runtime.script import untold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from engine.core.calls import ScriptCall
    from engine.core.errors import ExperimentError
    from engine.core.events import Entry
    from engine.core.kernel import Kernel
    from engine.core.world import World
    from engine.dates import Date
    from engine.past import PastRun
    from engine.runtime.script import Script
    from engine.runtime.session import Session
    from engine.runtime.waiters import Outlook
    from engine.tasks import Task

_T = TypeVar("_T")

_SHORT = 1024
"""How many bytes of a trace are noted as they are. Of more it is noted how many there were, and their checksum."""


_batch: Final[ContextVar[tuple[Calls, int] | None]] = ContextVar("netreel_batch", default=None)
"""The calls whose batch a thread is in, and which thread that is: others may be given a copy of its context."""


def _batch_of_this_thread() -> Calls | None:
    batch = _batch.get()
    return batch[0] if batch is not None and batch[1] == threading.get_ident() else None


class Calls:
    """The calls of one controller.

    Args:
        script: that makes them.
        number: of the controller, among those of the script.
        past: what its log holds of them, if the script is run again.
        take_charge: takes the run over once there is nothing left to be answered from the log.
    """

    def __init__(self, script: Script, number: int, past: PastRun | None, take_charge: Callable[[], None]) -> None:
        self.script = script
        self.number = number
        self._past = past
        self._take_charge = take_charge
        self._session: Session | None = None
        self._is_live = False
        self._left = False

    # --- who answers --------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The run itself, which is taken over if it has not been.

        Raises:
            Closed: it is over, or was let go.
        """
        if not self._is_live:
            self._go_live()
        assert self._session is not None
        return self._session

    def _go_live(self) -> None:
        if self._session is not None and self._session.is_asked_from_within():
            return  # in the turn with which the run is taken over, for which another thread waits
        assert self._past is not None
        with self._past.taking_over:
            if self._session is None:
                if self.closed:
                    raise Closed("this controller was shut down or let its run go, and its script is run again")
                self._take_charge()
                self._is_live = True

    def catch_up(self) -> None:
        """Take the run over if all that its log holds of the script has been told: not only at the next call.

        The script may wait for what is to come, in whatever way.
        """
        if not self._is_live and self._past is not None and self._past.is_told() and not self.closed:
            self._go_live()

    def serve(self, session: Session) -> None:
        """Answer from the run itself: from now on, or once it has been taken over."""
        self._session = session
        self._is_live = self._past is None

    @property
    def is_live(self) -> bool:
        """Whether this controller is, or was, in charge of the run."""
        return self._session is not None

    def opening(self) -> ScriptCall:
        """The call with which a controller takes charge. It is not told again."""
        self._write_out_others()
        return self.script.call(self.number, told=False)

    def script_told(self) -> dict[str, Any]:
        """What the log is to have of the script that makes the controller, if it can be run again."""
        described = self.script.describe() if self.opening().at else None
        if described is None:
            return {}
        return {"script": {"token": self.script.token, "controller": self.number, **described}}

    @property
    def closed(self) -> bool:
        """Whether nobody is in charge by this controller any more."""
        if self._session is not None:
            return self._session.closed
        return self._left or (self._past is not None and self._past.is_over())

    @property
    def is_mine(self) -> bool:
        """See `Session.is_mine`."""
        return self._session is None or self._session.is_mine

    def refuse_within(self, what: str) -> None:
        """See `Session.refuse_within`."""
        if self._session is not None:
            self._session.refuse_within(what)

    def name_causes(self, error: ExperimentError) -> None:
        """See `Session.name_causes`."""
        if self._session is not None:
            self._session.name_causes(error)

    def close(self) -> None:
        """Close the log. Of a run that is only read there is nothing to close."""
        if self._session is not None:
            self._session.close()
        self._left = True

    def abandon(self) -> None:
        """Let the run go on without this controller."""
        if self._session is not None:
            self._session.abandon()
        self._left = True

    # --- batches ------------------------------------------------------------------------------------------------

    @contextmanager
    def batch(self) -> Iterator[None]:
        """See `engine.describing.Describing.batch`."""
        if self._in_batch:
            yield  # the outer one writes it
            return
        self._write_out_others()
        with self.script.in_batch(self.number):
            outer = _batch.get()
            _batch.set((self, threading.get_ident()))
            try:
                yield
            finally:
                _batch.set(outer)
                self._write_out()

    @property
    def _in_batch(self) -> bool:
        return _batch_of_this_thread() is self

    def _write_out(self) -> None:
        if self._session is not None and not self._session.closed:
            self._session.write_out()

    @staticmethod
    def _write_out_others() -> None:
        """See that what a thread has described elsewhere is on disk before anything that it calls behind that.

        A script that is run again has made all calls of a thread up to some of them.
        """
        other = _batch_of_this_thread()
        if other is not None:
            other._write_out()

    # --- what follows from the log ------------------------------------------------------------------------------

    def describe(self, act: Callable[[Kernel], _T]) -> _T:
        """As `ask`, for what may have to wait for the end of a batch until it is on disk, and so takes effect."""
        return self._answer(act, lambda call: self.session.ask(act, call, in_batch=self._in_batch))

    def describe_typed(self, guids: Sequence[int], prepare: Callable[[list[str]], Callable[[Kernel], _T]]) -> _T:
        """The same, for what the types of these resources have a say in: they do in this thread, and in no turn.

        Args:
            guids: the resources.
            prepare: what is to be decided, from the names of their types.
        """

        def again(kernel: Kernel) -> _T:
            return prepare(rtypes_of(kernel.world, guids))(kernel)

        def live(call: ScriptCall) -> _T:
            rtypes = self.session.rtypes(guids)
            if rtypes is None:
                rtypes = self.session.read(lambda world: rtypes_of(world, guids), call, in_batch=self._in_batch)
            call.seq = self.session.seq
            return self.session.ask(prepare(rtypes), call, in_batch=self._in_batch)

        return self._answer(again, live)

    def ask(self, act: Callable[[Kernel], _T]) -> _T:
        """See `Session.ask`."""
        return self._answer(act, lambda call: self.session.ask(act, call))

    def ask_to_the_end(self, act: Callable[[Kernel], _T]) -> _T:
        """See `Session.ask_to_the_end`."""
        return self._answer(act, lambda call: self.session.ask_to_the_end(act, call))

    def begin_to_close(self, why: str) -> None:
        """See `Session.begin_to_close`."""
        self._answer(lambda kernel: kernel.drop_tasks(why), lambda call: self.session.begin_to_close(why, call))

    def read(self, act: Callable[[World], _T]) -> _T:
        """See `Session.read`."""
        return self._answer(lambda kernel: act(kernel.world), lambda call: self._read(act, call))

    def _read(self, act: Callable[[World], _T], call: ScriptCall) -> _T:
        if self._session is None and (self.closed or call.number == 0):  # it is over, or it is not the script that asks
            assert self._past is not None
            return self._past.read_last(act, call)
        return self.session.read(act, call, in_batch=self._in_batch)

    def schedule(self, date: Date, task: Task) -> int:
        """Have a function called at a date; the number of its task.

        Raises:
            UsageError: the date cannot be read.
        """
        to_due(date, 0)

        def again(kernel: Kernel) -> int:
            number = kernel.schedule(to_due(date, kernel.world.time))
            assert self._past is not None
            self._past.adopt(number, task)
            return number

        def live(call: ScriptCall) -> int:
            due = to_due(date, self.session.clock.now())
            return self.session.schedule(due, task, call, in_batch=self._in_batch)

        return self._answer(again, live)

    def _answer(self, again: Callable[[Kernel], _T], live: Callable[[ScriptCall], _T]) -> _T:
        call = self._call()
        if self._past is not None:
            try:
                answer = self._past.answer(call, again)
            finally:
                self.catch_up()
            if answer is not None:
                value: _T = answer[0]
                return value
        try:
            value = live(call)
        except Exception as error:
            if not call.made:  # it was refused by a decision, which will be the same, or was not decided on
                self._note(call, *([] if call.seq else [raised.to_plain(error)]))
            raise
        if not call.made:
            self._note(call)
        return value

    def _call(self) -> ScriptCall:
        if not self._in_batch:
            self._write_out_others()
        return self.script.call(self.number, told=self._session is None or not self._session.is_asked_from_within())

    def _note(self, call: ScriptCall, *value: Any) -> None:
        is_time = self.script.note(self.number, call, *value)
        if is_time and self._session is not None and not self._session.closing:
            flush = self.script.call(self.number, told=False)
            with suppress(Closed):  # by another thread: who looks is not to hear of that
                self._session.ask(lambda kernel: kernel.emit(ScriptLooked(EXPERIMENT)), flush)

    # --- what does not ------------------------------------------------------------------------------------------

    def value(self, compute: Callable[[], _T]) -> _T:
        """What a function of ours returns, a plain value, or raises: the same when the script is run again."""
        result: _T = self._recall(compute, lambda value: value, lambda kept: kept)
        return result

    def _recall(self, compute: Callable[[], _T], keep: Callable[[_T], Any], again: Callable[[Any], _T]) -> _T:
        call = self._call()
        known = None if self._past is None else self._past.recall(call)
        if known is not None:
            self.catch_up()
            if isinstance(known, dict):
                raise raised.to_error(known)
            return again(known[0])
        try:
            with untold():
                result = compute()
        except Exception as error:
            self._note_at(call, raised.to_plain(error))
            raise
        self._note_at(call, [keep(result)])
        return result

    def _note_at(self, call: ScriptCall, value: Any) -> None:
        call.seq = 0 if self._session is None else self._session.seq
        self._note(call, value)

    def wait(
        self, guids: Iterable[int], outlook: Outlook, timeout: float | None = None, *, through_abort: bool = False
    ) -> bool | None:
        """See `Session.wait`; None after the timeout."""
        self.refuse_within("wait")

        def wait() -> bool | None:
            try:
                return self.session.wait(guids, outlook, timeout, through_abort=through_abort)
            except TimeoutError:
                return None

        return self.value(wait)

    def now(self) -> int:
        """The time of the run, in ns since 1970."""
        return self.value(lambda: self.session.clock.now())  # noqa: PLW0108 - the session may not be there yet

    def trace(self, guid: int, name: str, attr: TraceAttr, block: int, offset: int) -> str | bytes | int | None:
        """What a resource recorded; see `engine.rm.traces.read_trace`."""

        def again(kept: Any) -> str | bytes | int | None:
            return self._read_again(guid, name, attr, offset * block, *kept) if isinstance(kept, list) else kept

        raw = self._recall(lambda: read_raw(self.session.manager(guid), name, attr, block, offset), _kept, again)
        return read_text(raw, attr)

    def _read_again(self, guid: int, name: str, attr: TraceAttr, start: int, size: int, checksum: int) -> bytes:
        """As much of a trace as there was when the script read it."""
        assert self._past is not None
        source = self._past.trace_of(guid, name) if self._session is None else self._session.manager(guid)
        found = source.read_trace(name, start if attr is TraceAttr.STREAM else 0, size)
        if found is None or crc32(found) != checksum:
            raise ScriptDiverged(
                f"trace {name!r} of #{guid} is not what the script read of it: the {size} bytes that it saw are not "
                f"there any more; collect traces that are to outlive their hosts"
            )
        return found

    # --- what the script does by itself -------------------------------------------------------------------------

    def begin_effect(self, begin: Callable[[Kernel], Entry]) -> tuple[Entry, bool]:
        """Say that the script is about to do something of its own; also whether it said so in the past."""
        entry = self.ask(begin)
        return entry, self._session is None or entry.epoch != self._session.epoch

    def recall_effect(self, begun: Entry) -> EffectDone | None:
        """What came of it in the past, if that is known."""
        done = None if self._past is None else self._past.recall_effect(begun.seq, self._call)
        if done is not None:
            self.catch_up()
        return done


def _kept(raw: str | bytes | int | None) -> Any:
    """What is noted of what was read of a trace: itself, or a list of its size and checksum."""
    if not isinstance(raw, bytes):
        return raw
    text = raw[:_SHORT].decode("latin-1")
    return raw if len(raw) <= _SHORT and hide_secrets(text) == text else [len(raw), crc32(raw)]

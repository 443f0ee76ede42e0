"""The script that a process runs: its calls, each with its place in the order of its thread, and what they saw.

A call that something comes of is in the log with what came of it. One that only looks is noted here, as the seq of the
event behind which it looked, and goes into the log beside the next event that the script asks for, whichever of its
controllers it asks. Until then nothing has come of what it saw, so a script that is run again may see something else.

What stands in the log beside the first event of a call (`engine.core.events.Entry.call`) is its number, 0 for one that
is not told again; or, in a thread other than the main one or with notes, ``[number, thread, notes]``. A note is
``[controller, thread, number, count, name, at, seq]`` for `count` calls in a row, and behind that what was answered if
it does not follow from the log: ``[value]``, or an exception as `engine.raised` has it. A note without a name says that
these calls are not told any more.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.core.calls import ScriptCall
from engine.runtime import caller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from engine.past import Past

Note = list[Any]

_MOST: Final = 1_000
"""How many notes may wait for an event."""

_UNTOLD: ContextVar[bool] = ContextVar("netreel_untold", default=False)
"""Whether the calls that are made belong to one that is told as a whole, or to no script at all."""

_TASK: ContextVar[str] = ContextVar("netreel_task", default="")
"""The thread of the script that a function is which was given to `schedule`."""


class Script:
    """What is known of the calls of a script.

    Args:
        token: which run of which script this is; a script that is run again keeps it.
        past: what is answered from logs, if it is run again.
        controllers: how many it has made before those that are not in its past.
        describe: what tells how it can be run again, if that is known.
    """

    def __init__(
        self,
        token: str = "",
        past: Past | None = None,
        controllers: int = 0,
        describe: Callable[[], dict[str, Any] | None] = lambda: None,
    ) -> None:
        self.token = token or secrets.token_hex(8)
        self.past = past
        self.describe = describe
        self._controllers = count(controllers + 1)
        self._numbers: dict[str, int] = {}
        self._notes: list[Note] = []
        self._noting = threading.Lock()
        self._last: tuple[Any, ...] = ()
        self._batches: dict[str, int] = {}  # by thread, the controller whose batch it is in

    def next_controller(self) -> int:
        """The number of a controller that the script makes: 1, 2, 3, ..."""
        return next(self._controllers)

    def call(self, controller: int, *, told: bool = True) -> ScriptCall:
        """The call that is being made of a controller; not one that is `told` again if it is not the script's."""
        name, at = caller.call()
        mark = partial(self._mark, controller)
        if not (told and at) or _UNTOLD.get():
            return ScriptCall("", 0, name, at, mark)
        thread = this_thread()
        number = self._numbers[thread] = self._numbers.get(thread, 0) + 1
        return ScriptCall(thread, number, name, at, mark)

    def go_on_behind(self, thread: str, number: int) -> None:
        """Number the calls of a thread on from this one."""
        self._numbers[thread] = number

    # --- what was seen ------------------------------------------------------------------------------------------

    def note(self, controller: int, call: ScriptCall, *value: Any) -> bool:
        """Take down what a call has looked at; whether it is time to have it all written."""
        if call.number == 0:
            return False
        what = (controller, call.thread, call.name, call.at, call.seq, *value)
        with self._noting:
            if what == self._last and self._notes:
                last = self._notes[-1]
                last[3] = call.number - last[2] + 1
            else:
                self._last = what
                self._notes.append([controller, call.thread, call.number, 1, call.name, call.at, call.seq, *value])
            return len(self._notes) >= _MOST

    def give_up(self, call: ScriptCall, first: int, last: int) -> None:
        """Take down that these calls of a thread are not told any more, and that this one comes instead of them."""
        with self._noting:
            self._notes.append([0, call.thread, first, last - first + 1, "", "", 0])
            self._last = ()
        call.number = self._numbers[call.thread] = last + 1

    @contextmanager
    def in_batch(self, controller: int) -> Iterator[None]:
        """See that what this thread looks at meanwhile is written beside events of this controller only.

        What it calls of that may not be on disk yet, and comes before what it looks at behind it.
        """
        thread = this_thread()
        before = self._batches.get(thread)
        self._batches[thread] = controller
        try:
            yield
        finally:
            self._batches.pop(thread, None)  # hooks of two controllers may have threads of one name
            if before is not None:
                self._batches[thread] = before

    def _mark(self, controller: int, call: ScriptCall) -> int | list[Any] | None:
        """What the log is to have beside the first event of a call. What is noted there need not be again."""
        with self._noting:
            notes, left = self._notes, list[Note]()
            if self._batches:
                left = [note for note in notes if self._batches.get(note[1], controller) != controller]
                notes = [note for note in notes if note not in left]
            self._notes, self._last = left, ()
        if notes or call.thread:
            return [call.number, call.thread, notes]
        return call.number if call.at else None


def this_thread() -> str:
    """How a thread is known when its script is run again: "" is the main one."""
    thread = threading.current_thread()
    return _TASK.get() or ("" if thread is threading.main_thread() else thread.name)


@contextmanager
def untold() -> Iterator[None]:
    """Tell none of the calls that are made meanwhile: they are part of one, or no script makes them."""
    before = _UNTOLD.set(True)
    try:
        yield
    finally:
        _UNTOLD.reset(before)


@contextmanager
def in_task(number: int) -> Iterator[None]:
    """Know this thread as that of the function which was scheduled under this number."""
    before = _TASK.set(f"task {number}")
    try:
        yield
    finally:
        _TASK.reset(before)


# --- which one it is ----------------------------------------------------------------------------------------------


def described() -> dict[str, Any] | None:
    """The script of this process, as it can be run again: plain values; None if it came from no file.

    Its environment is left out, since passwords stand there.
    """
    main = sys.modules.get("__main__")
    try:
        path = Path(getattr(main, "__file__", None) or "").resolve(strict=True)
        text = path.read_bytes() if path.is_file() else None
        cwd = str(Path.cwd())
    except OSError:
        return None
    if text is None:
        return None
    spec = getattr(main, "__spec__", None)
    return {
        "path": _plain(str(path)),
        "module": None if spec is None else spec.name,
        "args": [_plain(arg) for arg in sys.argv[1:]],
        "cwd": _plain(cwd),
        "python": _plain(sys.executable or ""),
        "sha256": hashlib.sha256(text).hexdigest(),
    }


def _plain(text: str) -> str:
    """A name or an argument, which may hold bytes that are no text, as the log takes it."""
    return os.fsencode(text).decode("utf-8", "backslashreplace")


_current = Script(describe=described)


def current() -> Script:
    """The script of this process."""
    return _current


@contextmanager
def playing(script: Script) -> Iterator[None]:
    """Let another one take the place of the script of this process."""
    global _current  # noqa: PLW0603 - there is one, as there is one `__main__`
    before, _current = _current, script
    try:
        yield
    finally:
        _current = before

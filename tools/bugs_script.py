"""Bugs that `planted_bugs.py` plants in what records a script's calls, and answers them when it is run again."""

from planted_bugs import Bug

BUGS = (
    # --- what is recorded
    Bug(
        "calls of all threads are numbered together",
        "runtime/script.py",
        "thread = this_thread()\n        number",
        'thread = ""\n        number',
    ),
    Bug(
        "looks at two states of the world are one note",
        "runtime/script.py",
        "what = (controller, call.thread, call.name, call.at, call.seq, *value)",
        "what = (controller, call.thread, call.name, call.at, *value)",
    ),
    Bug(
        "notes are written twice",
        "runtime/script.py",
        "self._notes, self._last = left, ()",
        "self._last = ()",
    ),
    Bug("notes are kept for ever", "runtime/script.py", "return len(self._notes) >= _MOST", "return False"),
    Bug("calls within a step are told", "runtime/script.py", "or _UNTOLD.get():", "or False:"),
    Bug(
        "what was given up is told again",
        "past.py",
        "if told.controller in known and (told.thread, told.number) not in given_up)",
        "if told.controller in known)",
    ),
    Bug(
        "a look is one at what was before", "core/calls.py", "        self.seq = seq\n", "        self.seq = seq - 1\n"
    ),
    # --- how it is answered
    Bug("a wait is answered by waiting", "calls.py", "        if known is not None:", "        if False:"),
    Bug(
        "a change is not compared",
        "replica.py",
        "if entry is None or self._told.event is None or not _same(event, entry.event):",
        "if entry is None or self._told.event is None:",
    ),
    Bug("less than then is enough", "replica.py", "            if is_of_it and", "            if False and"),
    Bug("which function looked does not matter", "past.py", "told.event is None and told.name != call.name", "False"),
    Bug(
        "who looks sees how it stands now",
        "replica.py",
        "self.advance(told.seq if told.event is None else told.seq - 1)",
        "self.advance(len(self._log) if told.event is None else told.seq - 1)",
    ),
    Bug(
        "another controller answers",
        "past.py",
        "told.controller != self.number:\n            self.past",
        "False:\n            self.past",
    ),
    Bug("events of a takeover by others count", "past.py", "        if is_its and entry.call", "        if entry.call"),
    Bug(
        "a trace is read as it is by now",
        "calls.py",
        "start if attr is TraceAttr.STREAM else 0, size)",
        "start if attr is TraceAttr.STREAM else 0)",
    ),
    Bug("another trace is as good", "calls.py", "crc32(found) != checksum", "False"),
    # --- functions for later, and steps
    Bug(
        "a function that was called is not called again",
        "past_tasks.py",
        "        for number in due:\n            threading",
        "        for number in []:\n            threading",
    ),
    Bug(
        "a function that was not called is lost",
        "core/kernel.py",
        "            self._pick_up(task)\n",
        "            pass\n",
    ),
    Bug(
        "a step is done again",
        "calls.py",
        "        if done is not None:\n            self.catch_up()\n        return done",
        "        return None",
    ),
    Bug("a step under way is done again", "scripting.py", "interrupted=is_past and not may_retry", "interrupted=False"),
    Bug("a step is never done again", "scripting.py", "interrupted=is_past and not may_retry", "interrupted=is_past"),
    # --- when it goes live
    Bug(
        "it goes live only with a call",
        "calls.py",
        "if not self._is_live and self._past is not None and self._past.is_told() and not self.closed:",
        "if False:",
    ),
    Bug("whatever is left may be given up", "past.py", "not isinstance(each.event, _ENDS) for each", "False for each"),
    Bug(
        "a script may end too early",
        "past.py",
        '            raise self._differ("it has ended", str(told))',
        "            pass",
    ),
    # --- batches
    Bug(
        "a batch is not written before another controller is asked",
        "calls.py",
        "            other._write_out()\n",
        "            pass\n",
    ),
    Bug(
        "what a batch looks at is written anywhere",
        "runtime/script.py",
        "            if self._batches:\n",
        "            if False:\n",
    ),
    Bug(
        "a step within a batch is not written before it is done",
        "calls.py",
        "entry = self.ask(begin)",
        "entry = self.describe(begin)",
    ),
)

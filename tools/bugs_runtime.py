"""Bugs that `planted_bugs.py` plants in what is round the core: turns, actors, workers and managers."""

from planted_bugs import Bug

BUGS = (
    # --- who is told
    Bug(
        "the scheduler is not told of an earlier time",
        "runtime/coordinator.py",
        "if due is not None and (self._alarm is None or due < self._alarm):",
        "if due is not None and self._alarm is None:",
    ),
    Bug(
        "the alarm is set once only",
        "runtime/coordinator.py",
        "                self._alarm = None\n",
        "                pass\n",
    ),
    # --- the turn
    Bug(
        "effects before the append",
        "runtime/coordinator.py",
        "        entries, effects = self._kernel.take()\n        if entries:",
        "        entries, effects = self._kernel.take()\n"
        "        for effect in effects:\n            self._carry_out(effect)\n"
        "        self._crew.go_on()\n        effects = []\n"
        "        if entries:",
    ),
    Bug(
        "a turn stays open whoever asks beside a batch",
        "runtime/coordinator.py",
        "return few and all(",
        "return few and any(",
    ),
    Bug(
        "the end of a batch writes nothing",
        "calls.py",
        "                _batch.set(outer)\n                self._write_out()\n",
        "                _batch.set(outer)\n",
    ),
    Bug(
        "after a failed append one acts on",
        "runtime/coordinator.py",
        "                self._fail(error)\n                return []\n        self._wake_waiters",
        "                return effects\n        self._wake_waiters",
    ),
    Bug(
        "a waiter is not woken",
        "runtime/coordinator.py",
        "guids = {event.guid for event in made}",
        "guids = {event.guid for event in made[1:]}",
    ),
    # --- workers and managers
    Bug(
        "one hook more than there are workers",
        "runtime/limiter.py",
        "        if self._ordinary and self._running < self._size:",
        "        if self._ordinary and self._running <= self._size:",
    ),
    Bug(
        "who undoes waits like all others",
        "runtime/limiter.py",
        "self._running < self._size + one_more",
        "self._running < self._size",
    ),
    Bug(
        "who undoes comes last",
        "runtime/limiter.py",
        "self._urgent if lane.urgent else self._ordinary",
        "self._ordinary",
    ),
    Bug(
        "a hook that nobody waits for keeps its worker",
        "runtime/limiter.py",
        "        self._see_to(self._uncount, lanes, self._workers.submit)",
        "        pass",
    ),
    Bug(
        "a worker is given back twice",
        "runtime/limiter.py",
        "            lane.counts = False\n",
        "",
    ),
    Bug(
        "nobody is let in when a worker is free",
        "runtime/limiter.py",
        "        self._see_to(self._leave, (lane,), self._workers.follow)\n",
        "        self._leave(lane)\n",
    ),
    Bug(
        "a hook that was cancelled while it waited is called",
        "runtime/crew.py",
        "        if intent.cancelled:\n            return messages.NotBegun(guid, intent.token)\n",
        "",
    ),
    Bug(
        "what comes while a hook waits is told before it has ended",
        "runtime/crew.py",
        "            case _ if self._set_aside is not None:\n                self._set_aside.append(message)\n",
        "",
    ),
    Bug(
        "one that goes on in vain holds a worker",
        "runtime/crew.py",
        "                if intent.cancelled:\n                    self.lane.excuse()\n",
        "",
    ),
    Bug(
        "what has come while a hook waited is forgotten",
        "runtime/crew.py",
        "            self.actor_inbox.put_back([Envelope(each) for each in aside])\n",
        "            pass\n",
    ),
    Bug(
        "what comes after a hook that was given up waits behind it",
        "runtime/crew.py",
        "(self._places, self._met, self._actors)",
        "(self._places, self._met)",
    ),
    Bug(
        "a host that does not answer has lost what ran on it",
        "runtime/crew.py",
        "return messages.Unanswered(guid, token,",
        "return messages.Lost(guid, token,",
    ),
    Bug(
        "an end that is found after a takeover is not told",
        "runtime/crew.py",
        "                manager.exited(outcome.code, token=token)",
        "                pass",
    ),
    Bug(
        "what never began is taken for done",
        "runtime/crew.py",
        "            case NeverBegan():\n                return messages.NotBegun(guid, token)",
        "            case NeverBegan():\n                return messages.Found(guid, token)",
    ),
    Bug(
        "a secret shows in an error",
        "runtime/crew.py",
        '            "message": message_of(error),',
        '            "message": str(error),',
    ),
    Bug(
        "the manager is not told of a value",
        "runtime/crew.py",
        "        if guid in self._places:\n            self._actor(guid).tell(Changed",
        "        if False:\n            self._actor(guid).tell(Changed",
    ),
    Bug(
        "a manager does not know what it began",
        "runtime/crew.py",
        "        manager.brief(_own(self._resource.receipts), self._resource.tokens)\n",
        "",
    ),
    Bug(
        "a wait ends with the first who gets there",
        "runtime/waiters.py",
        "        if not self.missing:\n",
        "        if len(self.missing) < 2:\n",
    ),
    Bug(
        "an abort wakes nobody",
        "runtime/waiters.py",
        "            if aborted or not waiter.missing.isdisjoint(guids):",
        "            if not waiter.missing.isdisjoint(guids):",
    ),
    Bug(
        "where a job blocks, nobody comes for the next",
        "runtime/pool.py",
        "                if self._jobs and not self._waking:\n",
        "                if False:\n",
    ),
    Bug(
        "what comes late finds no worker",
        "runtime/pool.py",
        "                self._threads -= 1  #",
        "                pass  #",
    ),
    Bug(
        "what is left as word for another is not seen to",
        "runtime/limiter.py",
        "        while news and self._busy",
        "        if news and self._busy",
    ),
    Bug(
        "what comes while an actor's shift ends is not heard",
        "runtime/actors.py",
        "        if self._envelopes and not self._closed:\n",
        "        if False:\n",
    ),
    Bug(
        "who asks one that has stopped is not answered",
        "runtime/actors.py",
        "        if self._closed:\n            self._refuse_all()\n",
        "",
    ),
    Bug(
        "who is asked after forgets what it has to stop",
        "runtime/crew.py",
        "                self.inquiry = None\n",
        "                self.inquiry = self.intent = None\n",
    ),
)

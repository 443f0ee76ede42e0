"""The least that keeps netreel's rules: actors of pykka, and each step announced on disk before it is taken.

Beside what `bare_pool.py pykka` does, a step is written with a name of its own before its actor hears of it, and its
outcome once that has come: the events are netreel's in number, kind and data. There is nothing else: no conditions but
those of this graph, no types, no failures, nobody who waits, no time limits, no state but what has to be counted. What
an engine takes beyond this is its own; what this takes, no engine with these rules and such actors can spare.
"""

from bare_pool import Coordinator as Bare
from bare_pool import Pykka, hook, main
from scenario import DEPLOY, END, START


class Coordinator(Bare):
    """Decides what comes next, and writes it before it is done."""

    def __init__(self, graph, watch, submit, make_actor):
        super().__init__(graph, watch, submit, make_actor)
        self._ends = graph.ends
        self._begun = [0] * len(graph)  # by resource, the event of its latest intent

    def _act(self, each, intents):
        """A resource has messages; runs on the pool."""
        for step, _ in intents:
            hook()
            self.tell((each, step))
            if step == START and self._ends[each]:
                self.tell((each, END))

    def begin(self):
        self._go_on([], self._progress.first())

    def _turn(self, done):
        due = [more for each, step in done for more in self._progress.done(each, step) if more[1] != END]
        self._go_on([self._outcome(each, step) for each, step in done], due)
        self._left -= len(done)
        if not self._left:
            self.finished.set()

    def _outcome(self, each, step):
        if step == END:
            return "resource.ended", each, self._begun[each], {"code": None, "why": None}
        return "step.done", each, self._begun[each], {"step": step, "receipt": None}

    def _go_on(self, events, due):
        """Have what was heard and what comes next on disk, then begin it."""
        intents = []
        for each, step in due:
            if step == DEPLOY:
                events.append(("step.passed", each, self._log.seq, {"steps": ["discover", "reserve", "provision"]}))
            self._begun[each] = seq = self._log.seq + len(events) + 1
            token = f"a1b2c3d4-{each}-{seq}"
            events.append(("step.begun", each, self._log.seq, {"step": step, "token": token}))
            intents.append((each, (step, token)))
        self._log.write(events)
        self._tell(intents)


if __name__ == "__main__":
    main(Coordinator, Pykka)

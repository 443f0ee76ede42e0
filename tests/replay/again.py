"""Scripts that die in the middle, and are run again: in one process, with resources that exist in its memory."""

from contextlib import contextmanager

from engine import Ended, NeverBegan, ResourceFactory, ResourceManager, Trace, attr, controller
from engine.runtime.session import Session

STARTS: dict[str, int] = {}
"""How often each start was made, by its token."""

SAID: dict[int, bytes] = {}
"""What is in the trace of a job that says something else than its command, by guid."""

JOBS: dict[int, "Job"] = {}
"""The latest to have started, by guid."""


class Job(ResourceManager, rtype="again::Job"):
    """Is done as soon as it has started; with `lasts` it goes on until it is stopped."""

    command: str = attr(default="")
    lasts: bool = attr(default=False)
    traces = (Trace("out", "What it said."),)

    def start(self, intent):
        STARTS[intent.token] = STARTS.get(intent.token, 0) + 1
        JOBS[self.guid] = self
        if not self.lasts:
            self.ended(0)

    def stop(self, intent):
        pass

    def release(self, intent):
        pass

    def probe(self, intent, receipt):
        return Ended(0) if intent.token in STARTS else NeverBegan()

    def trace_path(self, name):
        return None

    def trace_size(self, name):
        return len(self._said())

    def read_trace(self, name, offset=0, size=None):
        return self._said()[offset:][:size]

    def _said(self):
        return SAID.get(self.guid, (self.command + "\n").encode() * 100)


ResourceFactory.register_type(Job)


class Died(Exception):
    """The process is gone: whatever it would have done does not come about."""


@contextmanager
def dying(monkeypatch, seq):
    """Die as soon as the event of that number is on disk, before anybody sees anything of it."""
    opened, deaths = [], []
    append = Session._append

    def write_and_die(self, entries):
        if deaths:
            raise Died
        append(self, entries)
        if entries[-1].seq >= seq:
            deaths.append(seq)
            raise Died

    controller.on_open.append(opened.append)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Session, "_append", write_and_die)
            try:
                yield
            except Exception:  # whatever a script makes of it
                if not deaths:
                    raise
            finally:
                for ec in opened:
                    if ec._calls.is_live:
                        ec._session.abandon()
                        ec._ecstate = controller.ECState.TERMINATED
    finally:
        controller.on_open.remove(opened.append)

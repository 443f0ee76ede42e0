"""Reads the log of a run back: its state at any moment, an audit, and a new controller for it.

    import replay

    replay.state(run_dir).resources[2].state
    replay.state(run_dir, at="12.5s").resources[2].waiting_for
    print(replay.explain(run_dir, 2))          # why it is in its state, down to the line of the script that asked
    print(replay.critical_path(run_dir))       # what took the time
    replay.diff(run_dir, another)              # what is different, noise left out
    replay.timeline(run_dir).to_pandas()       # when was what in which state, what ran, what waited
    replay.check(run_dir)                      # [] for every log that the engine wrote
    replay.trace(run_dir, 3, "stdout")         # wherever it is, also while the run is live
    replay.report(run_dir)                     # all of it as one page of HTML
    ec = replay.fork(run_dir, "12.5s", into="what-if")   # as it was described then, to be changed and deployed
    ec = replay.reconnect(run_dir)             # goes on with a run whose controller is gone
    replay.resume(run_dir)                     # the same with its script, which is run again from the top

Only the last three run anything: the rest reads. Only they and `trace` need the resource types installed.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from replay.audit import Violation, check
    from replay.comparing import diff
    from replay.critical import critical_path
    from replay.explaining import explain
    from replay.forking import fork
    from replay.intervals import Interval, Timeline, timeline
    from replay.reporting import report
    from replay.resumption import resume, resuming
    from replay.takeover import reconnect
    from replay.traces import trace
    from replay.views import ResourceView, Timer, World, state

__all__ = [
    "Interval",
    "ResourceView",
    "Timeline",
    "Timer",
    "Violation",
    "World",
    "check",
    "critical_path",
    "diff",
    "explain",
    "fork",
    "reconnect",
    "report",
    "resume",
    "resuming",
    "state",
    "timeline",
    "trace",
]

_HOME = {
    "Interval": "replay.intervals",
    "ResourceView": "replay.views",
    "Timeline": "replay.intervals",
    "Timer": "replay.views",
    "Violation": "replay.audit",
    "World": "replay.views",
    "check": "replay.audit",
    "critical_path": "replay.critical",
    "diff": "replay.comparing",
    "explain": "replay.explaining",
    "fork": "replay.forking",
    "reconnect": "replay.takeover",
    "resume": "replay.resumption",
    "resuming": "replay.resumption",
    "report": "replay.reporting",
    "state": "replay.views",
    "timeline": "replay.intervals",
    "trace": "replay.traces",
}


def __getattr__(name: str) -> Any:
    # A reader of logs loads no actors and no threads. Modules of these names would take the place of the functions.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'replay' has no attribute {name!r}")

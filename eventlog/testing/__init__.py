"""For tests of what keeps a log, and of what uses one. Needs pytest."""

from eventlog.testing._contract import LogContract, event

__all__ = ["LogContract", "event"]

"""An append-only log of events that can be trusted after a crash."""

from eventlog._events import MAX_EVENT, MAX_PAYLOAD, Event
from eventlog._log import Log
from eventlog._log import open_log as open  # noqa: A004  (the public name; as in `gzip.open`)
from eventlog._memory import MemoryStore
from eventlog._store import FileStore, LogStore, Writer
from eventlog._verify import Report, verify
from eventlog.errors import Corrupt, Locked, LogError, NoLog, TornTail, WriteFailed, WrongVersion

__all__ = [
    "MAX_EVENT",
    "MAX_PAYLOAD",
    "Corrupt",
    "Event",
    "FileStore",
    "Locked",
    "Log",
    "LogError",
    "LogStore",
    "MemoryStore",
    "NoLog",
    "Report",
    "TornTail",
    "WriteFailed",
    "Writer",
    "WrongVersion",
    "open",
    "verify",
]

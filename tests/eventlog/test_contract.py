"""Every store keeps the contract."""

from pathlib import Path

from eventlog import FileStore, LogStore, MemoryStore
from eventlog.testing import LogContract, SimDirectory, SimStore


class TestFileStore(LogContract):
    def make_store(self, tmp_path: Path) -> LogStore:
        return FileStore(tmp_path / "exp" / "run")


class TestMemoryStore(LogContract):
    def make_store(self, tmp_path: Path) -> LogStore:
        return MemoryStore()


class TestSimStore(LogContract):
    def make_store(self, tmp_path: Path) -> LogStore:
        return SimStore(SimDirectory())

"""For tests of what keeps a log, and of what uses one. Needs pytest."""

from eventlog.testing._contract import LogContract, event
from eventlog.testing._simdisk import SECTOR, Image, SimDirectory, SimStore

__all__ = ["SECTOR", "Image", "LogContract", "SimDirectory", "SimStore", "event"]

"""The least that makes a log durable: each batch is encoded, framed with a checksum, written and synced."""

import os
import struct
import time
import zlib

import msgpack
from scenario import DEPLOY, END, RELEASE, START

STATES = {
    DEPLOY: ("DISCOVERED", "RESERVED", "PROVISIONED", "READY"),
    START: ("STARTED",),
    END: ("STOPPED",),
    RELEASE: ("RELEASED",),
}
"""The states that a resource goes through, by step: those of NEPI."""


class Log:
    def __init__(self, path):
        self._fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self._pack = msgpack.Packer().pack
        self.seq = 0

    def append(self, done):
        """Write the states that are reached by steps, pairs of a resource and a step. On return that is on disk."""
        self.write(
            [
                ("resource.state", each, self.seq, {"state": state, "step": step})
                for each, step in done
                for state in STATES[step]
            ]
        )

    def write(self, events):
        """Write events: of each its kind, resource, cause and data. On return they are on disk."""
        now = time.time_ns()
        payload = self._pack([(kind, 1, now, each, cause, data) for kind, each, cause, data in events])
        os.write(self._fd, struct.pack("<IIQ", len(payload), zlib.crc32(payload), self.seq + 1) + payload)
        os.fdatasync(self._fd)
        self.seq += len(events)

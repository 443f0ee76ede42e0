"""An append-only log of events that can be trusted after a crash.

    store = eventlog.FileStore(run_dir)
    with store.open_writer("who I am") as writer:       # one at a time; the next one is refused
        writer.append(events)                           # durable on return, all or none

    with eventlog.open(run_dir) as log:                 # also while it is being written
        for event in log: ...
    report = eventlog.verify(run_dir)                   # every byte is checked

What is promised, and what is not, is in `docs/eventlog.md`. The rest of this text is the format of the files: enough to
write a reader in any language.

Files
-----
A log is a directory, `RUN/log/`, of these files; others are to be ignored:

    EEEEEEEE-BBBBBBBBBBBBBBBB.log   a segment: its epoch (8 digits) and the seq of its first event (16 digits), decimal
    EEEEEEEE-BBBBBBBBBBBBBBBB.idx   an index of that segment; advisory
    durable                         how far the log has been synced; advisory
    lock                            locked by the writer as long as it lives; says who that is, in JSON

Segments, in the order of their names, hold the log. Each opening for writing begins one under an epoch that is higher
than that of every segment there; a writer begins another, of the same epoch, when one has reached 32 MiB. A segment is
only ever appended to, by the writer who made it. Numbers are little-endian and unsigned. CRC is the CRC-32 of zlib
and PNG; where it is *seeded* with a number, that is given as the CRC so far: `zlib.crc32(bytes, seed)`.

Segment
-------
A header, then frames, nothing else.

    offset  size
         0     8  89 45 4C 47 0D 0A 1A 0A (it does not survive a transfer as text)
         8     2  major version: 1; a reader refuses every other one
        10     2  minor version: 0; a higher one may have a longer header
        12     4  length of the header, H: 88; all versions have these fields here, and the CRC last
        16    16  random; no two segments are alike
        32     8  epoch       } as in the name
        40     8  first seq   }
        48     8  epoch       } of the segment before this one; all zero in the first of a log
        56     8  first seq   }
        64     8  length: how many bytes of the segment before belong to the log
        72     8  when it was made: nanoseconds since 1970, UTC
        80     4  the salt of the segment before; zero in the first
       H-4     4  CRC of the H-4 bytes before: the *salt* of this segment

Frame
-----
What one append wrote: all of its events or, if it is not intact, none. It begins at a multiple of 8.

    offset  size
         0     4  43 4D 54 01
         4     4  length of the payload, L
         8     8  seq of the first event
        16     4  number of events, at least 1
        20     4  CRC of the payload with its padding
        24     4  zero
        28     4  CRC of the 28 bytes before, seeded with the salt of the segment
        32     L  payload
      32+L        zeros up to a multiple of 8

The header has a checksum of its own, so that a damaged length is not taken for a write that was cut short. The salt
ties a frame to its segment: one of another log, or of a file that stood here before, does not validate.

The payload is one MessagePack array of as many events as the header says, each an array

    [kind, version, time, guid, cause, data]

of a string, an integer, nanoseconds since 1970 UTC, an integer, the seq of an earlier event or 0, and a map with
string keys. Their seq counts up from that in the header; their epoch is that of the segment. One event has at most
1 MiB, one payload at most 64 MiB.

Reading
-------
1. Take the segments in the order of their names. One of at most 88 bytes without a valid header is one whose making was
   cut short: leave it out. Any other without a valid header is damaged. The names of the rest must agree with their
   headers, and each must name the one before it, by epoch, first seq and salt. The first names nothing.
2. A segment that another one follows ends at the length that the follower names. A frame must end exactly there, and
   the follower's first seq must come next. What lies behind that length is a torn tail that recovery left. It is damage
   if an intact frame with the next seq, or the intact header of a later one, is there: written after a takeover.
3. Walk over the frames. The seq of each continues that of the one before. Where a frame of the last segment is no good,
   it is a torn tail, to be left out and said. But it is damage, and events that were acknowledged are lost, if
   - `durable` covers the place, or
   - the header is intact, but its seq is not the one that is expected, or
   - behind its first byte, at a multiple of 8, there is an intact header with that seq or a higher one.
   For a frame is written only after the one before was synced: a crash can spoil only the last.
4. While the log is locked, stop where `durable` says: what lies behind may not be synced yet.

Advisory files
--------------
`durable` (32 bytes): epoch, first seq and length of a segment, 8 bytes each; its salt, 4 bytes; CRC of these 28 bytes.
All up to there is synced, so a log in which that segment is missing or shorter is damaged. The file is written over in
place after each sync, is not synced itself, and names 0, 0, 0 and 0 while there is no segment. If it is missing or its
CRC is wrong, everything intact counts.

An index is a row of entries of 24 bytes: a seq, the offset at which its frame begins, 8 bytes each; CRC of these 16
bytes, seeded with the salt; four zeros. An entry that does not validate is to be ignored.
"""

from eventlog._events import MAX_EVENT, MAX_PAYLOAD, Event
from eventlog._holder import holder
from eventlog._log import Log
from eventlog._log import open_log as open  # noqa: A004  (the public name; as in `gzip.open`)
from eventlog._memory import MemoryStore
from eventlog._salvage import Salvaged
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
    "Salvaged",
    "TornTail",
    "WriteFailed",
    "Writer",
    "WrongVersion",
    "holder",
    "open",
    "verify",
]

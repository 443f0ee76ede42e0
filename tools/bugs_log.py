"""Bugs that `planted_bugs.py` plants in the log."""

from planted_bugs import Bug

BUGS = (
    Bug(
        "a write is acknowledged before it is synced",
        "_writer.py",
        "left = left[self._file.write(left) :]\n        self._file.sync()",
        "left = left[self._file.write(left) :]",
    ),
    Bug("the directory is not synced", "_writer.py", "            directory.sync()\n", ""),
    Bug(
        "a failed sync is tried again",
        "_writer.py",
        "left = left[self._file.write(left) :]\n        self._file.sync()",
        "left = left[self._file.write(left) :]\n"
        "        try:\n            self._file.sync()\n        except OSError:\n            self._file.sync()",
    ),
    Bug("a failure is forgotten", "_writer.py", "            self._failure = error\n            if", "            if"),
    Bug(
        "an interrupt is taken lightly",
        "_writer.py",
        "except BaseException as error:  # also",
        "except OSError as error:  # also",
    ),
    Bug("the rest of a short write is left out", "_writer.py", "while left:", "if left:"),
    Bug(
        "the note is written before the sync",
        "_writer.py",
        "            self._segment.append(payload, first=self.last_seq + 1, count=len(events))\n"
        "            self._note.overwrite(_durable.compose(self._segment.tail))\n",
        "            ahead = self._segment.tail.length + 10_000\n"
        "            self._note.overwrite(_durable.compose(self._segment.tail._replace(length=ahead)))\n"
        "            self._segment.append(payload, first=self.last_seq + 1, count=len(events))\n"
        "            self._note.overwrite(_durable.compose(self._segment.tail))\n",
    ),
    Bug(
        "no note is left before the first segment",
        "_writer.py",
        "        note.overwrite(_durable.compose(tail))\n        segment",
        "        segment",
    ),
    Bug("an epoch is used again", "_writer.py", "epoch = 1 + max(", "epoch = max(1, 0) + 0 * max("),
    Bug(
        "the epoch of a segment that was not finished is used again",
        "_writer.py",
        "    used = _segments.keys(directory.names())\n",
        "    used = [span.segment.key for span in view.spans]\n",
    ),
    Bug("damage does not keep a writer from going on", "_writer.py", "        raise view.damage\n", "        pass\n"),
    Bug("a takeover is not noticed", "_writer.py", "            self._check_place()\n", ""),
    Bug(
        "a new segment names the whole of a torn one",
        "_writer.py",
        "Tail(span.segment.key, ending.length, ",
        "Tail(span.segment.key, directory.size(span.segment.key.name), ",
    ),
    Bug("the lock is not taken", "_disk.py", "if not (_take(fd) and", "if not (True and"),
    Bug(
        "recovery believes what is in memory only",
        "_reader.py",
        "            directory.settle(key.name)\n",
        "            pass\n",
    ),
    Bug(
        "recovery believes a header that is in memory only",
        "_reader.py",
        "if synced and synced.key == key else 0",
        "if synced and synced.key == key else _segments.HEADER_LENGTH",
    ),
    Bug(
        "the cache is believed after a failed sync",
        "testing/_simdisk.py",
        "        node.cached = node.durable\n        node.lost.clear()\n",
        "",
    ),
    Bug(
        "opening cuts a torn tail off",
        "_reader.py",
        "    path = directory.path / span.segment.key.name\n    return Ending(stop.byte, stop.seq, TornTail.at",
        "    path = directory.path / span.segment.key.name\n"
        "    directory.create(span.segment.key.name + '.bak').write(rest)\n"
        "    return Ending(stop.byte, stop.seq, TornTail.at",
    ),
    Bug(
        "any damage is a torn tail",
        "_reader.py",
        "if stop.byte < span.synced or follows or not stop.tearable:",
        "if span.next_base is not None:",
    ),
    Bug(
        "a later frame proves nothing",
        "_reader.py",
        "follows = later is not None or",
        "follows = later == -1 or",
    ),
    Bug("the note proves nothing", "_reader.py", "if stop.byte < span.synced or follows", "if follows"),
    Bug(
        "a shortened segment is whole",
        "_reader.py",
        "    if stop.byte < span.synced:\n",
        "    if False:\n",
    ),
    Bug("a gap between segments is overlooked", "_reader.py", "if span.next_base != stop.seq:", "if False:"),
    Bug(
        "what a stale writer added is overlooked",
        "_reader.py",
        "    if whole or _frame.next_header(",
        "    if False and _frame.next_header(",
    ),
    Bug("unsynced events are shown", "_reader.py", "reached if live and synced else None", "None"),
    Bug("a new segment is shown before its note", "_reader.py", "if key <= synced.key]", "]"),
    Bug("a segment that the note names may be missing", "_reader.py", "if synced and not damage:", "if False:"),
    Bug(
        "without a note, the segment of a living writer counts",
        "_reader.py",
        "if synced is not None or _durable.read(directory) is None:",
        "if True:",
    ),
    Bug("the frame header has no checksum", "_frame.py", "!= header_checksum:", "!= header_checksum and False:"),
    Bug("the salt is left out", "_frame.py", "_CRC.pack(crc32(head, salt))", "_CRC.pack(crc32(head))"),
    Bug("the payload has no checksum", "_frame.py", "if crc32(view[body:end]) != checksum:", "if False:"),
    Bug("the padding has no checksum", "_frame.py", "crc32(padded), 0)", "crc32(payload), 0)"),
    Bug("the seq of a frame is not checked", "_frame.py", "    if first != seq:\n", "    if False:\n"),
    Bug("frames are not aligned", "_frame.py", "bytes(-len(payload) % ALIGNMENT)", "b''"),
    Bug("a quotation of the log is taken for a later frame", "_frame.py", "_HEAD.unpack(head)[2] >= seq", "True"),
    Bug("salvage reads damaged frames", "_frame.py", "        if isinstance(found, Commit):\n", "        if True:\n"),
    Bug("the segment header has no checksum", "_segments.py", "if crc32(data[: length - _CRC.size]) ==", "if True or"),
    Bug(
        "the order of segments is not checked",
        "_segments.py",
        "    if (segment.before.key, segment",
        "    if 0 and (segment",
    ),
    Bug(
        "the salt of the predecessor is not checked",
        "_segments.py",
        "segment.before.salt) != (before.key, before.salt)",
        "0) != (before.key, 0)",
    ),
    Bug("a renamed segment is read", "_segments.py", "    if segment.key != key:\n", "    if False:\n"),
    Bug("a later format is read", "_segments.py", "    if major != MAJOR:\n", "    if False:\n"),
    Bug("a damaged header is a torn one", "_segments.py", "if len(data) <= HEADER_LENGTH:", "if True:"),
    Bug("a torn header is a damaged one", "_segments.py", "if len(data) <= HEADER_LENGTH:", "if not data:"),
    Bug(
        "the note has no checksum", "_durable.py", "_CRC.pack(crc32(data[: _BODY.size])) == data[_BODY.size :]", "True"
    ),
    Bug("an index is believed", "_index.py", "if crc32(_BODY.pack(found, offset), segment.salt) == checksum and", "if"),
    Bug("an index leads too far", "_index.py", "and found <= seq:", "and found <= seq + 10:"),
    Bug("tuples are written", "_events.py", "if type(container) is list:", "if type(container) in {list, tuple}:"),
    Bug("keys of other types are written", "_events.py", "if type(key) is not str:", "if False:"),
    Bug(
        "values are written that are too deep to be read",
        "_events.py",
        '    raise ValueError(f"event {event.seq} ({event.kind}) is nested more than {MAX_DEPTH} deep")\n',
        "",
    ),
    Bug("a cause may come later", "_events.py", "not 0 <= event.cause < seq", "not 0 <= event.cause"),
    Bug("any seq is taken", "_events.py", "if event.seq != seq or event.epoch", "if event.epoch"),
    Bug("an event may have any size", "_events.py", "if len(record) > MAX_EVENT:", "if False:"),
    Bug(
        "reading from the middle is off by one",
        "_log.py",
        "self._after + 1 - commit.first",
        "self._after - commit.first",
    ),
    Bug("a follower stays in its segment", "_log.py", "span.segment.key >= self._key", "span.segment.key == self._key"),
    Bug("a follower forgets its place", "_log.py", "            self._start, self._seq = commit.end, following\n", ""),
)

"""Passes frames between two interfaces, later than they came: runs on the host, with nothing but Python 3.8.

    python3 - ONE TWO CONTROL ANSWER

The last two are FIFOs. A line of JSON on CONTROL has new settings, in seconds and as probabilities: delay, jitter,
duplication, corruption, reordering. On ANSWER it says which settings hold from then on. Frames that wait keep
their times.
"""

from __future__ import annotations

import heapq
import json
import os
import random
import select
import socket
import sys
import time
from contextlib import suppress

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
HEADER = 10  # bytes of what the kernel tells of a frame's checksum (struct virtio_net_hdr)
LARGEST = 1 << 17
AT_ONCE = 64  # frames that are taken from one side before the other one has its turn

settings = {"delay": 0.0, "jitter": 0.0, "duplication": 0.0, "corruption": 0.0, "reordering": 0.0}
waiting: list[tuple[float, int, bytes, socket.socket]] = []  # when, in which order, what, where to
chance = random.Random()  # noqa: S311 - it loses no secrets
latest: dict[socket.socket, float] = {}  # when the last of its frames that keep their order goes


def open_interface(name: str) -> socket.socket:
    """All frames that come in there; what is sent there is not heard."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    opened.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.bind((name, ETH_P_ALL))
    opened.setblocking(False)
    latest[opened] = 0.0
    return opened


def happens(what: str) -> bool:
    """Whether something happens to a frame that happens to some."""
    return settings[what] > 0 and chance.random() < settings[what]


def hold(frame: bytes, target: socket.socket, now: float, number: int) -> None:
    """Note when a frame is to go, if it is to go at all."""
    if happens("corruption"):
        wrong = bytearray(frame)
        wrong[chance.randrange(HEADER, len(frame))] ^= 1 << chance.randrange(8)
        frame = bytes(wrong)
    due = now
    if not happens("reordering"):
        due += max(0.0, settings["delay"] + settings["jitter"] * chance.uniform(-1, 1))
        due = latest[target] = max(due, latest[target])
    heapq.heappush(waiting, (due, number, frame, target))


def take(source: socket.socket, target: socket.socket, number: int) -> int:
    """Take what has come; the number of the next frame."""
    for _ in range(AT_ONCE):
        try:
            frame = source.recv(LARGEST)
        except OSError:  # there is no more, or the interface is down
            return number
        now = time.monotonic()
        copies = 2 if happens("duplication") else 1
        for _ in range(copies):
            hold(frame, target, now, number)
            number += 1
    return number


def pass_on() -> float | None:
    """Send what is due; seconds until the next one is."""
    while waiting:
        left = waiting[0][0] - time.monotonic()
        if left > 0:
            return left
        _, _, frame, target = heapq.heappop(waiting)
        with suppress(OSError):  # the other end is down, or full: then a frame is lost on any link
            target.send(frame)
    return None


def obey(control: int, answer: int) -> None:
    """Take new settings, and say which hold."""
    for line in os.read(control, 1 << 16).splitlines():
        settings.update(json.loads(line))
        os.write(answer, json.dumps(settings).encode() + b"\n")


def main(one: str, two: str, *fifos: str) -> None:
    """Run until it is killed."""
    sides = [open_interface(one), open_interface(two)]
    ways = {sides[0]: sides[1], sides[1]: sides[0]}
    control, answer = (os.open(name, os.O_RDWR) for name in fifos)
    number = 0
    while True:
        ready, _, _ = select.select([*(side.fileno() for side in sides), control], [], [], pass_on())
        if control in ready:
            obey(control, answer)
        for side in sides:
            if side.fileno() in ready:
                number = take(side, ways[side], number)


if __name__ == "__main__":
    main(*sys.argv[1:])

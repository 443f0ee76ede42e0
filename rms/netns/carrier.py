"""Carries the frames of one end of a tunnel to the other, in UDP: runs on the host, with nothing but Python 3.8.

    python3 - DEVICE OWN PORT OTHER

DEVICE is a TAP in the same network; OWN and OTHER are addresses, IPv4 or IPv6, at which both ends have the port. It
says "carrying" once it does, and ends only if it is killed.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
IP_FREEBIND, IPV6_FREEBIND = 15, 78
LARGEST = 1 << 16
AT_ONCE = 64  # frames that go one way before the other one has its turn


def open_tap(name: str) -> int:
    """The device."""
    opened = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return opened


def open_way(own: str, port: str) -> socket.socket:
    """Where datagrams go out and come in; the address may be given to the node later."""
    family, level, freely = (socket.AF_INET6, 41, IPV6_FREEBIND) if ":" in own else (socket.AF_INET, 0, IP_FREEBIND)
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.setsockopt(level, freely, 1)
    opened.bind((own, int(port)))
    opened.setblocking(False)
    return opened


def send_out(tap: int, way: socket.socket, other: tuple[Any, ...]) -> None:
    """Pass on frames that have come from the device."""
    with suppress(OSError):  # there is no more; or it is down
        for _ in range(AT_ONCE):
            frame = os.read(tap, LARGEST)
            with suppress(OSError):  # no way leads there, or the queue is full: a frame is lost, as on any way
                way.sendto(frame, other)


def bring_in(way: socket.socket, other: tuple[Any, ...], tap: int) -> None:
    """Pass on frames that have come from the other end, and from nobody else."""
    for _ in range(AT_ONCE):
        try:
            frame, sender = way.recvfrom(LARGEST)
        except BlockingIOError:
            return
        except OSError:  # the other one has not begun: what was sent came back
            continue
        if sender[:2] == other[:2]:
            with suppress(OSError):  # it is down
                os.write(tap, frame)


def main(device: str, own: str, port: str, other: str) -> None:
    """Run until it is killed."""
    try:
        tap, way = open_tap(device), open_way(own, port)
    except OSError as error:
        sys.exit(f"{device}, port {port} of {own}: {error.strerror}")
    there = socket.getaddrinfo(other, int(port), way.family, flags=socket.AI_NUMERICHOST)[0][4]
    sys.stdout.write("carrying\n")
    sys.stdout.flush()
    while True:
        ready, _, _ = select.select([tap, way.fileno()], [], [])
        if tap in ready:
            send_out(tap, way, there)
        if way.fileno() in ready:
            bring_in(way, there, tap)


if __name__ == "__main__":
    main(*sys.argv[1:])

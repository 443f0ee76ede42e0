"""Writes the frames of an interface to a file, as tcpdump does: runs on the host, with nothing but Python 3.8.

    python3 - DEVICE FILE

It is for namespaces of users: tcpdump gives up rights there that it cannot give up. It says "listening on DEVICE" once
it does; after INT, what has come until then is in the file.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys

ETH_P_ALL = 3
SOL_PACKET, PACKET_AUXDATA = 263, 8
SO_TIMESTAMPNS = 35
VLAN_VALID, TPID_VALID = 1 << 4, 1 << 6  # of what the kernel tells of a frame's tag, which it has taken out
LARGEST = 262_144  # bytes of a frame, as tcpdump has it
HEADER = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LARGEST, 1)  # microseconds, Ethernet
ANCILLARY = socket.CMSG_SPACE(16) + socket.CMSG_SPACE(20)


def open_interface(name: str) -> socket.socket:
    """All frames that come in there, or go out."""
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    opened.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    opened.bind((name, ETH_P_ALL))
    opened.setblocking(False)
    return opened


def record(frame: bytes, told: list[tuple[int, int, bytes]]) -> bytes:
    """A frame as it stands in the file, with the tag and the time that the kernel tells of it."""
    seconds, nanoseconds = 0, 0
    for level, kind, data in told:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack("ll", data[:16])
        elif (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tag, protocol = struct.unpack("IIIHHHH", data[:20])
            if status & VLAN_VALID:
                kept = protocol if status & TPID_VALID else 0x8100
                frame = frame[:12] + struct.pack("!HH", kept, tag) + frame[12:]
    return struct.pack("=IIII", seconds, nanoseconds // 1000, len(frame), len(frame)) + frame


def drain(source: socket.socket, file: int) -> None:
    """Write all that has come."""
    while True:
        try:
            frame, told, _, _ = source.recvmsg(LARGEST, ANCILLARY)
        except BlockingIOError:
            return
        except OSError:  # it is down; it may come up again
            continue
        os.write(file, record(frame, told))


def main(device: str, path: str) -> None:
    """Run until it is told to end."""
    bell, ringer = os.pipe()
    os.set_blocking(ringer, False)
    signal.set_wakeup_fd(ringer)
    signal.signal(signal.SIGINT, lambda *_: None)
    source = open_interface(device)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(file, HEADER)
    sys.stderr.write(f"listening on {device}\n")
    sys.stderr.flush()
    while bell not in select.select([bell, source.fileno()], [], [])[0]:
        drain(source, file)
    drain(source, file)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Measures round-trip times: python3 - ADDRESS PORT COUNT INTERVAL SIZE, with the key in UDPECHO_KEY.

Exits with 0 if anything came back, else with 1.
"""

import hmac
import os
import socket
import sys
import time
from pathlib import Path


def measure(sock, datagram, deadline):
    """The round-trip time of a datagram in ms, or None if it has not come back by then."""
    sent = time.monotonic()
    sock.send(datagram)
    while (left := deadline - time.monotonic()) > 0:
        sock.settimeout(left)
        try:
            if sock.recv(65535) == datagram:
                return (time.monotonic() - sent) * 1000
        except socket.timeout:  # noqa: UP041 - the host's Python may be older than 3.10, where these are two
            break
        except ConnectionRefusedError:  # nobody listens there now
            continue
    return None


def main(address, port, count, interval, size):
    key, came_back = os.environ["UDPECHO_KEY"].encode(), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, Path("rtt").open("a", buffering=1) as rtt:
        sock.connect((address, int(port)))
        for number in range(int(count)):
            next_at = time.monotonic() + float(interval)
            body = number.to_bytes(8, "big").ljust(int(size) - 32, b"\0")
            time_taken = measure(sock, body + hmac.digest(key, body, "sha256"), next_at)
            came_back += time_taken is not None
            print(number, "lost" if time_taken is None else f"{time_taken:.3f}", file=rtt)
            time.sleep(max(0.0, next_at - time.monotonic()))
    return 0 if came_back else 1


sys.exit(main(*sys.argv[1:]))

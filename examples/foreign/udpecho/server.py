"""A UDP echo server: python3 - ADDRESS PORT, with the key in UDPECHO_KEY. It says where it listens, then answers."""

import hmac
import os
import socket
import sys
import time
from pathlib import Path


def main(address, port):
    key = os.environ["UDPECHO_KEY"].encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, Path("requests").open("a", buffering=1) as requests:
        sock.bind((address, int(port)))
        print(*sock.getsockname(), flush=True)
        while True:
            datagram, sender = sock.recvfrom(65535)
            body, mac = datagram[:-32], datagram[-32:]
            answer = hmac.compare_digest(mac, hmac.digest(key, body, "sha256"))
            print(f"{time.time():.6f} {sender[0]} {len(datagram)} {'ok' if answer else 'refused'}", file=requests)
            if answer:
                sock.sendto(datagram, sender)


main(*sys.argv[1:])

"""Receives a stream until it ends, and says how far it is.

usage: client.py PORT BYTES
"""

import hashlib
import socket
import sys


def main(port: int, size: int) -> None:
    digest = hashlib.sha256()
    received = told = 0
    with socket.create_connection(("127.0.0.1", port)) as stream:
        while piece := stream.recv(64 * 1024):
            digest.update(piece)
            received += len(piece)
            if received * 10 // size > told:
                told = received * 10 // size
                print(f"{told * 10} %", flush=True)
    print(f"received {received} bytes, sha256 {digest.hexdigest()}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

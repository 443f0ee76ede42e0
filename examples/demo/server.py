"""Sends a stream of known bytes to the first one who connects, at a steady rate.

usage: server.py PORT BYTES SECONDS
"""

import hashlib
import random
import socket
import sys
import time

PIECE = 64 * 1024


def main(port: int, size: int, seconds: float) -> None:
    print(f"listening on port {port}", flush=True)
    with socket.create_server(("127.0.0.1", port)) as listener:
        peer, _ = listener.accept()
    digest = hashlib.sha256()
    source = random.Random(port)
    began = time.monotonic()
    with peer:
        for sent in range(0, size, PIECE):
            piece = source.randbytes(min(PIECE, size - sent))
            digest.update(piece)
            peer.sendall(piece)
            time.sleep(max(0.0, began + seconds * sent / size - time.monotonic()))
    print(f"sent {size} bytes, sha256 {digest.hexdigest()}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))

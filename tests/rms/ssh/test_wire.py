"""What carries a connection."""

import socket

from rms.ssh.wire import Wire


def test_what_has_come_is_acknowledged_before_it_is_handed_on():
    ours, theirs = socket.socketpair()
    told = []
    wire = Wire(ours, acknowledge=lambda: told.append("acknowledged"))
    with theirs:
        theirs.sendall(b"one message")
        assert (wire.recv(3), told) == (b"one", ["acknowledged"])
        assert (wire.recv(100), told) == (b" message", ["acknowledged"])  # it was taken with the first bytes
    assert (wire.recv(1), wire.why) == (b"", "the host closed the connection")
    wire.close()

"""How it is seen that a host is gone."""

import socket
import threading
from types import SimpleNamespace

from rms.ssh.connection import Connection
from rms.ssh.login import Login
from rms.ssh.messenger import messenger
from rms.ssh.wire import Wire
from tests.contracts.transport import PATIENCE


class StuckTransport:
    """What paramiko is while another thread holds its lock and waits for the network."""

    def __init__(self):
        self.asked = 0
        self.goes_on = threading.Event()

    def is_active(self):
        return True

    def _send_user_message(self, message):
        self.asked += 1
        self.goes_on.wait()

    def close(self):
        self.goes_on.set()


def test_a_question_that_gets_stuck_keeps_nobody_else_waiting_and_the_host_is_lost_all_the_same(inbox):
    transport = StuckTransport()
    ours, theirs = socket.socketpair()
    target = SimpleNamespace(name="h1", alive_interval=0.05, alive_count=3)
    with theirs:
        try:
            connection = Connection(target, Login(transport, Wire(ours)), inbox.put)
            assert inbox.take() is connection
            others = threading.Event()
            messenger.post(others.set)
            assert others.wait(PATIENCE)
            assert connection.why.startswith("nothing was heard from the host")
            assert transport.asked == 1  # the first is on its way still, which is question enough
        finally:
            transport.close()

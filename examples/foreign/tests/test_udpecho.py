"""The types keep the contract of resource types, on this machine."""

import hmac
import os
import signal
import socket
from pathlib import Path

import pytest
from udpecho import Client, Server

from engine.core.states import Step
from engine.testing.contract import ResourceContract
from rms.linux.node import Node


class ProcessContract(ResourceContract):
    """What both have in common: they are processes, each in a directory that is named by its token."""

    def end(self, subject):
        os.kill(subject.receipts[Step.START]["pid"], signal.SIGTERM)
        return 128 + signal.SIGTERM

    def left(self, subject):
        token = subject.tokens.get(Step.START, "none")
        return [pid for pid, directory in programs() if f"/{token}/" in directory]


def programs():
    """All Python programs that came on standard input, each with the directory that it runs in."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cmdline").read_bytes().startswith(b"python3\0-\0"):
                yield int(process.name), str((process / "cwd").readlink())
        except OSError:  # it is gone, or not ours
            continue


class TestServer(ProcessContract):
    @pytest.fixture
    def resource(self):
        return Server()

    @pytest.fixture
    def others(self):
        return [Node(hostname="localhost")]

    def test_it_answers_what_is_signed_and_nothing_else(self, running):
        body = b"x" * 20
        signed = body + hmac.digest(b"", body, "sha256")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(10)
            for datagram in (body, signed):
                sock.sendto(datagram, running.manager.listens_on())
            assert sock.recv(65535) == signed
        requests = running.manager.read_trace("requests").decode().splitlines()
        assert [line.split()[1:] for line in requests] == [["127.0.0.1", "20", "refused"], ["127.0.0.1", "52", "ok"]]

    def test_a_port_that_is_taken_is_told(self, bench):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            node = bench.add(Node(hostname="localhost"))
            node.deploy()
            server = bench.add(Server(port=taken.getsockname()[1]), [node])
            with pytest.raises(RuntimeError, match=r"ended before it listened.*Address already in use"):
                server.perform(Step.START)


class TestClient(ProcessContract):
    @pytest.fixture
    def resource(self):
        return Client(count=100_000)

    @pytest.fixture
    def others(self):
        return [Node(hostname="localhost"), Server()]

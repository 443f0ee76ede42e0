"""The types for Linux hosts keep the contract of resource types, on this machine."""

import os
from pathlib import Path

import pytest

from engine.core.states import Step
from engine.testing.contract import ResourceContract
from rms.linux.application import Application
from rms.linux.node import Node

pytestmark = pytest.mark.slow


class TestNode(ResourceContract):
    @pytest.fixture
    def resource(self):
        return Node(hostname="localhost")


class TestApplication(ResourceContract):
    @pytest.fixture
    def resource(self, tmp_path):
        self.go = tmp_path / "go"
        os.mkfifo(self.go)
        return Application(command=f"read -r code <{self.go}; exit $code", ok_codes=[0, 5])

    @pytest.fixture
    def others(self):
        return [Node(hostname="localhost")]

    def end(self, subject):
        self.go.write_text("5\n")
        return 5

    def left(self, subject):
        pids = (receipt["pid"] for receipt in [subject.receipts.get(Step.START)] if receipt is not None)
        return [pid for pid in pids if runs(pid)]


def runs(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False

"""The types of this package keep the contract of resource types."""

import os
import shutil
from pathlib import Path

import pytest

from engine.core.states import Step
from engine.testing.contract import ResourceContract
from rms.collector import Collector
from rms.linux.application import Application
from rms.linux.node import Node
from rms.linux.ping import Ping
from rms.linux.tcpdump import Tcpdump
from rms.linux.web import Http
from tests.rms.linux.test_real_tools import free_port

pytestmark = pytest.mark.slow


def runs(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


class LinuxContract(ResourceContract):
    @pytest.fixture
    def others(self):
        return [Node(hostname="localhost")]

    def left(self, subject):
        receipt = subject.receipts.get(Step.START) or {}
        return [pid for pid in [receipt.get("pid")] if pid and runs(pid)]


class TestApplicationThatIsBuilt(LinuxContract):
    @pytest.fixture
    def resource(self, tmp_path):
        self.go = tmp_path / "go"
        os.mkfifo(self.go)
        (tmp_path / "data").write_text("x")
        return Application(
            command=f'read -r code <{self.go}; [ -e "$SHARE/built" ] && exit $code',
            files=str(tmp_path / "data"),
            build='cp "$SHARE/data" "$SHARE/built"',
            tear_down="echo gone",
            timeout=1000,
            ok_codes=[5],
        )

    def end(self, subject):
        self.go.write_text("5\n")
        return 5


class TestApplicationWhoseBuildIsCancelled(LinuxContract):
    heeds_cancel = (Step.PROVISION,)

    @pytest.fixture
    def resource(self):
        return Application(command="exec sleep 1000", build="test -e nothing || exec sleep 0.05")


class TestApplicationThatForgets(LinuxContract):
    @pytest.fixture
    def resource(self):
        return Application(command="exec sleep 1000", hard_release=True)


@pytest.mark.skipif(not shutil.which("ping"), reason="ping is not installed here")
class TestPing(LinuxContract):
    @pytest.fixture
    def resource(self):
        return Ping(target="127.0.0.1")


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed here")
class TestTcpdump(LinuxContract):
    @pytest.fixture
    def resource(self):
        return Tcpdump(i="lo", w="a.pcap", expression="port 1")


class TestHttp(LinuxContract):
    @pytest.fixture
    def resource(self):
        return Http(server=True, port=free_port(), bind_address="127.0.0.1")


class TestCollector(ResourceContract):
    @pytest.fixture
    def resource(self):
        return Collector(trace_name="facts")

    @pytest.fixture
    def others(self):
        return [Node(hostname="localhost")]  # it collects of all that it is connected to

"""A real sshd host keeps what a transport promises, whatever its shells are."""

import tempfile
from pathlib import Path

import pytest

from rms.ssh import Address, connect
from tests.contracts.transport import TransportContract

pytestmark = pytest.mark.slow


@pytest.fixture
def transport(host, host_pool):
    transport = connect(Address(host.name, config=str(host_pool.ssh_config)))
    yield transport
    transport.close()


class TestSshTransport(TransportContract):
    @pytest.fixture
    def transport(self, transport):
        return transport

    @pytest.fixture
    def place(self, host_pool):
        return Path(tempfile.mkdtemp(dir=host_pool.shared))

    @pytest.fixture
    def process(self, host):
        process = host.process()
        yield process
        process.reap()


def test_a_file_that_is_not_there_is_none_to_the_tail_of_busybox_too(host, transport):
    host.run("""printf '#!/bin/sh\\nexec busybox tail "$@"\\n' >/tmp/tail; chmod +x /tmp/tail
        mount --bind /tmp/tail "$(command -v tail)" """)
    host._mounted = True
    assert transport.read("/no/file") is None
    assert transport.read("/no/file", 0, 10) is None

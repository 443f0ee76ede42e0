"""Tests of SSH run against real hosts."""

import pytest

from rms.ssh import Address, connect
from tests.contracts.transport import Inbox
from tests.platform.fixtures import host, host_pool, hosts  # noqa: F401 - pytest finds them by name


@pytest.fixture
def reach(host_pool):  # noqa: F811 - as above
    """`reach("h1", ...)` gives a transport to it."""
    opened = []

    def reach(name, on_change=None, **more):
        transport = connect(Address(name, **{"config": str(host_pool.ssh_config)} | more), on_change)
        opened.append(transport)
        return transport

    yield reach
    for transport in opened:
        transport.close()


@pytest.fixture
def inbox():
    """What callbacks are put into."""
    return Inbox()

"""Fixtures that give real hosts; a test module, or its conftest, imports those that it uses."""

import os

import pytest

from tests.platform.hosts import Pool, why_not


@pytest.fixture(scope="session")
def host_pool():
    """The hosts of this worker, which all its tests share."""
    reason = why_not()
    if reason:
        # As root they can be had, so a run that leaves these tests out has to be mended.
        (pytest.fail if os.geteuid() == 0 else pytest.skip)(reason)
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def hosts(host_pool):
    """`hosts(3)` gives three hosts. What a test has done to them is undone at its end."""
    yield host_pool.get
    for host in host_pool.hosts:
        host.heal()


@pytest.fixture
def host(hosts):
    """One host."""
    return hosts(1)[0]

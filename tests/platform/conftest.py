"""Tests of the hosts themselves."""

from tests.platform.fixtures import host, host_pool, hosts  # noqa: F401 - pytest finds them by name

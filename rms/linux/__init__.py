"""Linux hosts and what runs on them.

    from rms.linux import Application, Node, Ping

Each is fetched from its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rms.linux.application import Application
    from rms.linux.iperf3 import Iperf3, UdpTest
    from rms.linux.node import Node
    from rms.linux.nping import NPing
    from rms.linux.ping import Ping
    from rms.linux.tcpdump import Tcpdump
    from rms.linux.traceroute import Mtr, Traceroute
    from rms.linux.web import Http

_HOME = {
    "Application": "application",
    "Http": "web",
    "Iperf3": "iperf3",
    "Mtr": "traceroute",
    "NPing": "nping",
    "Node": "node",
    "Ping": "ping",
    "Tcpdump": "tcpdump",
    "Traceroute": "traceroute",
    "UdpTest": "iperf3",
}

__all__ = ["Application", "Http", "Iperf3", "Mtr", "NPing", "Node", "Ping", "Tcpdump", "Traceroute", "UdpTest"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rms.linux' has no attribute {name!r}")
    return getattr(import_module(f"rms.linux.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__

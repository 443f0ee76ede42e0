"""Networks out of the kernel's own namespaces.

    from rms.netns import Emulation, Interface, Link, Node

Each is fetched from its module when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rms.netns.emulation import Emulation
    from rms.netns.frr import Frr
    from rms.netns.interface import Interface
    from rms.netns.link import Link
    from rms.netns.node import Node
    from rms.netns.ovs import OvsPort, OvsSwitch
    from rms.netns.route import Route
    from rms.netns.switch import Switch
    from rms.netns.tap import Tap, Tun
    from rms.netns.tunnel import Tunnel

_HOME = {
    "Emulation": "emulation",
    "Frr": "frr",
    "Interface": "interface",
    "Link": "link",
    "Node": "node",
    "OvsPort": "ovs",
    "OvsSwitch": "ovs",
    "Route": "route",
    "Switch": "switch",
    "Tap": "tap",
    "Tun": "tap",
    "Tunnel": "tunnel",
}

__all__ = [
    "Emulation",
    "Frr",
    "Interface",
    "Link",
    "Node",
    "OvsPort",
    "OvsSwitch",
    "Route",
    "Switch",
    "Tap",
    "Tun",
    "Tunnel",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'rms.netns' has no attribute {name!r}")
    return getattr(import_module(f"rms.netns.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__

"""Round-trip times over UDP: `udpecho::Server` and `udpecho::Client`."""

from udpecho.resources import Client, Server

__all__ = ["Client", "Server"]

"""Hosts over SSH. `connect` gives a transport to one; docs/ssh.md has what is read of the configuration of SSH."""

from rms.ssh.config import Address
from rms.ssh.transport import SshTransport, connect

__all__ = ["Address", "SshTransport", "connect"]

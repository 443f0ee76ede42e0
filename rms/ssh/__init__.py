"""Hosts over SSH. `connect` gives a transport to one; docs/ssh.md has what is read of the configuration of SSH."""

from rms.ssh._put_off import put_off

put_off("invoke")  # paramiko loads it for `Match exec` alone, and it takes longer than all the rest of paramiko

from rms.ssh.config import Address  # noqa: E402 - see above
from rms.ssh.transport import SshTransport, connect  # noqa: E402

__all__ = ["Address", "SshTransport", "connect"]

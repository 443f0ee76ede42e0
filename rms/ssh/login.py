"""Logging in to a host: the connection, its host key, our keys, and in plain words what went wrong."""

from __future__ import annotations

import errno
import functools
import logging
import os
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, cast

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import PublicBlob
from paramiko.ssh_exception import IncompatiblePeer

from engine.rm.transport import CommandFailed, TransportLost
from rms.ssh import hostkeys
from rms.ssh.wire import Wire, connect, run_proxy

if TYPE_CHECKING:
    from rms.ssh.config import Target

__all__ = ["Login", "Tunnel", "log_in"]

Tunnel = Callable[[str, int, float], paramiko.Channel]
"""Has a gateway connect to a host and a port, in so many seconds at most."""

_LOG_CHANNEL: Final = "netreel.ssh"
_LAST: Final = 1000  # bytes of what a ProxyCommand said that are looked at
_UNKNOWN_HOST: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


class _Chatter(logging.Filter):
    """What paramiko calls an error is told by ours, or is the day's work of finding out that a host is lost."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.levelno, record.levelname = logging.DEBUG, "DEBUG"
        return logging.getLogger(_LOG_CHANNEL).isEnabledFor(logging.DEBUG)


logging.getLogger(_LOG_CHANNEL).addFilter(_Chatter())


class Login(NamedTuple):
    """A session of SSH that the host has let us into."""

    transport: paramiko.Transport
    wire: Wire


def log_in(target: Target, tunnel: Tunnel | None = None) -> Login:
    """Connects to a host, checks that it is the right one, and logs in. Never asks anybody.

    Args:
        target: The host.
        tunnel: The way through its gateway, if it has one.

    Raises:
        CommandFailed: It cannot be: the host or its key is not known, or it does not let us in.
        TransportLost: Nobody answered.
    """
    with ExitStack() as stack:
        with _in_plain_words(target):
            # A pipe would have to be emptied for as long as the command goes on.
            said = stack.enter_context(tempfile.TemporaryFile()) if target.proxy_command else None
            wire = _reach(target, tunnel, said)
        return _log_in(target, wire, said)


def _log_in(target: Target, wire: Wire, said: IO[bytes] | None) -> Login:
    try:
        transport = paramiko.Transport(cast("Any", wire))  # a socket, for all that paramiko does with it
        try:
            with _in_plain_words(target, wire, said):
                _shake_hands(target, transport)
                _authenticate(target, transport)
        except BaseException:
            transport.close()
            raise
    except BaseException:
        wire.close()
        raise
    wire.settle()
    return Login(transport, wire)


def _reach(target: Target, tunnel: Tunnel | None, said: IO[bytes] | None) -> Wire:
    if tunnel is not None:
        return Wire(tunnel(target.hostname, target.port, target.connect_timeout))
    if target.proxy_command and said is not None:
        return run_proxy(target.proxy_command, said)
    return connect(target)


def _shake_hands(target: Target, transport: paramiko.Transport) -> None:
    transport.set_log_channel(_LOG_CHANNEL)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = target.connect_timeout
    options = transport.get_security_options()
    options.key_types = hostkeys.algorithms(target, options.key_types)
    options.kex = tuple(sorted(options.kex, key=_slowness))
    options.ciphers = tuple(sorted(options.ciphers, key=lambda name: "gcm" not in name))  # less work for each message
    transport.start_client(timeout=2 * target.connect_timeout)
    hostkeys.check(target, transport.get_remote_server_key())


def _slowness(key_exchange: str) -> int:
    """The rank of a way to agree on keys: first what no quantum computer will break, then what costs a host least.

    By P-256 a whole login takes a ninth less of a host's processor than by Curve25519, for which sshd has slower code.
    """
    return 0 if key_exchange.startswith("mlkem") else 1 if key_exchange == "ecdh-sha2-nistp256" else 2


# --- Our keys.


class _Denied(Exception):
    """The host does not let us in."""


def _authenticate(target: Target, transport: paramiko.Transport) -> None:
    tried: list[str] = []
    accepted, refused = "publickey", False
    with closing(_Agent(target.connect_timeout)) as agent:
        for what, key in _keys(target, agent, tried):
            try:
                if not transport.auth_publickey(target.username, key):
                    return
                tried.append(f"{what} (accepted, but the host wants more than a key)")
            except paramiko.BadAuthenticationType as error:
                accepted = ", ".join(error.allowed_types)
                break
            except paramiko.AuthenticationException as error:
                # It is the same exception if the host did not answer, or hung up.
                if str(error) != "Authentication failed.":
                    if not refused:
                        raise
                    tried.append("then the host hung up: too many keys?")
                    break
                refused = True
                tried.append(f"{what} (not accepted)")
    raise _Denied(f"the host does not let {target.username} in; it takes {accepted}; tried: {'; '.join(tried)}")


class _Agent(AgentSSH):
    """The user's agent. It is asked when its keys are needed: one that is silent keeps nobody else waiting."""

    def __init__(self, timeout: float) -> None:
        """`timeout` is in seconds, for each step."""
        super().__init__()
        self._timeout = timeout

    @functools.cached_property
    def keys(self) -> dict[bytes, paramiko.PKey]:
        """Its keys by their public halves; none if there is no agent, or it does not answer."""
        path = os.environ.get("SSH_AUTH_SOCK")
        if not path:
            return {}
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The system's own: with that of Python, one that many call at once is not waited for.
            limit = struct.pack("@ll", int(self._timeout), int(self._timeout % 1 * 1e6))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]  # it is not in the stubs
        except (paramiko.SSHException, OSError):
            connection.close()
            return {}
        return {key.asbytes(): cast("paramiko.PKey", key) for key in self.get_keys()}

    def close(self) -> None:
        """Lets go of it."""
        self._close()  # type: ignore[attr-defined]  # as above

    def _send_message(self, message: object) -> Any:
        try:
            return super()._send_message(message)  # type: ignore[misc]  # as above
        except BlockingIOError:
            raise paramiko.SSHException(f"the agent did not answer within {self._timeout:g} s") from None


def _keys(target: Target, agent: _Agent, skipped: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    """The keys to try; why one of those named is not among them is added to `skipped`."""
    for file in target.identities:
        try:
            yield file, _load(file, target.certificates, _stamp(file))
        except paramiko.PasswordRequiredException:
            key = agent.keys.pop(_public_half(file), None)
            if key is not None:
                yield f"{file} by the agent", key
            else:
                skipped.append(f"{file} (has a passphrase: add it to the agent with ssh-add)")
        except FileNotFoundError:
            skipped.append(f"{file} (no such file)")
        except (OSError, ValueError, paramiko.SSHException) as error:
            skipped.append(f"{file} (cannot be used: {error})")
    if target.use_agent:
        for key in agent.keys.values():
            yield f"{key.get_name()} {key.fingerprint} of the agent", key
        if not agent.keys:
            skipped.append("no key of an agent")


@functools.lru_cache(maxsize=64)
def _load(file: str, certificates: tuple[str, ...], _stamp: tuple[float, ...]) -> paramiko.PKey:
    """A private key with its certificate. Decoding takes about as long as the rest of a login: hosts share keys."""
    try:
        key = paramiko.PKey.from_path(file)
    except TypeError as error:  # what paramiko lets through of its library about a key with a passphrase
        raise paramiko.PasswordRequiredException(str(error)) from error
    for certificate in certificates:
        with suppress(ValueError):  # it is of another key
            key.load_certificate(certificate)
    return key


def _stamp(file: str) -> tuple[float, ...]:
    """Changes when a key, or the certificate next to it, does."""
    certificate = Path(f"{file}-cert.pub")
    return (Path(file).stat().st_mtime, certificate.stat().st_mtime if certificate.exists() else 0)


def _public_half(file: str) -> bytes:
    try:
        return PublicBlob.from_file(f"{file}.pub").key_blob
    except (OSError, ValueError):
        return b""


# --- What went wrong.


@contextmanager
def _in_plain_words(target: Target, wire: Wire | None = None, said: IO[bytes] | None = None) -> Iterator[None]:
    """`said` is what the ProxyCommand says besides, if there is one."""
    try:
        yield
    except (hostkeys.HostKeyRefused, _Denied) as error:
        raise CommandFailed(target.name, f"log in as {target}", errno.EACCES, str(error)) from error
    except IncompatiblePeer as error:
        raise CommandFailed(target.name, f"log in as {target}", errno.EPROTO, str(error)) from error
    except socket.gaierror as error:
        if error.errno in _UNKNOWN_HOST:
            raise _no_such_host(target) from error
        raise TransportLost(target.name, f"its address cannot be looked up: {error.strerror}") from error
    except UnicodeError as error:
        if wire is not None:
            raise
        raise _no_such_host(target) from error  # a part of its name is empty, or too long
    except ConnectionRefusedError as error:
        raise TransportLost(target.name, f"{_at(target)} refused the connection: is sshd running there?") from error
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise TransportLost(target.name, _why(target, error, wire) + _last_words(said)) from error


def _no_such_host(target: Target) -> CommandFailed:
    why = f"there is no host named {target.hostname!r}: check the name, or give an address"
    return CommandFailed(target.name, "look up its address", errno.ENOENT, why)


def _at(target: Target) -> str:
    return f"{target.hostname} port {target.port}"


def _last_words(said: IO[bytes] | None) -> str:
    if said is None:
        return ""
    size = os.fstat(said.fileno()).st_size
    end = os.pread(said.fileno(), _LAST, max(0, size - _LAST))  # not by a read: the command writes where that ends
    lines = end.decode(errors="replace").split("\n")
    return next((f"; its ProxyCommand said: {line.strip()}" for line in reversed(lines) if line.strip()), "")


def _why(target: Target, error: Exception, wire: Wire | None) -> str:
    if isinstance(error, paramiko.ChannelException):
        return f"its gateway {target.via.name if target.via else ''} cannot connect to {_at(target)}: {error.text}"
    if wire is None:
        if isinstance(error, TimeoutError):
            return f"no answer from {_at(target)} within {target.connect_timeout:g} s"
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return f"{_at(target)} cannot be reached: {reason}"
    if wire.heard is None:
        silence = wire.why or f"nothing was said within {target.connect_timeout:g} s"
        way = "its ProxyCommand was started" if target.proxy_command else f"{_at(target)} accepted the connection"
        return f"{way}, but no SSH server answered: {silence}"
    return f"the login at {_at(target)} was not finished: {wire.why or error or 'no answer'}"

"""How a host is reached: what the caller says, completed by ``~/.ssh/config``. docs/ssh.md lists what is read of it."""

from __future__ import annotations

import functools
import getpass
import glob
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import paramiko
from msgspec import Struct

__all__ = ["Address", "HostKeyPolicy", "Target", "resolve"]

HostKeyPolicy = Literal["yes", "accept-new", "no"]

_USER_CONFIG: Final = "~/.ssh/config"
_SYSTEM_CONFIG: Final = "/etc/ssh/ssh_config"
_DEFAULT_IDENTITIES: Final = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
_USER_KNOWN_HOSTS: Final = "~/.ssh/known_hosts ~/.ssh/known_hosts2"
_GLOBAL_KNOWN_HOSTS: Final = "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"
# Nobody can be asked, so "ask" is "yes".
_POLICIES: Final[dict[str, HostKeyPolicy]] = {
    "yes": "yes", "ask": "yes", "accept-new": "accept-new", "no": "no", "off": "no",
}  # fmt: skip
_HOP: Final = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^\]]+)\]|(?P<name>[^:@\[\]\s]+))(?::(?P<port>\d+))?/?"
)
_INCLUDE: Final = re.compile(r"\s*include(?:\s*=\s*|\s+)(?P<files>.+)", re.IGNORECASE)
_NO_WORD: Final = re.compile(r"""[\s\0-\x1f'"`$\\;&<>|(){}]""")  # as in OpenSSH
_DEEPEST: Final = 16  # files that include each other, as in OpenSSH


class Address(Struct, frozen=True):
    """A host as the user names it. What is None is looked up in the configuration of SSH.

    Attributes:
        hostname: The name of the host, or its alias in the configuration.
        username: Who logs in.
        port: The port of its sshd.
        identity: The file of the private key to log in with; no other key is tried then.
        gateway: The hosts to go through, as in ``ProxyJump``: ``[user@]host[:port]``, several with commas between.
        gateway_user: Who logs in at gateways that do not say.
        config: The file to read instead of ``$NETREEL_SSH_CONFIG`` or ``~/.ssh/config``.
        host_keys: Whether the host must be known ("yes"), may be new ("accept-new"), or is not checked ("no").
    """

    hostname: str
    username: str | None = None
    port: int | None = None
    identity: str | None = None
    gateway: str | None = None
    gateway_user: str | None = None
    config: str | None = None
    host_keys: HostKeyPolicy | None = None


@dataclass(frozen=True, slots=True)  # no Struct, of which every field counts when two are compared
class Target:
    """A host as a login needs it. Two that are equal can share a connection.

    Attributes:
        name: What messages call it.
        hostname: What to connect to.
        port: And where.
        username: Who logs in.
        identities: Files of private keys, in the order in which they are tried.
        certificates: Files of certificates for them, besides those that lie next to a key.
        use_agent: Whether keys of the agent that are in none of the files are tried as well.
        via: The host to go through.
        proxy_command: The command whose input and output is the connection.
        known_as: The name in files of known hosts.
        known_hosts: Those files; a new host is entered in the first.
        host_keys: What is asked of its host key.
        alive_interval: Seconds of silence after which it is asked whether it is there; 0 is never.
        alive_count: Silent intervals after which it is lost.
        connect_timeout: Seconds that each step of a login may take.
    """

    name: str = field(compare=False)
    hostname: str
    port: int
    username: str
    identities: tuple[str, ...]
    certificates: tuple[str, ...]
    use_agent: bool
    via: Target | None
    proxy_command: str | None
    known_as: str
    known_hosts: tuple[str, ...]
    host_keys: HostKeyPolicy
    alive_interval: float
    alive_count: int
    connect_timeout: float

    def __str__(self) -> str:
        return f"{self.username}@{self.hostname} port {self.port}"


def resolve(address: Address) -> Target:
    """Completes an address by the configuration.

    Raises:
        ValueError: the address or the configuration cannot be: the message says where, and what would be right.
    """
    path = address.config or os.environ.get("NETREEL_SSH_CONFIG")
    return _Resolver(path).target(address, ())


class _Resolver:
    """The configuration, read once for a host and all its gateways."""

    def __init__(self, path: str | None) -> None:
        self._where = path or _USER_CONFIG
        # Of what is said twice the first counts, so the system's file comes after the user's own.
        text = _read(Path(path).expanduser(), must=True) if path else f"{_read_user()}\nHost *\n{_read_system()}"
        try:
            self._config = _parse(text)
        except paramiko.ConfigParseError as error:
            raise ValueError(f"{self._where}: {error}") from error

    def target(self, address: Address, behind: tuple[str, ...]) -> Target:
        """The host of an address, which is the gateway of the last of `behind`."""
        _check_word("hostname", address.hostname)
        if address.hostname in behind:
            raise ValueError(f"gateways go in a circle: {' -> '.join((*behind, address.hostname))}")
        said = self._look_up(address)
        port = address.port or int(self._number(said, "port", 22))
        if not 0 < port < 65536:
            raise ValueError(f"port {port} of {address.hostname}: must be from 1 to 65535")
        hostname, username = said["hostname"], address.username or said.get("user") or getpass.getuser()
        _check_word("username", username)
        alias = said.get("hostkeyalias") or hostname
        certificate = said.get("certificatefile")
        return Target(
            name=address.hostname,
            hostname=hostname,
            port=port,
            username=username,
            identities=self._identities(address, said),
            certificates=(str(Path(certificate).expanduser()),) if certificate else (),
            use_agent=not address.identity and said.get("identitiesonly", "no") != "yes",
            via=self._gateway(address, said, behind),
            proxy_command=None if address.gateway else said.get("proxycommand"),
            known_as=(alias if port == 22 or "hostkeyalias" in said else f"[{alias}]:{port}").lower(),
            known_hosts=_files(said.get("userknownhostsfile", _USER_KNOWN_HOSTS))
            + _files(said.get("globalknownhostsfile", _GLOBAL_KNOWN_HOSTS)),
            host_keys=address.host_keys or self._policy(said),
            alive_interval=self._number(said, "serveraliveinterval", 15),
            alive_count=max(1, int(self._number(said, "serveralivecountmax", 3))),
            connect_timeout=self._number(said, "connecttimeout", 15) or 15,
        )

    def _look_up(self, address: Address) -> dict[str, str]:
        try:
            return self._config.lookup(address.hostname)
        except (paramiko.ssh_exception.CouldNotCanonicalize, ImportError, KeyError, ValueError) as error:
            raise ValueError(f"{self._where}: what it says of {address.hostname} cannot be used: {error}") from error

    def _gateway(self, address: Address, said: dict[str, str], behind: tuple[str, ...]) -> Target | None:
        jump = address.gateway or said.get("proxyjump") or "none"
        if jump.lower() == "none":
            return None
        *first, last = jump.split(",")
        hop = _HOP.fullmatch(last.strip())
        if hop is None:
            raise ValueError(f"gateway {last!r} of {address.hostname}: must be [user@]host[:port], with commas between")
        hostname = hop["v6"] or hop["name"]
        gateway = Address(
            hostname=hostname,
            username=hop["user"] or address.gateway_user,
            port=int(hop["port"]) if hop["port"] else None,
            # The key that the user has given is all that is known to work, unless the gateway has one of its own.
            identity=None if "identityfile" in self._config.lookup(hostname) else address.identity,
            gateway=",".join(first) or None,
            gateway_user=address.gateway_user,
            host_keys=address.host_keys,
        )
        return self.target(gateway, (*behind, address.hostname))

    def _identities(self, address: Address, said: dict[str, str]) -> tuple[str, ...]:
        named = [address.identity] if address.identity else list(said.get("identityfile", ()))
        return tuple(str(Path(name).expanduser()) for name in named or _DEFAULT_IDENTITIES)

    def _policy(self, said: dict[str, str]) -> HostKeyPolicy:
        word = said.get("stricthostkeychecking", "ask").lower()
        if word not in _POLICIES:
            raise ValueError(f"{self._where}: StrictHostKeyChecking {word!r}: must be one of {', '.join(_POLICIES)}")
        return _POLICIES[word]

    def _number(self, said: dict[str, str], key: str, default: float) -> float:
        word = said.get(key, str(default))
        if not word.replace(".", "", 1).isdecimal():
            raise ValueError(f"{self._where}: {key} {word!r}: must be a number")
        return float(word)


def _check_word(what: str, word: str) -> None:
    """Refuses what no host and no user is called, and what would mean something to the shell of a ProxyCommand."""
    if not word or word.startswith("-") or _NO_WORD.search(word):
        raise ValueError(f"{what} {word!r}: must be a name or an address, without blanks and characters of the shell")


@functools.lru_cache(maxsize=8)
def _parse(text: str) -> paramiko.SSHConfig:
    """What a configuration says. Hosts share it, and parsing takes as long as looking a host up."""
    return paramiko.SSHConfig.from_text(text)


def _files(words: str) -> tuple[str, ...]:
    return tuple(str(Path(word).expanduser()) for word in shlex.split(words) if word != "none")


def _read_user() -> str:
    return _read(Path(_USER_CONFIG).expanduser(), must=False)


def _read_system() -> str:
    return _read(Path(_SYSTEM_CONFIG), must=False)


def _read(path: Path, *, must: bool, depth: int = 0) -> str:
    """The text of a file, with those that it includes put in their places."""
    if depth > _DEEPEST:
        raise ValueError(f"{path}: files of configuration include each other more than {_DEEPEST} deep")
    try:
        lines = path.read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        if must:
            raise ValueError(f"{path}: there is no such file of SSH configuration") from None
        return ""
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    return "\n".join(_included(line, path, depth) for line in lines)


def _included(line: str, path: Path, depth: int) -> str:
    match = _INCLUDE.fullmatch(line)
    if match is None:
        return line
    base = path.parent if depth or path.parent == Path("/etc/ssh") else Path("~/.ssh").expanduser()
    patterns = [str(base / Path(word).expanduser()) for word in shlex.split(match["files"])]
    found = [Path(name) for pattern in patterns for name in sorted(glob.glob(pattern))]  # noqa: PTH207 - absolute ones
    return "\n".join(_read(file, must=False, depth=depth + 1) for file in found)

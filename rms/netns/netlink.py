"""The sentences of ``ip`` that most networks are made of, said to the kernel without a process for them.

    link add NAME [address MAC] [mtu BYTES] [netns FILE] type veth peer name NAME [address …] [mtu …] [netns FILE]
    link add NAME type bridge [forward_delay N] [stp_state N] [vlan_filtering N] [mcast_snooping N]
    link set NAME [up | down] [mtu BYTES] [master NAME] [addrgenmode none] [gso_max_segs N] [type bridge …]
    link delete NAME
    address {add | replace | delete} ADDRESS dev NAME [brd + | nodad]
    route {add | replace | delete} {NETWORK | default} [via ROUTER] dev NAME [metric N]

Whatever else is asked for is `Unknown` here, and for ``ip`` to say. Messages are those of rtnetlink(7); the numbers are
from linux/rtnetlink.h, linux/if_link.h and linux/if_addr.h.
"""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, suppress
from errno import ENODEV, ENOENT
from struct import calcsize, error, pack, unpack_from

TYPE_CHECKING = False  # to import typing takes longer than most of what this does
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What is asked for, and how.
NEW_LINK, DELETE_LINK, NEW_ADDRESS, DELETE_ADDRESS, NEW_ROUTE, DELETE_ROUTE = 16, 17, 20, 21, 24, 25
NEW_QUEUE, ROOT = 36, 0xFFFFFFFF
REQUEST, ACKNOWLEDGE, REPLACE, EXCLUSIVE, CREATE = 0x1, 0x4, 0x100, 0x200, 0x400
ERROR, CAPPED, EXPLAINED, WHY = 2, 0x100, 0x200, 1
EXTENDED_ACK = 11  # NETLINK_EXT_ACK: errors come with a reason
SOL_NETLINK = 270
HEADER = "=IHHII"

# Attributes of links (IFLA_*).
MAC, NAME, MTU, MASTER, INFO, BY_FAMILY, NAMESPACE, SEGMENTS = 1, 3, 4, 10, 18, 26, 28, 40
KIND, DATA, PEER, GENERATED, NONE = 1, 2, 1, 8, 1
BRIDGE = {"forward_delay": (1, "=I"), "stp_state": (5, "=I"), "vlan_filtering": (7, "=B"), "mcast_snooping": (23, "=B")}
UP = 1

# Attributes of addresses (IFA_*) and routes (RTA_*).
ADDRESS, LOCAL, BROADCAST, NO_DETECTION = 1, 2, 4, 2
TO, THROUGH, GATEWAY, PRIORITY = 1, 4, 5, 6
MAIN_TABLE, BY_HAND, UNICAST, EVERYWHERE, ON_LINK, NOWHERE = 254, 3, 1, 0, 253, 255
LARGEST = 1 << 16


class Unknown(Exception):
    """It is no sentence of these."""


class Refused(Exception):
    """The kernel says no: its number for why, and its words."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why


def attribute(kind: int, value: bytes) -> bytes:
    """One, with its length, filled up to four bytes."""
    return pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


class Netlink:
    """The network namespace that the calling thread is in when it makes this, and stays in while it uses this."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)  # NETLINK_ROUTE
        with suppress(OSError):  # before Linux 4.12 errors are numbers only
            self._socket.setsockopt(SOL_NETLINK, EXTENDED_ACK, 1)
        self._files = ExitStack()  # those that a message is about to name

    def close(self) -> None:
        """Let it go."""
        self._socket.close()

    def say(self, sentence: str) -> None:
        """Have one sentence done.

        Raises:
            Unknown: it is none of those above. Nothing was done.
            Refused: the kernel does not do it.
        """
        words = sentence.split()
        act = SENTENCES.get(tuple(words[:2]))
        if act is None:
            raise Unknown(sentence)
        try:
            with self._files:
                act(self, words[1], iter(words[2:]))
        except (LookupError, OSError, StopIteration, ValueError, error) as wrong:  # ip has the words for it
            raise Unknown(sentence) from wrong

    def has_queue(self, kind: str) -> bool:
        """Whether this kernel knows a kind of queue. Without its settings it makes none, and says so."""
        body = pack("=BxxxiIII", socket.AF_UNSPEC, index("lo"), 0, ROOT, 0)
        try:
            self._ask(NEW_QUEUE, CREATE | EXCLUSIVE, body + attribute(KIND, kind.encode() + b"\0"))
        except Refused as refused:
            return refused.code != ENOENT
        return True

    # --- links --------------------------------------------------------------------------------------------------

    def _add_link(self, _: str, words: Iterator[str]) -> None:
        self._ask(NEW_LINK, CREATE | EXCLUSIVE, self._link(next(words), words))

    def _set_link(self, _: str, words: Iterator[str]) -> None:
        self._ask(NEW_LINK, 0, self._link(next(words), words))

    def _delete_link(self, _: str, words: Iterator[str]) -> None:
        self._ask(DELETE_LINK, 0, self._link(next(words), words))

    def _link(self, name: str, words: Iterator[str]) -> bytes:
        """A description of a link: up or not, and its attributes."""
        told, flags, changed = attribute(NAME, name.encode() + b"\0"), 0, 0
        for word in words:
            if word in ("up", "down"):
                flags, changed = UP if word == "up" else 0, UP
            elif word == "type":
                told += attribute(INFO, self._kind(next(words), words))
            elif word == "addrgenmode":
                told += self._generated(next(words))
            else:
                told += self._of_link(word, next(words))
        return pack("=BxHiII", socket.AF_UNSPEC, 0, 0, flags, changed) + told

    def _of_link(self, word: str, value: str) -> bytes:
        if word == "address":
            return attribute(MAC, bytes.fromhex(value.replace(":", "")))
        if word == "netns" and "/" in value:
            file = os.open(value, os.O_RDONLY | os.O_CLOEXEC)
            self._files.callback(os.close, file)
            return attribute(NAMESPACE, pack("=I", file))
        if word == "master":
            return attribute(MASTER, pack("=I", index(value)))
        if word in ("mtu", "gso_max_segs"):
            return attribute(MTU if word == "mtu" else SEGMENTS, pack("=I", int(value)))
        raise Unknown(word)

    def _generated(self, how: str) -> bytes:
        """How it makes IPv6 addresses of its own."""
        if how != "none":
            raise Unknown(how)
        return attribute(BY_FAMILY, attribute(socket.AF_INET6, attribute(GENERATED, pack("=B", NONE))))

    def _kind(self, kind: str, words: Iterator[str]) -> bytes:
        data = b""
        if kind == "bridge":
            for word in words:
                if word not in BRIDGE:
                    raise Unknown(word)
                number, form = BRIDGE[word]
                data += attribute(number, pack(form, int(next(words))))
        elif kind == "veth" and [next(words, ""), next(words, "")] == ["peer", "name"]:
            data = attribute(PEER, self._link(next(words), words))
        else:
            raise Unknown(kind)
        return attribute(KIND, kind.encode()) + attribute(DATA, data)

    # --- addresses and routes -----------------------------------------------------------------------------------

    def _address(self, verb: str, words: Iterator[str]) -> None:
        family, address, length = network(next(words))
        told, flags, device = attribute(LOCAL, address) + attribute(ADDRESS, address), 0, ""
        for word in words:
            if word == "nodad":
                flags = NO_DETECTION
            elif word == "dev":
                device = next(words)
            elif word == "brd" and next(words) == "+" and family == socket.AF_INET:
                told += attribute(BROADCAST, broadcast(address, length)) if length < 31 else b""
            else:
                raise Unknown(word)
        body = pack("=BBBBI", family, length, flags, EVERYWHERE, index(device)) + told
        self._ask(DELETE_ADDRESS if verb == "delete" else NEW_ADDRESS, _how(verb), body)

    def _route(self, verb: str, words: Iterator[str]) -> None:
        to, given = next(words), {word: next(words) for word in words}
        if set(given) - {"via", "dev", "metric"}:
            raise Unknown(verb)
        router = network(given["via"])[:2] if "via" in given else None
        family, address, length = (router[0] if router else socket.AF_INET, b"", 0) if to == "default" else network(to)
        if router and router[0] != family:
            raise Unknown("via")  # of the other version of IP
        told = attribute(TO, address) if length else b""
        told += attribute(THROUGH, pack("=I", index(given["dev"])))
        told += attribute(GATEWAY, router[1]) if router else b""
        told += attribute(PRIORITY, pack("=I", int(given["metric"]))) if "metric" in given else b""
        if verb == "delete":
            how = (0, NOWHERE, 0)
        else:
            how = (BY_HAND, ON_LINK if not router and family == socket.AF_INET else EVERYWHERE, UNICAST)
        body = pack("=BBBBBBBBI", family, length, 0, 0, MAIN_TABLE, *how, 0) + told
        self._ask(DELETE_ROUTE if verb == "delete" else NEW_ROUTE, _how(verb), body)

    # --- the kernel ---------------------------------------------------------------------------------------------

    def _ask(self, kind: int, how: int, body: bytes) -> None:
        length = calcsize(HEADER) + len(body)
        self._socket.send(pack(HEADER, length, kind, REQUEST | ACKNOWLEDGE | how, 0, 0) + body)
        said = self._socket.recv(LARGEST)
        _, kind, flags, _, _ = unpack_from(HEADER, said)
        code: int = -unpack_from("=i", said, calcsize(HEADER))[0]
        if kind == ERROR and code:
            raise Refused(code, f"{os.strerror(code)}{reason(said, flags)}")


def _how(verb: str) -> int:
    return {"add": CREATE | EXCLUSIVE, "replace": CREATE | REPLACE}.get(verb, 0)


def index(name: str) -> int:
    """The number of an interface.

    Raises:
        Refused: there is none of this name.
    """
    try:
        return socket.if_nametoindex(name)
    except OSError as missing:
        raise Refused(missing.errno or ENODEV, f'Cannot find device "{name}"') from None


def network(text: str) -> tuple[int, bytes, int]:
    """Version of IP, address, and length of the prefix."""
    address, _, length = text.partition("/")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    return family, packed, int(length or 8 * len(packed))


def broadcast(address: bytes, length: int) -> bytes:
    """The last address of an IPv4 network."""
    last: int = unpack_from("!I", address)[0] | (1 << (32 - length)) - 1
    return pack("!I", last)


def reason(said: bytes, flags: int) -> str:
    """What the kernel says of an error, after its number."""
    if not flags & EXPLAINED:
        return ""
    start = calcsize(HEADER) + 4  # then comes what was asked for, or only its header
    start += calcsize(HEADER) if flags & CAPPED else unpack_from("=I", said, start)[0]
    while start + 4 <= len(said):
        length, kind = unpack_from("=HH", said, start)
        if kind == WHY:
            return ": " + said[start + 4 : start + length].rstrip(b"\0").decode()
        start += length + -length % 4
    return ""


SENTENCES: dict[tuple[str, ...], Callable[[Netlink, str, Iterator[str]], None]] = {
    ("link", "add"): Netlink._add_link,
    ("link", "set"): Netlink._set_link,
    ("link", "delete"): Netlink._delete_link,
    **{("address", verb): Netlink._address for verb in ("add", "replace", "delete")},
    **{("route", verb): Netlink._route for verb in ("add", "replace", "delete")},
}

"""`linux::Ping`: echo requests, with the ping of iputils."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from engine.rm.attributes import attr
from rms.linux._tool import Tool, early_start, no_option, option, switch
from rms.linux.application import check_codes

_HEADER: Final = re.compile(r"PING (?P<target>\S+?) ?\((?P<address>[^)]+)\)")
_REPLY: Final = re.compile(
    r"(?:\[(?P<timestamp>[0-9.]+)\] )?(?P<bytes>\d+) bytes from (?P<from>.+?): (?:icmp_)?seq=(?P<seq>\d+)"
    r"(?: ttl=(?P<ttl>\d+))?(?: time=(?P<time>[0-9.]+) ?ms)?(?P<duplicate> \(DUP!\))?"
)
_COUNTS: Final = re.compile(r"(?P<transmitted>\d+) packets transmitted, (?P<received>\d+) (?:packets )?received")
_EXTRA: Final = re.compile(r"\+(\d+) (duplicates|errors|corrupted)")
_RTT: Final = re.compile(r"(?:rtt|round-trip) min/avg/max(?:/mdev)? = ([0-9.]+)/([0-9.]+)/([0-9.]+)(?:/([0-9.]+))? ms")


class Ping(Tool, rtype="linux::Ping"):
    """Echo requests to a host. No answer at all is a result, and no failure."""

    target: str = attr(check=no_option, help="Name or address of the host to be asked.")
    count: int | None = option("-c", "Stop after so many requests.", ge=1)
    interval: float | None = option("-i", "Seconds between two requests.", ge=0)
    address: str | None = option("-I", "Address or interface to send from.")
    packet_size: int | None = option("-s", "Bytes of data in a request.", ge=0)
    ttl: int | None = option("-t", "Time to live of a request.", ge=0, le=255)
    tos: str | None = option("-Q", "Type of service, as a number or 0x…")
    mark: str | None = option("-m", "Mark of the packets, for policy routing.")
    preload: int | None = option("-l", "Send so many requests without waiting for answers.", ge=1)
    pattern: str | None = option("-p", "Up to 16 bytes to fill the packet with, in hex.")
    deadline: int | None = option("-w", "Seconds after which it ends, whatever was sent.", ge=0)
    timeout: float | None = option("-W", "Seconds to wait for an answer.", ge=0)
    hint: str | None = option("-M", "Path MTU discovery.", choices=("do", "dont", "want", "probe"))
    timestamp: str | None = option("-T", "IP timestamps.", choices=("tsonly", "tsandaddr", "tsprespec"))
    flow_label: str | None = option("-F", "IPv6 flow label, in hex.")
    identifier: int | None = option("-e", "Identifier of the requests.", ge=0)
    node_info: str | None = option("-N", "IPv6 node information query.")
    send_buff: int | None = option("-S", "Size of the socket's send buffer in bytes.", ge=1)
    ipv4: bool = switch("-4", "IPv4 only.")
    ipv6: bool = switch("-6", "IPv6 only.")
    adaptive: bool = switch("-A", "Send the next request when an answer has come.")
    audible: bool = switch("-a", "A beep for each answer.")
    broadcast: bool = switch("-b", "Allow a broadcast address.")
    sticky: bool = switch("-B", "Keep the source address of the first request.")
    debug: bool = switch("-d", "Set SO_DEBUG on the socket.")
    numeric: bool = switch("-n", "Look up no names.")
    quiet: bool = switch("-q", "Say nothing but the summary.")
    record_route: bool = switch("-R", "Record the route in the packets.")
    route_bypass: bool = switch("-r", "Bypass the routing tables.")
    full_latency: bool = switch("-U", "Measure from user to user.")
    verbose: bool = switch("-v", "Tell other ICMP packets, too.")
    flood: bool = switch("-f", "Send as fast as answers come.")
    loopback_off: bool = switch("-L", "Do not loop multicast back.")
    outstanding: bool = switch("-O", "Tell of an answer that has not come before the next request.")
    print_timestamp: bool = switch("-D", "The time before each line, in seconds since 1970.")
    early_start: bool = early_start()
    ok_codes: list[int] = attr(
        default=[0, 1], check=check_codes, help="Exit statuses that are no failure; 1: not all have answered."
    )

    program = "ping"
    packages: ClassVar = {"apt-get": "iputils-ping", "": "iputils"}
    stop_signal = "INT"  # by which it tells the summary

    def arguments(self) -> list[str]:
        """See `Tool.arguments`."""
        return [self.target]

    def time_limit(self) -> None:
        """None: its `timeout` is another one, and `deadline` is this."""

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse(output)


def parse(output: str) -> dict[str, Any]:
    """What ping says, with times in milliseconds.

    Returns:
        ``target address transmitted received duplicates errors corrupted loss`` (0 to 1), ``rtt`` (``min avg max
        mdev``) and ``replies``, each with ``seq from bytes ttl time timestamp duplicate``. None stands for what is not
        said.
    """
    header = _HEADER.search(output)
    counts = _COUNTS.search(output)
    sent, got = (int(counts["transmitted"]), int(counts["received"])) if counts else (None, None)
    extra = {word: int(number) for number, word in _EXTRA.findall(output)}
    rtt = _RTT.search(output)
    return {
        "target": header["target"] if header else None,
        "address": header["address"] if header else None,
        "transmitted": sent,
        "received": got,
        **{word: extra.get(word, 0) for word in ("duplicates", "errors", "corrupted")},
        "loss": (sent - got) / sent if sent and got is not None else None,
        "rtt": dict(zip(("min", "avg", "max", "mdev"), map(_float, rtt.groups()), strict=True)) if rtt else None,
        "replies": [_reply(match) for match in _REPLY.finditer(output)],
    }


def _reply(match: re.Match[str]) -> dict[str, Any]:
    return {
        "seq": int(match["seq"]),
        "from": match["from"],
        "bytes": int(match["bytes"]),
        "ttl": int(match["ttl"]) if match["ttl"] else None,
        "time": _float(match["time"]),
        "timestamp": _float(match["timestamp"]),
        "duplicate": bool(match["duplicate"]),
    }


def _float(text: str | None) -> float | None:
    return None if text is None else float(text)

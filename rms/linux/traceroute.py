"""`linux::Traceroute` and `linux::Mtr`: the way to a host."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar, Final

from engine.rm.attributes import attr
from rms.linux._tool import Rounds, early_start, no_option, option, switch

_HEADER: Final = re.compile(r"traceroute to (?P<target>\S+) \((?P<address>[^)]+)\), (?P<max>\d+) hops max")
_STAMP: Final = re.compile(r"\d+\.\d+")
_HOP: Final = re.compile(r" *(?P<hop>\d+)  (?P<rest>.*)")
_WORD: Final = re.compile(
    r"(?P<lost>\*)|(?P<time>[0-9.]+) ms|(?P<note>![A-Z0-9<>-]*)"
    r"|(?P<name>[^\s(]+) \((?P<inside>[^)]+)\)|(?P<address>\S+)"
)


class Traceroute(Rounds, rtype="linux::Traceroute"):
    """The routers on the way to a host, each with its round-trip times."""

    target: str = attr(check=no_option, help="Name or address of the host.")
    use_ip: bool = switch("-n", "Look up no names.")
    ipv4: bool = switch("-4", "IPv4 only.")
    ipv6: bool = switch("-6", "IPv6 only.")
    dont_fragment: bool = switch("-F", "Do not fragment packets.")
    icmp: bool = switch("-I", "Send ICMP echo requests.")
    tcp: bool = switch("-T", "Send TCP SYN packets.")
    udp: bool = switch("-U", "Send UDP packets to one port.")
    udplite: bool = switch("-UL", "Send UDPLITE packets.")
    dccp: bool = switch("-D", "Send DCCP requests.")
    route_bypass: bool = switch("-r", "Bypass the routing tables.")
    extensions: bool = switch("-e", "Tell ICMP extensions.")
    as_path_lookups: bool = switch("-A", "Look up the networks that the addresses are of.")
    mtu: bool = switch("--mtu", "Find the MTU on the way.")
    back: bool = switch("--back", "Tell the guessed number of hops back.")
    debug: bool = switch("-d", "Set SO_DEBUG on the socket.")
    first: int | None = option("-f", "Time to live to begin with.", ge=1)
    gateway: str | None = option("-g", "Routers to go through, separated by commas.")
    interface: str | None = option("-i", "Interface to send from.")
    max_hops: int | None = option("-m", "Greatest time to live.", ge=1, le=255)
    sim_queries: int | None = option("-N", "How many probes are under way at once.", ge=1)
    port: int | None = option("-p", "Port of the destination.", ge=0, le=65535)
    tos: int | None = option("-t", "Type of service.", ge=0, le=255)
    flow_label: int | None = option("-l", "IPv6 flow label.", ge=0)
    wait: str | None = option("-w", "Seconds to wait for an answer: MAX[,HERE,NEAR].")
    queries: int | None = option("-q", "Probes for each hop.", ge=1, le=10)
    source: str | None = option("-s", "Address to send from.")
    send_wait: float | None = option("-z", "Least time between two probes: seconds, above 10 milliseconds.", ge=0)
    module: str | None = option("-M", "Method.")
    module_options: str | None = option("-O", "Options of the method.")
    protocol: str | None = option("-P", "Raw packets of this protocol.")
    sport: int | None = option("--sport=", "Port of the source.", ge=0, le=65535)
    fwmark: str | None = option("--fwmark=", "Mark of the packets, for policy routing.")
    packet_size: int | None = attr(default=None, ge=0, help="Bytes in a packet, headers included.")
    early_start: bool = early_start()

    program = "traceroute"
    packages: ClassVar = {"": "traceroute"}

    def arguments(self) -> list[str]:
        """See `Tool.arguments`."""
        return [self.target, *([] if self.packet_size is None else [str(self.packet_size)])]

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse(output)


def parse(output: str) -> dict[str, Any]:
    """What traceroute says, with times in milliseconds.

    Returns:
        ``rounds``, each with ``target address max_hops timestamp`` and ``hops``: ``hop`` and ``probes``, each with
        ``name address time note``. A probe that nobody answered has None in all of them.
    """
    rounds: list[dict[str, Any]] = []
    stamp: float | None = None
    for line in output.splitlines():
        if _STAMP.fullmatch(line):
            stamp = float(line)
        elif header := _HEADER.match(line):
            target, address, most = header.groups()
            rounds.append({"target": target, "address": address, "max_hops": int(most), "timestamp": stamp, "hops": []})
        elif rounds and (hop := _HOP.fullmatch(line)):
            rounds[-1]["hops"].append({"hop": int(hop["hop"]), "probes": _probes(hop["rest"])})
    return {"rounds": rounds}


def _probes(text: str) -> list[dict[str, Any]]:
    probes: list[dict[str, Any]] = []
    name = address = None
    for match in _WORD.finditer(text):
        if match["lost"]:
            probes.append({"name": None, "address": None, "time": None, "note": None})
        elif match["time"]:
            probes.append({"name": name, "address": address, "time": float(match["time"]), "note": None})
        elif match["note"] and probes:
            probes[-1]["note"] = match["note"]
        else:
            name, address = (match["name"], match["inside"]) if match["name"] else (None, match["address"])
    return probes


class Mtr(Rounds, rtype="linux::Mtr"):
    """The routers on the way to a host, each with how many probes it lost and how long the others took."""

    target: str = attr(check=no_option, help="Name or address of the host.")
    report_cycles: int | None = option("-c", "Probes for each hop.", ge=1)
    no_dns: bool = switch("-n", "Look up no names.")
    address: str | None = option("-a", "Address to send from.")
    interval: float | None = option("-i", "Seconds between two rounds.", ge=0)
    ipv4: bool = switch("-4", "IPv4 only.")
    ipv6: bool = switch("-6", "IPv6 only.")
    udp: bool = switch("-u", "Send UDP packets.")
    tcp: bool = switch("-T", "Send TCP SYN packets.")
    sctp: bool = switch("-S", "Send SCTP packets.")
    interface: str | None = option("-I", "Interface to send from.")
    first_ttl: int | None = option("-f", "Time to live to begin with.", ge=1)
    max_ttl: int | None = option("-m", "Greatest time to live.", ge=1, le=255)
    max_unknown: int | None = option("-U", "How many hops in a row may not answer.", ge=1)
    port: int | None = option("-P", "Port of the destination.", ge=0, le=65535)
    local_port: int | None = option("-L", "Port of the source.", ge=0, le=65535)
    packet_size: int | None = option("-s", "Bytes in a packet, headers included.")
    bit_pattern: int | None = option("-B", "Byte to fill the packets with.", ge=0, le=255)
    grace_time: float | None = option("-G", "Seconds to wait for the last answers.", ge=0)
    tos: int | None = option("-Q", "Type of service.", ge=0, le=255)
    mpls: bool = switch("-e", "Tell ICMP extensions.")
    probe_timeout: int | None = option("-Z", "Seconds to keep sockets of probes open.", ge=1)
    mark: str | None = option("-M", "Mark of the packets, for policy routing.")
    ip_info: int | None = option("-y", "What is told of an address.", ge=0, le=4)
    as_lookup: bool = switch("-z", "Tell the network of an address.")
    show_ips: bool = switch("-b", "Tell both the name and the address of a router.")
    order: str | None = option("-o", "What is told of a router, as letters: LSRDNBAWVGJMXI.")
    early_start: bool = early_start()

    program = "mtr"
    packages: ClassVar = {"apt-get": "mtr-tiny", "": "mtr"}

    def fixed(self) -> list[str]:
        """See `Tool.fixed`."""
        return ["--json"]

    def arguments(self) -> list[str]:
        """See `Tool.arguments`."""
        return [self.target]

    def complaint(self) -> str:
        """See `Tool.complaint`. It ends with status 0 even if it does not know its target, and then reports nothing."""
        return """{ [ -e stdout ] && ! grep -q '"report"' stdout; }"""

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse_mtr(output)


_COLUMNS: Final = {
    "count": "hop",
    "host": "host",
    "Loss%": "loss",
    "Snt": "sent",
    "Rcv": "received",
    "Drop": "dropped",
    "Last": "last",
    "Avg": "avg",
    "Best": "best",
    "Wrst": "worst",
    "StDev": "stdev",
    "Gmean": "gmean",
    "Jttr": "jitter",
    "Javg": "jitter_avg",
    "Jmax": "jitter_worst",
    "Jint": "jitter_interarrival",
}


def parse_mtr(output: str) -> dict[str, Any]:
    """What mtr says, with times in milliseconds.

    Returns:
        ``rounds``, each with ``target timestamp`` and ``hops``: ``hop host loss`` (0 to 1) ``sent last avg best worst
        stdev``, or what `Mtr.order` asks for.
    """
    rounds = []
    stamp: float | None = None
    decoder = json.JSONDecoder()
    rest = output.lstrip()
    while rest:
        if match := re.match(r"(\d+\.\d+)\n", rest):
            stamp, rest = float(match[1]), rest[match.end() :].lstrip()
            continue
        try:
            report, end = decoder.raw_decode(rest)
        except ValueError:
            break  # the report that is being written
        rounds.append(_round(report["report"], stamp))
        rest = rest[end:].lstrip()
    return {"rounds": rounds}


def _round(report: dict[str, Any], stamp: float | None) -> dict[str, Any]:
    hops = [{_COLUMNS.get(name, name): value for name, value in hub.items()} for hub in report["hubs"]]
    for hop in hops:
        if "loss" in hop:
            hop["loss"] /= 100
    return {"target": report["mtr"]["dst"], "timestamp": stamp, "hops": hops}

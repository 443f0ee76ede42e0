"""`linux::NPing`: packets of any kind to a host, with the nping of nmap."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from engine.rm.attributes import attr
from rms.linux._tool import Rounds, no_option, option, switch

_PACKET: Final = re.compile(r"(?P<what>SENT|RCVD|CONN) \((?P<time>[0-9.]+)s\) (?P<text>.*\S) *")
_RTT: Final = re.compile(r"Max rtt: (\S+)ms \| Min rtt: (\S+)ms \| Avg rtt: (\S+)ms")
_COUNTS: Final = (
    re.compile(r"packets sent: (?P<sent>\d+) .*?\| Rcvd: (?P<received>\d+) "),
    re.compile(r"connection attempts: (?P<sent>\d+) \| Successful connections: (?P<received>\d+) "),
)


class NPing(Rounds, rtype="linux::NPing"):
    """Packets of a chosen kind to a host, and the answers.

    Its echo mode is left out, since others can see the passphrase among a command's arguments.
    """

    target: str = attr(check=no_option, help="Names, addresses or networks of hosts, one of them as nping takes it.")
    sudo: bool = attr(default=True, help="Whether it runs as root, which all modes but tcp_connect need.")
    tcp_connect: bool = switch("--tcp-connect", "Connect to TCP ports.")
    tcp: bool = switch("--tcp", "Send TCP packets.")
    udp: bool = switch("--udp", "Send UDP packets.")
    icmp: bool = switch("--icmp", "Send ICMP packets.")
    arp: bool = switch("--arp", "Send ARP packets.")
    traceroute: bool = switch("--traceroute", "Let the time to live grow from packet to packet.")
    c: int | None = option("-c", "Stop after so many rounds.", ge=0)
    e: str | None = option("-e", "Interface to send from.")
    p: str | None = option("-p", "Ports of the destination, such as 80,8000-8010.")
    g: int | None = option("-g", "Port of the source.", ge=0, le=65535)
    delay: str | None = option("--delay", "Time between two probes, such as 500ms.")
    rate: int | None = option("--rate", "Probes in a second.", ge=1)
    ttl: int | None = option("--ttl", "Time to live.", ge=0, le=255)
    seq: int | None = option("--seq", "TCP sequence number.", ge=0)
    ack: int | None = option("--ack", "TCP acknowledgement number.", ge=0)
    flags: str | None = option("--flags", "TCP flags, such as syn,ack.")
    win: int | None = option("--win", "TCP window.", ge=0)
    bad_sum: bool = switch("--badsum", "Send a wrong checksum.")
    icmp_type: str | None = option("--icmp-type", "ICMP type.")
    icmp_code: str | None = option("--icmp-code", "ICMP code.")
    icmp_id: int | None = option("--icmp-id", "ICMP identifier.", ge=0)
    icmp_seq: int | None = option("--icmp-seq", "ICMP sequence number.", ge=0)
    icmp_redirect_addr: str | None = option("--icmp-redirect-addr", "Address in an ICMP redirect.")
    icmp_param_pointer: int | None = option("--icmp-param-pointer", "Pointer in an ICMP parameter problem.", ge=0)
    icmp_advert_lifetime: int | None = option("--icmp-advert-lifetime", "Lifetime of a router advertisement.", ge=0)
    icmp_advert_entry: str | None = option("--icmp-advert-entry", "Entry of a router advertisement: IP,preference.")
    icmp_orig_time: str | None = option("--icmp-orig-time", "ICMP originate timestamp.")
    icmp_recv_time: str | None = option("--icmp-recv-time", "ICMP receive timestamp.")
    icmp_trans_time: str | None = option("--icmp-trans-time", "ICMP transmit timestamp.")
    arp_type: str | None = option("--arp-type", "ARP, ARP-reply, RARP or RARP-reply.")
    arp_sender_mac: str | None = option("--arp-sender-mac", "MAC address of the sender.")
    arp_sender_ip: str | None = option("--arp-sender-ip", "IP address of the sender.")
    arp_target_mac: str | None = option("--arp-target-mac", "MAC address that is asked for.")
    arp_target_ip: str | None = option("--arp-target-ip", "IP address that is asked for.")
    source_ip: str | None = option("-S", "Address of the source.")
    dest_ip: str | None = option("--dest-ip", "Address of the destination.")
    tos: int | None = option("--tos", "Type of service.", ge=0, le=255)
    ip_id: int | None = option("--id", "IP identification.", ge=0)
    df: bool = switch("--df", "Set Don't Fragment.")
    mf: bool = switch("--mf", "Set More Fragments.")
    evil: bool = switch("--evil", "Set the reserved bit.")
    bad_sum_ip: bool = switch("--badsum-ip", "Send a wrong IP checksum.")
    ip_options: str | None = option("--ip-options", "IP options.")
    mtu: int | None = option("--mtu", "Largest packet that is not fragmented, in bytes.", ge=1)
    ipv6: bool = switch("-6", "Use IPv6.")
    hop_limit: int | None = option("--hop-limit", "IPv6 hop limit.", ge=0, le=255)
    traffic_class: int | None = option("--traffic-class", "IPv6 traffic class.", ge=0, le=255)
    flow: int | None = option("--flow", "IPv6 flow label.", ge=0)
    dest_mac: str | None = option("--dest-mac", "MAC address of the destination.")
    source_mac: str | None = option("--source-mac", "MAC address of the source.")
    ether_type: str | None = option("--ether-type", "Type in the Ethernet header.")
    data: str | None = option("--data", "Payload in hex.")
    data_string: str | None = option("--data-string", "Payload as text.")
    data_length: int | None = option("--data-length", "Random bytes of payload.", ge=0)
    hide_sent: bool = switch("--hide-sent", "Do not tell what is sent.")
    no_capture: bool = switch("--no-capture", "Do not look for answers.")
    privileged: bool = switch("--privileged", "Take the user for one who may do anything.")
    unprivileged: bool = switch("--unprivileged", "Take the user for one who may not send raw packets.")
    send_eth: bool = switch("--send-eth", "Send Ethernet frames.")
    send_ip: bool = switch("--send-ip", "Send by raw IP sockets.")
    bpf_filter: str | None = option("--bpf-filter", "Filter for the answers.")
    verbose: bool = switch("-v", "Tell more.")
    quiet: bool = switch("-q", "Tell less.")
    debug: bool = switch("-d", "Tell what is of use to its authors.")

    program = "nping"
    packages: ClassVar = {"apt-get": "nmap", "pacman": "nmap", "apk": "nmap-nping", "": "nmap"}

    def arguments(self) -> list[str]:
        """See `Tool.arguments`."""
        return [self.target]

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse(output)


def parse(output: str) -> dict[str, Any]:
    """What nping says, with round-trip times in milliseconds.

    Returns:
        ``sent received loss`` (0 to 1) of all rounds together, ``rtt`` (``min avg max``) of the last one, and
        ``packets``, each with ``what`` (SENT, RCVD or CONN), ``time`` in seconds since its round began, and ``text``.
    """
    found = [match for pattern in _COUNTS for match in pattern.finditer(output)]
    sent, received = (sum(int(match[name]) for match in found) for name in ("sent", "received"))
    rtts = _RTT.findall(output)
    packets = [
        {"what": match["what"], "time": float(match["time"]), "text": match["text"]}
        for match in _PACKET.finditer(output)
    ]
    return {
        "sent": sent if found else None,
        "received": received if found else None,
        "loss": (sent - received) / sent if sent else None,
        "rtt": _rtt(*rtts[-1]) if rtts and rtts[-1][0] != "N/A" else None,
        "packets": packets,
    }


def _rtt(most: str, least: str, mean: str) -> dict[str, float]:
    return {"min": float(least), "avg": float(mean), "max": float(most)}

"""`linux::Iperf3` and `linux::UdpTest`: throughput between two hosts, with iperf3."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Final

from engine.core.errors import BadState
from rms.linux._tool import Tool, listening, no_option, option, switch

_PORT: Final = 5201

_SAY_ERROR: Final = r"""{
	why=$(sed -n '/"interrupt/!s/^	"error":	"\(.*\)".*/iperf3: \1/p' stdout 2>/dev/null | tail -n 1)
	[ -n "$why" ] && printf '%s\n' "$why" >&2
}"""
"""Says what is wrong, which iperf3 does in its JSON only, where it ends with status 0 whatever comes."""


class Iperf3(Tool, rtype="linux::Iperf3"):
    """One end of a measurement: a server, or a client of one. It has the options of iperf3, by their long names.

    The password of a ``username`` is what ``secret`` names.
    """

    server: bool = switch("-s", "Whether it is the server.")
    client: str | None = option("-c", "Name or address of the server: it is a client.", check=no_option)
    port: int | None = option("-p", "Port of the server.", ge=1, le=65535)
    format: str | None = option("-f", "Unit of rates.", choices=tuple("kmgtKMGT"))
    interval: float | None = option("-i", "Seconds between two reports.", ge=0)
    pidfile: str | None = option("-I", "File for its process number.")
    file: str | None = option("-F", "File on the host to send, or to put what is received into.")
    affinity: str | None = option("-A", "Processors to run on.")
    bind_address: str | None = option("-B", "Address to bind to.")
    bind_dev: str | None = option("--bind-dev", "Interface to bind to.")
    verbose: bool = switch("-V", "Tell more.")
    json: bool = switch("-J", "Tell it as JSON, from which the result is read.", default=True)
    logfile: str | None = option("--logfile", "File for its output.")
    force_flush: bool = switch("--forceflush", "Tell each report as it comes.")
    timestamps: bool = switch("--timestamps", "The time before each line.")
    rcv_timeout: int | None = option("--rcv-timeout", "Milliseconds to wait for data.", ge=1)
    snd_timeout: int | None = option("--snd-timeout", "Milliseconds to wait for acknowledgements.", ge=1)
    debug: bool = switch("-d", "Tell what is of use to its authors.")
    one_off: bool = switch("-1", "Serve one client, then end.")
    server_bitrate_limit: str | None = option("--server-bitrate-limit", "Greatest rate that the server takes.")
    idle_timeout: int | None = option("--idle-timeout", "Seconds without a client until it starts anew.", ge=1)
    sctp: bool = switch("--sctp", "Use SCTP.")
    xbind: list[str] | None = option("-X", "Addresses for SCTP to bind to.")
    nstreams: int | None = option("--nstreams", "SCTP streams.", ge=1)
    udp: bool = switch("-u", "Use UDP.")
    connect_timeout: int | None = option("--connect-timeout", "Milliseconds to wait for the server.", ge=1)
    bitrate: str | None = option("-b", "Rate to send at, such as 10M.")
    pacing_timer: str | None = option("--pacing-timer", "Microseconds between two decisions to send.")
    fq_rate: str | None = option("--fq-rate", "Rate for the kernel to pace at.")
    time: int | None = option("-t", "Seconds to send for.", ge=0)
    bytes: str | None = option("-n", "Bytes to send.")
    blockcount: str | None = option("-k", "Blocks to send.")
    length: str | None = option("-l", "Bytes in a block, or in a datagram.")
    cport: int | None = option("--cport", "Port of the client.", ge=1, le=65535)
    parallel: int | None = option("-P", "Streams at once.", ge=1)
    reverse: bool = switch("-R", "The server sends.")
    bidir: bool = switch("--bidir", "Both send.")
    window: str | None = option("-w", "Size of the socket's buffer.")
    congestion: str | None = option("-C", "TCP congestion control.")
    set_mss: int | None = option("-M", "Largest segment in bytes.", ge=1)
    no_delay: bool = switch("-N", "Do not collect small segments.")
    version4: bool = switch("-4", "IPv4 only.")
    version6: bool = switch("-6", "IPv6 only.")
    tos: str | None = option("-S", "Type of service.")
    dscp: str | None = option("--dscp", "Differentiated services code point.")
    flow_label: int | None = option("-L", "IPv6 flow label.", ge=0)
    zerocopy: bool = switch("-Z", "Send without copying.")
    omit: int | None = option("-O", "Seconds at the beginning that do not count.", ge=0)
    title: str | None = option("-T", "Text before each line.")
    extra_data: str | None = option("--extra-data", "Text to put into the JSON.")
    get_server_output: bool = switch("--get-server-output", "Fetch the server's report.")
    udp_counters_64bit: bool = switch("--udp-counters-64bit", "Count datagrams with 64 bits.")
    repeating_payload: bool = switch("--repeating-payload", "Send a pattern in place of random bytes.")
    dont_fragment: bool = switch("--dont-fragment", "Set Don't Fragment.")
    username: str | None = option("--username", "User to log in to the server as.")
    rsa_public_key_path: str | None = option("--rsa-public-key-path", "File on the host with the server's public key.")
    rsa_private_key_path: str | None = option("--rsa-private-key-path", "File on the host with the server's own key.")
    authorized_users_path: str | None = option("--authorized-users-path", "File on the host with who may log in.")
    time_skew_threshold: int | None = option(
        "--time-skew-threshold", "Seconds by which the clocks of both ends may differ for a login.", ge=1
    )

    program = "iperf3"
    packages: ClassVar = {"": "iperf3"}
    stop_signal = "INT"

    def check_possible(self) -> None:
        """See `Application.check_possible`."""
        super().check_possible()
        check_one_end(server=self.server, target=self.client, name="client")

    def prelude(self, *, from_file: bool) -> str:
        """See `Application.prelude`."""
        password = 'export IPERF3_PASSWORD="$SECRET"\n' if self.username and self.secret else ""
        return password + super().prelude(from_file=from_file)

    def ready_when(self) -> str | None:
        """See `Tool.ready_when`."""
        return listening(self.port or _PORT) if self.server else None

    def complaint(self) -> str | None:
        """See `Tool.complaint`."""
        return complaint(server=self.server) if self.json else None

    def parse(self, output: str) -> Any:
        """See `Tool.parse`."""
        return parse(output)


class UdpTest(Tool, rtype="linux::UdpTest"):
    """Throughput, loss and jitter of UDP. NEPI's options keep their letters where iperf3 can do the same."""

    s: bool = switch("-s", "Whether it is the server.")
    target: str | None = option("-c", "Name or address of the server: it is a client.", check=no_option)
    p: int | None = option("-p", "Port of the server.", ge=1, le=65535)
    l: int | None = option("-l", "Bytes in a datagram.", ge=16)  # noqa: E741 - it is called so
    b: str | None = option("-w", "Size of the socket's buffer in bytes.")
    t: int | None = option("-t", "Seconds to send for.", ge=0)
    i: bool = switch("--bidir", "Both send.")
    q: str | None = option("-S", "Type of service.")
    rate: str | None = option("-b", "Rate to send at, such as 10M; the tool's own is 1M, 0 is as fast as it can.")

    program = "iperf3"
    packages: ClassVar = {"": "iperf3"}
    stop_signal = "INT"

    def fixed(self) -> list[str]:
        """See `Tool.fixed`."""
        return ["-J"] if self.s else ["-J", "-u"]

    def check_possible(self) -> None:
        """See `Application.check_possible`."""
        super().check_possible()
        check_one_end(server=self.s, target=self.target, name="target")

    def ready_when(self) -> str | None:
        """See `Tool.ready_when`."""
        return listening(self.p or _PORT) if self.s else None

    def complaint(self) -> str | None:
        """See `Tool.complaint`."""
        return complaint(server=self.s)

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return {"tests": [summary(test) for test in parse(output)["tests"]]}


def check_one_end(*, server: bool, target: str | None, name: str) -> None:
    """Refuse what is neither a server nor a client, or both.

    Raises:
        BadState: it is.
    """
    if server == (target is not None):
        raise BadState(f"it is either the server or, with {name}, a client: set exactly one of the two")


def complaint(*, server: bool) -> str:
    """See `Tool.complaint`. That a client has left in the middle is no failure of the server."""
    return f"{{ {_SAY_ERROR}; false; }}" if server else _SAY_ERROR


def parse(output: str) -> dict[str, Any]:
    """What iperf3 says as JSON.

    Returns:
        ``tests``: one for a client, one for each client that a server has served, each as iperf3 has it. What is still
        being written is left out, and so is what a server says of its own end.
    """
    tests = []
    decoder = json.JSONDecoder()
    at = output.find("{")
    while at >= 0:
        try:
            test, end = decoder.raw_decode(output, at)
        except ValueError:
            break
        if not test.get("error", "").startswith("interrupt"):
            tests.append(test)
        at = output.find("{", end)
    return {"tests": tests}


def summary(test: dict[str, Any]) -> dict[str, Any]:
    """The gist of a UDP test.

    Returns:
        ``bits_per_second seconds bytes packets lost_packets loss`` (0 to 1), ``jitter`` in milliseconds and ``error``;
        None stands for what was not said.
    """
    end = test.get("end", {})
    total = end.get("sum_received") or end.get("sum") or {}
    percent = total.get("lost_percent")
    return {
        **{name: total.get(name) for name in ("bits_per_second", "seconds", "bytes", "packets", "lost_packets")},
        "loss": None if percent is None else percent / 100,
        "jitter": total.get("jitter_ms"),
        "error": test.get("error"),
    }

"""`linux::Tcpdump`: a capture of packets. Its options are called as tcpdump calls them."""

from __future__ import annotations

import re
from typing import Any, ClassVar, Final

from engine.rm.attributes import attr
from rms.linux._tool import Tool, option, switch

_COUNTS: Final = (
    ("captured", re.compile(r"(\d+) packets? captured")),
    ("received", re.compile(r"(\d+) packets? received by filter")),
    ("dropped", re.compile(r"(\d+) packets? dropped by kernel")),
    ("dropped_by_interface", re.compile(r"(\d+) packets? dropped by interface")),
)


class Tcpdump(Tool, rtype="linux::Tcpdump"):
    """A capture. It is running once this is STARTED, and complete once it is STOPPED.

    What it writes to a file by ``w`` is a trace of that name: ``ec.trace(guid, "a.pcap", TraceAttr.BYTES)``. Options
    with keys are left out, since others can see a command's arguments: decrypt when you read the capture.
    """

    expression: str = attr(default="", help="Which packets, as a filter of tcpdump.")
    sudo: bool = attr(default=True, help="Whether it runs as root, which capturing needs as a rule.")
    A: bool = switch("-A", "Print packets as text.")
    b: bool = switch("-b", "Print AS numbers in plain notation.")
    B: int | None = option("-B", "Size of the kernel's buffer in KiB; 65536 in immediate mode.", ge=1)
    c: int | None = option("-c", "Stop after so many packets.", ge=1)
    count: bool = switch("--count", "Print nothing but how many packets there are.")
    C: int | None = option("-C", "Begin another file after so many millions of bytes.", ge=1)
    d: bool = switch("-d", "Print the compiled filter, and end.")
    dd: bool = switch("-dd", "Print the compiled filter as C, and end.")
    ddd: bool = switch("-ddd", "Print the compiled filter as numbers, and end.")
    D: bool = switch("-D", "Print the interfaces, and end.")
    e: bool = switch("-e", "Print the header of the link layer.")
    f: bool = switch("-f", "Print foreign addresses as numbers.")
    F: str | None = option("-F", "File on the host with the filter.")
    G: int | None = option("-G", "Begin another file after so many seconds.", ge=1)
    H: bool = switch("-H", "Look for 802.11s mesh headers.")
    i: str | None = option("-i", "Interface, or any.")
    I: bool = switch("-I", "Put the interface into monitor mode.")  # noqa: E741 - it is called so
    immediate_mode: bool = switch(
        "--immediate-mode", "Take each packet as it comes; without, those of the last second may be lost.", default=True
    )
    j: str | None = option("-j", "Type of time stamps.")
    J: bool = switch("-J", "Print the types of time stamps, and end.")
    K: bool = switch("-K", "Check no checksums.")
    l: bool = switch("-l", "Print line by line.")  # noqa: E741 - as above
    L: bool = switch("-L", "Print the types of links, and end.")
    m: str | None = option("-m", "SMI module to load.")
    n: bool = switch("-n", "Look up no names.")
    N: bool = switch("-N", "Print no domains.")
    number: bool = switch("-#", "Print a number before each packet.")
    O: bool = switch("-O", "Do not optimize the filter.")  # noqa: E741 - as above
    p: bool = switch("-p", "Do not put the interface into promiscuous mode.")
    print: bool = switch("--print", "Print, too, when packets are written to a file.")
    q: bool = switch("-q", "Print less.")
    Q: str | None = option("-Q", "Direction.", choices=("in", "out", "inout"))
    r: str | None = option("-r", "File on the host to read in place of capturing.")
    s: int | None = option("-s", "Bytes of each packet.", ge=0)
    S: bool = switch("-S", "Print absolute TCP sequence numbers.")
    t: bool = switch("-t", "Print no times.")
    tt: bool = switch("-tt", "Print times in seconds since 1970.")
    ttt: bool = switch("-ttt", "Print the time since the packet before.")
    tttt: bool = switch("-tttt", "Print dates, too.")
    ttttt: bool = switch("-ttttt", "Print the time since the first packet.")
    T: str | None = option("-T", "Take the packets for ones of this kind.")
    time_stamp_precision: str | None = option(
        "--time-stamp-precision=", "Precision of times.", choices=("micro", "nano")
    )
    u: bool = switch("-u", "Print NFS handles undecoded.")
    U: bool = switch("-U", "Write each packet to the file as it comes.", default=True)
    v: bool = switch("-v", "Print more.")
    vv: bool = switch("-vv", "Print even more.")
    vvv: bool = switch("-vvv", "Print all.")
    V: str | None = option("-V", "File on the host with the names of files to read.")
    w: str | None = option("-w", "File to write the packets to.")
    W: int | None = option("-W", "How many files, with C or G.", ge=1)
    x: bool = switch("-x", "Print packets in hex.")
    xx: bool = switch("-xx", "Print packets in hex, with the header of the link layer.")
    X: bool = switch("-X", "Print packets in hex and as text.")
    XX: bool = switch("-XX", "Print packets in hex and as text, with the header of the link layer.")
    y: str | None = option("-y", "Type of link.")
    z: str | None = option("-z", "Command to run on each file that is complete.")
    Z: str | None = option("-Z", "User to become once the capture is open.")

    program = "tcpdump"
    packages: ClassVar = {"": "tcpdump"}
    stop_signal = "INT"

    def fixed(self) -> list[str]:
        """See `Tool.fixed`. As a user of its own, it could write no file into a directory that is private.

        In immediate mode a packet takes as much of the buffer as the largest could. The usual 2 MiB are full after
        milliseconds: of a flood of echo requests half was lost.
        """
        buffer = ["-B", "65536"] if self.immediate_mode and self.B is None else []
        return [*buffer, "-Z", "root"] if self.w and self.Z is None and self._is_root() else buffer

    def arguments(self) -> list[str]:
        """See `Tool.arguments`."""
        return ["--", self.expression] if self.expression else []

    def result_trace(self) -> str:
        """See `Tool.result_trace`."""
        return "stderr"

    def ready_when(self) -> str | None:
        """See `Tool.ready_when`."""
        return "grep -qs 'listening on' stderr stdout" if self.trace_enabled("stderr") else None

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse(output)

    def _is_root(self) -> bool:
        return self.sudo or bool(self.host.facts["privilege"] == "root")


def parse(output: str) -> dict[str, Any]:
    """What tcpdump says on its error output.

    Returns:
        How many packets were ``captured``, ``received`` by the filter, ``dropped`` by the kernel and
        ``dropped_by_interface``; None while it runs.
    """
    found = ((name, pattern.search(output)) for name, pattern in _COUNTS)
    return {name: int(match[1]) if match else None for name, match in found}

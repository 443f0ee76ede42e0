"""`linux::Http`: a web server and a loader of it, with Python's own server and curl."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from engine.core.errors import BadState
from engine.rm.attributes import attr
from rms import shell
from rms.linux._tool import Tool, listening, option, switch

_PORT: Final = 8000
_FORMAT: Final = (
    '{"status":"%{http_code}","bytes":%{size_download},"time":%{time_total},"connected":%{time_connect},'
    '"first_byte":%{time_starttransfer},"error":%{exitcode}}\\n'
)
_SERVED: Final = re.compile(r'"(?P<method>[A-Z]+) (?P<path>\S+) HTTP/[0-9.]+" (?P<status>\d{3})')


class Http(Tool, rtype="linux::Http"):
    """A web server for the files of a directory, or, with a ``url``, a client that loads it."""

    server: bool = attr(default=False, help="Whether it is the server.")
    port: int = attr(default=_PORT, ge=1, le=65535, help="Port of the server.")
    bind_address: str = attr(default="", help="Address that the server is bound to; all by default.")
    directory: str = attr(default="${SHARE}", help="Directory on the host whose files are served.")

    url: str | None = attr(default=None, help="What to load: it is a client.")
    requests: int = attr(default=1, ge=1, help="How often it is loaded.")
    concurrency: int = attr(default=1, ge=1, le=300, help="How many requests are under way at once.")
    method: str | None = option("-X", "Method of the requests.")
    headers: list[str] = attr(default=[], help="Headers of the requests, such as 'Accept: text/html'.")
    data: str | None = option("--data-raw", "Text to send with each request.")
    user_agent: str | None = option("-A", "Name to give to the server.")
    interface: str | None = option("--interface", "Interface or address to load from.")
    limit_rate: str | None = option("--limit-rate", "Most bytes in a second, such as 100k.")
    connect_timeout: float | None = option("--connect-timeout", "Seconds for a connection to come about.", ge=0)
    max_time: float | None = option("-m", "Seconds that a request may take.", ge=0)
    retry: int | None = option("--retry", "How often a request is repeated that failed.", ge=0)
    cacert: str | None = option("--cacert", "File on the host with certificates to trust.")
    resolve: str | None = option("--resolve", "Address to take for a name: HOST:PORT:ADDRESS.")
    insecure: bool = switch("-k", "Take any certificate.")
    location: bool = switch("-L", "Follow redirections.")
    compressed: bool = switch("--compressed", "Ask for compressed answers.")
    http1_0: bool = switch("--http1.0", "HTTP 1.0 only.")
    http1_1: bool = switch("--http1.1", "HTTP 1.1 only.")
    http2: bool = switch("--http2", "HTTP 2, if the server can.")
    http3: bool = switch("--http3", "HTTP 3, if both can.")
    ipv4: bool = switch("-4", "IPv4 only.")
    ipv6: bool = switch("-6", "IPv6 only.")

    program = "curl"

    def check_possible(self) -> None:
        """See `Application.check_possible`."""
        super().check_possible()
        if self.server == (self.url is not None):
            raise BadState("it is either the server or, with url, a client: set exactly one of the two")

    def words(self) -> list[str]:
        """See `Tool.words`."""
        if self.server:
            bind = ["--bind", self.bind_address] if self.bind_address else []
            return ["python3", "-u", "-m", "http.server", str(self.port), "--directory", self.directory, *bind]
        several = ["--parallel", "--parallel-max", str(self.concurrency)] if self.concurrency > 1 else []
        headers = [word for header in self.headers for word in ("-H", header)]
        return [self.program, "-sS", "-g", *several, *headers, *self.options(), "-w", _FORMAT, "-K", "-"]

    def command_line(self) -> str:
        """See `Tool.command_line`. Of a client the URLs are given as its input, so that they do not show."""
        if self.server:
            return super().command_line()
        config = shell.words([f"url = {_quoted(self.url or '')}", 'output = "/dev/null"'])
        urls = f"i=0; while [ $i -lt {self.requests} ]; do printf '%s\\n' {config}; i=$((i + 1)); done"
        return f"{{ {urls}; }} | {shell.open_words(self.words())}"

    def ready_when(self) -> str | None:
        """See `Tool.ready_when`."""
        return listening(self.port) if self.server else None

    def result_trace(self) -> str:
        """See `Tool.result_trace`."""
        return "stderr" if self.server else "stdout"

    def parse(self, output: str) -> dict[str, Any]:
        """See `Tool.parse`."""
        return parse_server(output) if self.server else parse_client(output)


def _quoted(text: str) -> str:
    """A value in a configuration of curl's."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def parse_client(output: str) -> dict[str, Any]:
    """What the loader says, with times in seconds.

    Returns:
        ``requests failed bytes``, ``status`` (how many answers had which), ``time`` (``min avg max`` of a request)
        and ``each`` request: ``status bytes time connected first_byte error``, the last one of curl's exit statuses.
    """
    each = [json.loads(line) for line in output.splitlines() if line.startswith("{") and line.endswith("}")]
    times = [request["time"] for request in each if not request["error"]]
    return {
        "requests": len(each),
        "failed": sum(1 for request in each if request["error"]),
        "bytes": sum(request["bytes"] for request in each),
        "status": dict(Counter(request["status"] for request in each)),
        "time": {"min": min(times), "avg": sum(times) / len(times), "max": max(times)} if times else None,
        "each": each,
    }


def parse_server(output: str) -> dict[str, Any]:
    """What the server says of whom it has served.

    Returns:
        ``requests``, and how many were answered with which ``status``.
    """
    served = [match["status"] for match in _SERVED.finditer(output)]
    return {"requests": len(served), "status": dict(Counter(served))}

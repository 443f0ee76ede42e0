"""A real browser, and a page in it that a test looks at. It is spoken to over a pipe, in its DevTools protocol."""

import base64
import fcntl
import itertools
import json
import os
import shutil
import subprocess

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars")
_HEARD = {"Network.requestWillBeSent", "Runtime.exceptionThrown", "Log.entryAdded"}


def _pipe():
    """The two ends of a pipe, neither of them 3 or 4."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends]
    for end in ends:
        os.close(end)
    return high


class Browser:
    """One page. A context manager.

    Attributes:
        heard: what the browser told of meanwhile: requests, exceptions of scripts, and what it has refused.
    """

    def __init__(self, profile):
        commands, self._write = _pipe()
        self._read, answers = _pipe()
        # The browser reads from 3 and writes to 4; a shell puts the pipes there.
        line = [f'exec "$@" 3<&{commands} 4>&{answers}', "bash", CHROMIUM, *_OPTIONS, "--remote-debugging-pipe"]
        self._process = subprocess.Popen(
            ["bash", "-c", *line, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(commands, answers),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._numbers, self._rest, self._session, self.heard = itertools.count(1), b"", None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Network", "Runtime", "Log":
            self.ask(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self._process.kill()
        self._process.wait()
        os.close(self._write)
        os.close(self._read)

    def ask(self, method, **params):
        """What it answers."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while (told := self._next()).get("id") != number:
            self._note(told)
        assert "error" not in told, told
        return told["result"]

    def open(self, path):
        """Load a file, and everything that belongs to it."""
        self.ask("Page.navigate", url=path.as_uri())
        while (told := self._next()).get("method") != "Page.loadEventFired":
            self._note(told)

    def run(self, script):
        """The value of an expression in the page."""
        found = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def picture(self, width, height):
        """What is to be seen, as PNG."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        return base64.b64decode(self.ask("Page.captureScreenshot")["data"])

    def prefer(self, scheme):
        """Ask for light or dark pages."""
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def printed(self):
        """The page on paper, as PDF."""
        return base64.b64decode(self.ask("Page.printToPDF", printBackground=True)["data"])

    def _note(self, told):
        if told.get("method") in _HEARD:
            self.heard.append((told["method"], told["params"]))

    def _next(self):
        while b"\0" not in self._rest:
            piece = os.read(self._read, 1 << 20)
            assert piece, "the browser has gone"
            self._rest += piece
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

"""Holds the namespaces of an emulation, and changes what is in them: runs on the host, with nothing but Python 3.8.

    python3 - BASE, in a network namespace that is new

It is the first process of a namespace for processes, so all that runs in the emulation ends with it. In its working
directory it makes ``requests``, in which whoever asks for something puts a file of JSON (`rms.netns._batch` has what
may be in it), and ``answers``, to which it appends a line of JSON for each. It obeys the controller with the highest
epoch only. The first process of a node is below it, and has noted its number and start time in ``node-GUID``.
"""

from __future__ import annotations

import _thread  # and not threading: what that does after a fork takes as long as all else that a node does
import json
import os
import re
import select
import signal
import sys
from contextlib import suppress

from rms.netns.namespaces import NEW_PROCESSES, Nodes, Places, bring_up_lo, check, identity, kill, libc, read
from rms.netns.netlink import Netlink, Refused, Unknown

TYPE_CHECKING = False  # as in `netlink`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOVED_HERE = 0x80  # IN_MOVED_TO
PATIENCE = 20.0  # seconds that a tool may take
REFUSED_BY_TOOL = re.compile(r"(.*?)^Command failed -:(\d+)\n", re.DOTALL | re.MULTILINE)


class Holder:
    """Does what it is asked for.

    Args:
        base: the directory of the run on this host, in which controllers publish their epochs.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._places = Places()
        self._nodes = Nodes(self._places)
        os.makedirs("requests", 0o700, exist_ok=True)  # noqa: PTH103 - pathlib takes long to import
        self._answers = os.open("answers", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._news = check(libc.inotify_init1(os.O_CLOEXEC))
        check(libc.inotify_add_watch(self._news, b"requests", MOVED_HERE))
        self._deaths, bell = os.pipe()
        for end in (self._deaths, bell):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Answer all requests, for ever."""
        while True:
            for name in sorted(os.listdir("requests")):  # noqa: PTH208 - as above
                if not name.startswith("."):  # else it is being written
                    self._serve(f"requests/{name}")
            self._wait()

    def _wait(self) -> None:
        """Sleep until there is another request. Meanwhile bury whoever has ended below this process."""
        ready: list[int] = []
        while self._news not in ready:
            ready = select.select([self._news, self._deaths], [], [])[0]
            for file in ready:
                os.read(file, 1 << 16)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def _serve(self, file: str) -> None:
        request = json.loads(read(file))
        os.unlink(file)  # noqa: PTH108 - as above
        try:
            latest = self._publish(request["epoch"])
            answer = {"answers": self._act(request["asked"])} if latest == request["epoch"] else {"fenced": latest}
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end, for with it ends all that it holds
            answer = {"broken": f"{type(error).__name__}: {error}"}
        with suppress(OSError):  # the disk is full: who asks will ask again
            # With a blank line before it, as the last answer may have been cut.
            os.write(self._answers, b"\n" + json.dumps({"id": request["id"], **answer}).encode() + b"\n")

    def _publish(self, epoch: str) -> str:
        """The latest epoch of all controllers that have been here. First publish, then look, as launch.sh does it."""
        with suppress(FileExistsError):
            os.mkdir(f"{self._base}/epochs/{epoch}")  # noqa: PTH102 - as above
        return max(os.listdir(f"{self._base}/epochs"))  # noqa: PTH208 - as above

    def _act(self, asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
        nodes = {number: self._begin(each) for number, each in enumerate(asked) if "node" in each}
        told = [{} if "node" in each else self._do(each) for each in asked]  # while nodes come into being
        for number, node in nodes.items():
            told[number] = node()
        return told

    def _begin(self, asked: dict[str, Any]) -> Callable[[], dict[str, Any]]:
        """Begin with a node; gives what waits for how it went."""
        command = f"making node #{asked['node']['guid']}"
        try:
            settle = self._nodes.begin(**asked["node"])
        except (OSError, Refused) as error:
            failed = {"error": [command, 1, str(error)]}
            return lambda: failed

        def told() -> dict[str, Any]:
            try:
                return {"node": settle()}
            except (OSError, Refused) as error:
                return {"error": [command, 1, str(error)]}

        return told

    def _do(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "end" in asked:
            kill(asked["end"])
            return {}
        if "ask" in asked:
            return self._look(asked["ask"])
        refused = [error for step in asked["steps"] for error in self._change(*step)]
        return {"error": refused[0]} if refused else {}

    def _look(self, questions: list[Any]) -> dict[str, Any]:
        """Run commands, up to the first that fails, for what they say."""
        told = []
        for place, words in questions:
            try:
                with self._places.at(place):
                    code, said = run(words)
            except Refused as error:
                code, said = error.code, error.why
            if code:
                return {"error": [" ".join(words), code, said]}
            told.append(said)
        return {"said": told}

    def _change(self, place: list[Any] | None, tool: str, lines: list[str]) -> list[Any]:
        """Have lines done by a tool, or as if it did them; those that were refused, why, and with which number."""
        try:
            with self._places.at(place):
                return say(lines) if tool == "ip" else have_said(tool, lines)
        except Refused as error:
            return [[lines[0], error.code, error.why]]


def say(lines: list[str]) -> list[Any]:
    """Say lines of ``ip`` to the kernel."""
    refused: list[Any] = []
    network = Netlink()
    for line in lines:
        try:
            network.say(line)
        except Refused as error:
            refused.append([line, error.code, error.why])
        except Unknown:
            refused += have_said("ip", [line])
    network.close()
    return refused


def have_said(tool: str, lines: list[str]) -> list[Any]:
    """Have a tool say lines to the kernel: it names those that are refused, and does the others."""
    code, said = run([tool, "-force", "-batch", "-"], "".join(f"{line}\n" for line in lines))
    if code == 0:
        return []
    named = [[lines[int(number) - 1], code, why] for why, number in REFUSED_BY_TOOL.findall(said)]
    return named or [[lines[0], code, said]]


def run(words: list[str], text: str = "") -> tuple[int, str]:
    """Run a program here. Gives its exit status, and all that it has said."""
    from subprocess import PIPE, STDOUT, TimeoutExpired, run  # noqa: PLC0415 - it takes long, and is seldom needed

    try:
        done = run(words, input=text.encode(), stdout=PIPE, stderr=STDOUT, timeout=PATIENCE, check=False)  # noqa: S603
    except FileNotFoundError:
        return 127, f"{words[0]} is missing: install iproute2"
    except TimeoutExpired:
        return 1, f"it was not done after {PATIENCE:g} s"
    return done.returncode, done.stdout.decode(errors="replace")


def serve(held: Holder, serving: _thread.LockType) -> None:
    """Have it answer requests on this thread, and let go of the lock if it does so no more."""
    try:
        held.serve()
    finally:
        serving.release()


def main(base: str) -> None:
    """Have the first process of the namespace for processes hold it all, and last as long as that one."""
    check(libc.unshare(NEW_PROCESSES))
    holder = os.fork()
    if holder:
        status = os.waitpid(holder, 0)[1]
        os._exit(status >> 8 or 128 + (status & 127))
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own would end it
    try:
        bring_up_lo()
        netem = " netem" if Netlink().has_queue("netem") else ""
        held = Holder(base)
        sys.stdout.write("holder {} {}{}\n".format(*identity("self"), netem))
        sys.stdout.flush()
    except (OSError, Refused) as error:
        sys.exit(str(error))
    # Only the thread that serves goes to other places: who enters the emulation by the number of this process has to
    # find its own network there, at any time.
    serving = _thread.allocate_lock()
    serving.acquire()
    _thread.start_new_thread(serve, (held, serving))
    serving.acquire()
    sys.exit(1)  # what went wrong has been said

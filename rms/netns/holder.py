"""Holds the namespaces of an emulation, and changes what is in them: runs on the host, with nothing but Python 3.8.

    python3 - BASE, in a network namespace that is new

It is the first process of a namespace for processes, so all that runs in the emulation ends with it. In its working
directory it makes ``requests``, in which whoever asks for something puts a file of JSON (`rms.netns._batch` has what
may be in it), and ``answers``, to which it appends a line of JSON for each. It obeys the controller with the highest
epoch only. The first process of a node is below it; its number and start time are noted in ``node-GUID``.
"""

from __future__ import annotations

import _thread  # and not threading: what that does after a fork takes as long as all else that a node does
import gc
import os
import select
import signal
import sys
from contextlib import suppress

from rms.netns.namespaces import (
    NEW_PROCESSES,
    Nodes,
    Places,
    bring_up_lo,
    check,
    hear,
    identity,
    introduce,
    kill,
    libc,
    read,
)
from rms.netns.netlink import Netlink, Refused, Unknown

TYPE_CHECKING = False  # as in `netlink`
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

MOVED_HERE = 0x80  # IN_MOVED_TO
PATIENCE = 20.0  # seconds that a tool may take


class Holder:
    """Does what it is asked for.

    Args:
        base: the directory of the run on this host, in which controllers publish their epochs.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._places = Places()
        self._nodes = Nodes()
        os.makedirs("requests", 0o700, exist_ok=True)  # noqa: PTH103 - pathlib takes long to import
        self._answers = os.open("answers", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._news = check(libc.inotify_init1(os.O_CLOEXEC))
        check(libc.inotify_add_watch(self._news, b"requests", MOVED_HERE))
        self._deaths, bell = os.pipe()
        for end in (self._deaths, bell):
            os.set_blocking(end, False)
        self._poll = select.poll()
        for file in (self._news, self._deaths):
            self._poll.register(file, select.POLLIN)
        # By the pipe of those that are being made: which request they are for, and the answers to all else in it.
        self._making: dict[int, tuple[str, list[dict[str, Any]], list[Any]]] = {}
        signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        """Answer all requests, for ever."""
        import json  # noqa: PLC0415 - it takes long, and who has this process begun need not wait for that

        self._json = json
        gc.freeze()  # the collector writes to all that it looks at, which every node would have to have a copy of
        while True:
            for name in sorted(os.listdir("requests")):  # noqa: PTH208 - as above
                if not name.startswith("."):  # else it is being written
                    self._serve(f"requests/{name}")
            self._wait()

    def _wait(self) -> None:
        """Sleep until there is another request. Meanwhile tell of nodes that are made, and bury whoever has ended."""
        ready: list[int] = []
        while self._news not in ready:
            ready = [file for file, _ in self._poll.poll()]
            for file in ready:
                if file in self._making:
                    self._finish(file)
                else:
                    os.read(file, 1 << 16)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass

    def _serve(self, file: str) -> None:
        request = self._json.loads(read(file))
        os.unlink(file)  # noqa: PTH108 - as above
        self._tell(request["id"], lambda: self._act(request))

    def _tell(self, number: str, act: Callable[[], dict[str, Any] | None]) -> None:
        """Do something, and answer a request with what came of it; not yet, if that is nothing."""
        try:
            answer = act()
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end, for with it ends all that it holds
            answer = {"broken": f"{type(error).__name__}: {error}"}
        if answer is not None:
            with suppress(OSError):  # the disk is full: who asks will ask again
                # With a blank line before it, as the last answer may have been cut.
                os.write(self._answers, b"\n" + self._json.dumps({"id": number, **answer}).encode() + b"\n")

    def _publish(self, epoch: str) -> str:
        """The latest epoch of all controllers that have been here. First publish, then look, as launch.sh does it."""
        with suppress(FileExistsError):
            os.mkdir(f"{self._base}/epochs/{epoch}")  # noqa: PTH102 - as above
        return max(os.listdir(f"{self._base}/epochs"))  # noqa: PTH208 - as above

    def _act(self, request: dict[str, Any]) -> dict[str, Any] | None:
        latest = self._publish(request["epoch"])
        if latest != request["epoch"]:
            return {"fenced": latest}
        nodes = [each["node"] for each in request["asked"] if "node" in each]
        making = self._begin(nodes) if nodes else None
        told = [None if "node" in each else self._do(each) for each in request["asked"]]
        if making is None:
            return {"answers": told}
        self._making[making] = (request["id"], nodes, told)
        self._poll.register(making, 0)  # whatever is asked for: it tells when nobody can write to it any more
        return None

    def _begin(self, nodes: list[dict[str, Any]]) -> int:
        """Begin with nodes. An earlier request for one of them, of whoever has given it up, is done first."""
        guids = {each["guid"] for each in nodes}
        for file, (_, others, _) in list(self._making.items()):
            if not guids.isdisjoint(each["guid"] for each in others):
                self._finish(file)
        return self._nodes.begin(nodes)

    def _finish(self, file: int) -> None:
        """Answer a request for nodes, once they have been made."""
        self._poll.unregister(file)
        number, nodes, told = self._making.pop(file)
        self._tell(number, lambda: {"answers": self._made(hear(file), nodes, told)})

    @staticmethod
    def _made(said: dict[str, str], nodes: list[dict[str, Any]], told: list[Any]) -> list[dict[str, Any]]:
        made = (introduced(each["guid"], said) for each in nodes)
        return [next(made) if each is None else each for each in told]

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


def introduced(guid: int, said: dict[str, str]) -> dict[str, Any]:
    """The answer to who asks for a node, by what those that were made have said."""
    try:
        return {"node": introduce(guid, said)}
    except Refused as error:
        return {"error": [f"making node #{guid}", error.code, error.why]}


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
    from re import DOTALL, MULTILINE, findall  # noqa: PLC0415 - as above

    refused = findall(r"(.*?)^Command failed -:(\d+)\n", said, DOTALL | MULTILINE)
    named = [[lines[int(number) - 1], code, why] for why, number in refused]
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

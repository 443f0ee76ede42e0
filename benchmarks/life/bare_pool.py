"""Bare actors on a pool of workers, and a durable log: what somebody writes who wants no more than that.

Each resource is an actor, which takes a worker only while it has messages. One more decides what comes next; a step
counts once it is on disk, and what has come together is written at once. With the third argument `pykka` the resources
are actors of that library, which netreel's are, too.
"""

import sys
import threading
from collections import deque
from functools import partial
from queue import SimpleQueue

import pykka
from durable import Log
from scenario import Graph, Progress, Stopwatch, arguments

WORKERS = 20


class Inbox:
    """Has its actor run on the pool when there is a message."""

    __slots__ = ("_envelopes", "_lock", "_run", "_scheduled", "_submit")

    def __init__(self, submit, run):
        self._submit, self._run = submit, run
        self._envelopes = deque()
        self._lock = threading.Lock()
        self._scheduled = False

    def put(self, envelope):
        with self._lock:
            self._envelopes.append(envelope)
            wake, self._scheduled = not self._scheduled, True
        if wake:
            self._submit(self._run)

    def take_all(self):
        """All messages; none, if it is the turn of others."""
        with self._lock:
            taken = list(self._envelopes)
            self._envelopes.clear()
            self._scheduled = bool(taken)
        return taken


class Bare:
    """An actor that is no more than an inbox and what it does with messages."""

    __slots__ = ("_handle", "_inbox", "tell")

    def __init__(self, submit, handle):
        self._inbox = Inbox(submit, self.run)
        self._handle = handle
        self.tell = self._inbox.put

    def run(self):
        while messages := self._inbox.take_all():
            self._handle(messages)


class Pykka(pykka.Actor):
    """The same as an actor of pykka, without a thread of its own."""

    def __init__(self, submit, handle):
        self._submit = submit
        super().__init__()
        self._handle = handle
        self.tell = self.actor_ref.tell

    def _create_actor_inbox(self):
        return Inbox(self._submit, self.run)

    @staticmethod
    def _create_future():
        return pykka.ThreadingFuture()

    def _start_actor_loop(self):
        """The pool is what runs it."""

    def run(self):
        while envelopes := self.actor_inbox.take_all():
            for envelope in envelopes:
                self._handle_receive(envelope.message)

    def on_receive(self, message):
        self._handle([message])


class Coordinator:
    """Decides what comes next."""

    def __init__(self, graph, watch, submit, make_actor):
        self._log = Log("log")
        self._progress = Progress(graph, watch)
        self._left = len(graph) * 3 + sum(graph.ends)
        self.finished = threading.Event()
        self.actors = [make_actor(partial(self._act, each)) for each in range(len(graph))]
        self.tell = Bare(submit, self._turn).tell

    def _act(self, each, steps):
        """A resource has messages; runs on the pool."""
        for step in steps:
            hook()
            self.tell((each, step))

    def begin(self):
        self._tell(self._progress.first())

    def _turn(self, done):
        self._log.append(done)
        self._tell([more for each, step in done for more in self._progress.done(each, step)])
        self._left -= len(done)
        if not self._left:
            self.finished.set()

    def _tell(self, due):
        for each, step in due:
            self.actors[each].tell(step)


def hook():
    """What a resource does: nothing."""


def start_pool(workers):
    """Where jobs are handed in."""
    jobs = SimpleQueue()
    for _ in range(workers):
        threading.Thread(target=work, args=(jobs,), daemon=True).start()
    return jobs.put


def work(jobs):
    while True:
        jobs.get()()


def main(coordinator=Coordinator, kind=Bare):
    watch = Stopwatch()
    graph = Graph(*arguments())
    watch.described()
    controller = coordinator(graph, watch, start_pool(1), partial(kind, start_pool(WORKERS)))
    controller.begin()
    controller.finished.wait()
    watch.report(len(graph))


if __name__ == "__main__":
    main(kind=Pykka if "pykka" in sys.argv else Bare)

"""NEPI's own scalability scenario, and the stopwatch: what the programs of `bench_engine.py` have in common.

So many nodes, each with one interface and some applications, and one link to which all the interfaces are connected. An
interface is deployed when its node and the link are ready, an application when its node is. All are started once all
are ready, an application ends as soon as it was started, and then all are released, dependents first. The hooks do
nothing and return at once: what is measured is the engine.

Each program takes two numbers, of nodes and of applications on each, and prints one line of JSON. It runs in whatever
Python has what it measures, so there is only the standard library here.
"""

import json
import os
import sys
import time
from pathlib import Path

STEPS = DEPLOY, START, END, RELEASE = "deploy", "start", "end", "release"


class Stopwatch:
    """Takes the times of a life, in seconds: `described`; then from `deploy` on `deployed`, `stopped`, `released`."""

    def __init__(self):
        self._memory = resident()
        self._laps = {}
        self._began = time.perf_counter()
        self._cpu = time.process_time()

    def described(self):
        """Everything is described; the life begins."""
        self._laps["described"] = time.perf_counter() - self._began
        self._laps["described_cpu"] = time.process_time() - self._cpu
        self._began, self._cpu = time.perf_counter(), time.process_time()

    def reached(self, phase):
        """All have got there."""
        self._laps[phase] = time.perf_counter() - self._began
        if phase == "stopped":
            self._laps["memory"] = resident() - self._memory

    def report(self, resources):
        """Everything is released. Prints what was taken."""
        self.reached("released")
        self._laps["cpu"] = time.process_time() - self._cpu
        print(json.dumps({"resources": resources, **self._laps}))


def resident():
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def arguments():
    """How many nodes, and how many applications on each."""
    return int(sys.argv[1]), int(sys.argv[2])


class Graph:
    """The scenario for a program without an engine: who needs whom, by number.

    Attributes:
        needs: for each resource those that must be ready before it is deployed.
        ends: for each resource whether it ends by itself.
    """

    def __init__(self, nodes, apps):
        self.needs, self.ends = [], []
        link = nodes * (apps + 2)
        for _ in range(nodes):
            node = len(self.needs)
            self._add([])
            self._add([node, link])
            for _ in range(apps):
                self._add([node], ends=True)
        self._add([])

    def _add(self, needs, *, ends=False):
        self.needs.append(needs)
        self.ends.append(ends)

    def __len__(self):
        return len(self.needs)


class Progress:
    """What may be done next: the least that any program has to keep count of."""

    def __init__(self, graph, watch):
        self._watch = watch
        self._ends = graph.ends
        self._unmet = [len(needs) for needs in graph.needs]
        self._needs = graph.needs
        self._dependents = [[] for _ in graph.needs]
        for each, needs in enumerate(graph.needs):
            for other in needs:
                self._dependents[other].append(each)
        self._left = dict.fromkeys(STEPS, len(graph)) | {END: sum(graph.ends)}

    def first(self):
        """The first steps."""
        return [(each, DEPLOY) for each, unmet in enumerate(self._unmet) if not unmet]

    def done(self, each, step):
        """A step is done, and on disk: those that may be taken now."""
        self._left[step] -= 1
        if step == DEPLOY:
            due = [(other, DEPLOY) for other in self._dependents[each] if self._is_last(other)]
            return due or self._all_deployed()
        if step == START:
            return [(each, END)] if self._ends[each] else self._all_stopped()
        if step == END:
            return self._all_stopped()
        return [(other, RELEASE) for other in self._needs[each] if self._is_last(other)]

    def _is_last(self, other):
        self._unmet[other] -= 1
        return self._unmet[other] == 0

    def _all_deployed(self):
        if self._left[DEPLOY]:
            return []
        self._watch.reached("deployed")
        return [(each, START) for each in range(len(self._unmet))]

    def _all_stopped(self):
        if self._left[START] or self._left[END]:
            return []
        self._watch.reached("stopped")
        self._unmet = [len(dependents) for dependents in self._dependents]
        return [(each, RELEASE) for each, unmet in enumerate(self._unmet) if not unmet]

"""A controller that is killed, and the one that takes over.

`killed.py begin DIRECTORY NUMBER MARK` starts so many processes on this machine, each with the mark in its command,
prints the directory of its run, and waits to be killed. `killed.py find DIRECTORY NUMBER` takes the run over, prints
how many it has found once that is all of them, and ends the experiment when it is told to by a line of input.
"""

import sys
import threading

import eventlog
from engine import ExperimentController
from replay import reconnect

HOST = 1
"""Its guid: it is described first."""


def begin(home, number, mark):
    ec = ExperimentController("bench", local_dir=home)
    node = ec.register_resource("linux::Node", hostname="localhost")
    command = f"exec sleep {mark}"
    apps = [ec.register_resource("linux::Application", command=command, connectedTo=node) for _ in range(number)]
    ec.deploy()
    assert ec.wait_started(apps)
    print(ec.run_dir, flush=True)
    threading.Event().wait()


def find(run_dir, number):
    ec = reconnect(run_dir)
    found = set()
    with eventlog.open(run_dir) as log:
        for event in log.follow():
            if event.kind == "resource.found" and event.guid != HOST:
                found.add(event.guid)
            if len(found) == number:
                break
    print(len(found), flush=True)
    sys.stdin.readline()
    ec.shutdown()


if sys.argv[1] == "begin":
    begin(sys.argv[2], int(sys.argv[3]), sys.argv[4])
else:
    find(sys.argv[2], int(sys.argv[3]))

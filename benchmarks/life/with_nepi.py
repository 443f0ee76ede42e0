"""The scenario with NEPI 6.1.2.

A third argument says how: `default`, with 20 threads, and who waits looks again after 0.5 s; or `best`, with one thread
and looking again at once, with which it is fastest when hooks do nothing.
"""

import os
import sys
from pathlib import Path

from scenario import Stopwatch, arguments

BEST = sys.argv[3] == "best"
if BEST:
    os.environ["NEPI_NTHREADS"] = "1"
os.environ["HOME"] = str(Path.cwd())

from nepi.execution.ec import ExperimentController
from nepi.execution.resource import ResourceFactory, ResourceManager, ResourceState, clsinit_copy


class Idle(ResourceManager):
    stands_on = ()

    def do_deploy(self):
        below = [other for rtype in self.stands_on for other in self.get_connected(rtype)]
        if any(other.state < ResourceState.READY for other in below):
            self.ec.schedule("0s" if BEST else self.reschedule_delay, self.deploy)
        else:
            super().do_deploy()


@clsinit_copy
class Link(Idle):
    _rtype = "bench::Link"


@clsinit_copy
class Node(Idle):
    _rtype = "bench::Node"


@clsinit_copy
class Interface(Idle):
    _rtype = "bench::Interface"
    stands_on = ("bench::Node", "bench::Link")


@clsinit_copy
class Application(Idle):
    _rtype = "bench::Application"
    stands_on = ("bench::Node",)

    def do_start(self):
        super().do_start()
        self.ec.schedule("0s", self.stop)


def connected(ec, rtype, node):
    guid = ec.register_resource(rtype)
    ec.register_connection(guid, node)
    return guid


def describe(ec, nodes, apps):
    """All guids, and those of the applications."""
    guids, interfaces, applications = [], [], []
    for _ in range(nodes):
        node = ec.register_resource("bench::Node")
        interfaces.append(connected(ec, "bench::Interface", node))
        on_it = [connected(ec, "bench::Application", node) for _ in range(apps)]
        guids += [node, interfaces[-1], *on_it]
        applications += on_it
    link = ec.register_resource("bench::Link")
    for interface in interfaces:
        ec.register_connection(link, interface)
    return [*guids, link], applications


def main():
    for each in (Link, Node, Interface, Application):
        ResourceFactory.register_type(each)
    watch = Stopwatch()
    ec = ExperimentController(exp_id="bench")
    guids, applications = describe(ec, *arguments())
    watch.described()
    ec.deploy()
    ec.wait_deployed(guids)
    watch.reached("deployed")
    ec.wait_finished(applications)
    watch.reached("stopped")
    ec.shutdown()
    watch.report(len(guids))


main()

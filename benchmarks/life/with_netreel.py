"""The scenario with netreel: every step through the real pool, everything durable as always."""

from scenario import Stopwatch, arguments

from engine import ExperimentController, ResourceFactory, ResourceManager, link


class Idle(ResourceManager):
    """Has the hooks that NEPI's types have, and they do as little."""

    def deploy(self, intent):
        pass

    def start(self, intent):
        pass

    def release(self, intent):
        pass


class Link(Idle, rtype="bench::Link"):
    pass


class Node(Idle, rtype="bench::Node"):
    pass


class Interface(Idle, rtype="bench::Interface"):
    node = link("bench::Node", min=1, max=1)
    link = link("bench::Link", min=1, max=1)


class Application(Idle, rtype="bench::Application"):
    node = link("bench::Node", min=1, max=1)

    def start(self, _):
        self.ended()


for each in (Link, Node, Interface, Application):
    ResourceFactory.register_type(each)


def describe(ec, nodes, apps):
    """All guids, and those of the applications."""
    guids, interfaces, applications = [], [], []
    for _ in range(nodes):
        node = ec.register_resource("bench::Node")
        interfaces.append(ec.register_resource("bench::Interface", connectedTo=node))
        on_it = [ec.register_resource("bench::Application", connectedTo=node) for _ in range(apps)]
        guids += [node, interfaces[-1], *on_it]
        applications += on_it
    link = ec.register_resource("bench::Link")
    for interface in interfaces:
        ec.register_connection(link, interface)
    return [*guids, link], applications


def main():
    with ExperimentController("warm", local_dir="runs") as ec:  # what is imported when first needed is no part of it
        describe(ec, 1, 1)
        ec.deploy()
    watch = Stopwatch()
    ec = ExperimentController("bench", local_dir="runs")
    with ec.batch():
        guids, applications = describe(ec, *arguments())
    watch.described()
    ec.deploy()
    assert ec.wait_deployed(guids)
    watch.reached("deployed")
    assert ec.wait_finished(applications)
    watch.reached("stopped")
    ec.release()
    watch.report(len(guids))
    ec.shutdown()


main()

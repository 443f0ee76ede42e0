"""Run commands on many hosts, several on each, by way of a gateway if you like.

python examples/linux/many_hosts.py [--gateway GATEWAY] [--each N] COMMAND HOST...

It is two examples of NEPI's: with a gateway nitos_testbed_bootstrap, and with "--each 20" scalability. A host that does
not answer keeps no other one waiting: it and what was to run there are not critical.
"""

import argparse

from engine import ExperimentController
from rms.linux import Application, Node

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--gateway", help="host to go through")
parser.add_argument("--each", type=int, default=1, help="how often the command is run on each host")
parser.add_argument("command")
parser.add_argument("hosts", nargs="+")
given = parser.parse_args()

with ExperimentController("many-hosts") as ec:
    apps = {}
    for name in given.hosts:
        node = ec.add(Node(hostname=name, gateway=given.gateway, critical=False))
        for _ in range(given.each):
            app = ec.add(Application(command=given.command, critical=False), on=node)
            apps[app] = name
    ec.deploy()
    ec.wait_finished(list(apps))
    for app, name in apps.items():
        failure = ec.failure(app)
        print(f"{name}:", failure or (ec.trace(app, "stdout") or "").rstrip())

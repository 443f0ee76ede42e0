"""Ping a target from a host, and print what came of it.

python examples/linux/ping.py HOST TARGET
"""

import json
import sys

from engine import ExperimentController
from rms.linux import Node, Ping

if len(sys.argv) != 3:
    sys.exit(__doc__)
hostname, target = sys.argv[1:]

with ExperimentController("ping") as ec:
    host = ec.add(Node(hostname=hostname), label="host")
    ping = ec.add(Ping(target=target, count=3), on=host)
    ec.deploy()
    ec.wait_finished(ping)
    print(ec.trace(ping, "stdout"))
    result = json.loads(ec.trace(ping, "result"))
    print(f"{result['received']} of {result['transmitted']} came back, on average after {result['rtt']['avg']} ms")

"""Send a file from one host to another with netcat, capture that, and fetch the results. A gateway may be before them.

python examples/linux/file_transfer.py FILE SENDER RECEIVER [ADDRESS [GATEWAY]]

It is two examples of NEPI's: netcat_file_transfer and, with a GATEWAY, multihop_ssh.

ADDRESS is that of the receiver as the sender has it, by default its name. INTERFACE, in the environment, is where to
capture; by default everywhere.
"""

import os
import sys
from pathlib import Path

from engine import ExperimentController, ResourceAction, ResourceState
from rms.collector import Collector
from rms.linux import Application, Node, Tcpdump

PORT = 1234
START, STOP = ResourceAction.START, ResourceAction.STOP
STARTED, STOPPED = ResourceState.STARTED, ResourceState.STOPPED

if not 4 <= len(sys.argv) <= 6:
    sys.exit(__doc__)
file, sender, receiver, *rest = sys.argv[1:]
address = rest[0] if rest else receiver
gateway = rest[1] if len(rest) > 1 else None

with ExperimentController("file-transfer") as ec:
    here = ec.add(Node(hostname=sender, gateway=gateway), label="sender")
    there = ec.add(Node(hostname=receiver, gateway=gateway), label="receiver")

    capture = ec.add(
        Tcpdump(i=os.environ.get("INTERFACE", "any"), w="transfer.pcap", s=96, expression=f"tcp port {PORT}"), on=here
    )
    server = ec.add(Application(command=f"nc -l {PORT} >received; sha256sum <received"), on=there)
    client = ec.add(
        Application(files=[file], command=f'nc -N {address} {PORT} <"${{SHARE}}/{Path(file).name}"'), on=here
    )

    # The capture first, then the server, then the client; the capture goes on until both have ended.
    ec.register_condition(server, START, capture, STARTED)
    ec.register_condition(client, START, server, STARTED, "1s")
    ec.register_condition(capture, STOP, [server, client], STOPPED, "500ms")

    ec.add(Collector(trace_name="transfer.pcap"), on=capture)
    ec.add(Collector(trace_name="received"), on=server)

    ec.deploy()
    ec.wait_finished([server, client, capture])
    print("received:", ec.trace(server, "stdout"), end="")
    print("captured:", ec.trace(capture, "stderr"), end="")
    run_dir = ec.run_dir

print("in", run_dir, "are", *sorted(path.name for path in run_dir.glob("*.*") if path.is_file()))

"""A download fills the queue of a slow link, and everybody else waits: round-trip times for several sizes of the queue.

python examples/netns/bufferbloat.py [SECONDS]

    client --- router === server        === is the slow link: 10 Mbit/s, 10 ms

Needs iperf3, and netreel[plots] for bufferbloat.png.
"""

import json
import sys
from statistics import median

from matplotlib.figure import Figure

from engine import ExperimentController, ResourceAction, ResourceState
from rms.linux import Iperf3, Ping
from rms.netns import Emulation, Interface, Link, Node, Route

SECONDS = int(sys.argv[1]) if sys.argv[1:] else 10
RATE = 10e6


def measure(queue):
    """Round trips (seconds after the first, ms), and throughput in Mbit/s, with a queue of so many bytes."""
    with ExperimentController("bufferbloat") as ec:
        emulation = ec.add(Emulation())
        client, server = (ec.add(Node(hostname=name), on=emulation) for name in ("client", "server"))
        router = ec.add(Node(hostname="router", forwarding=True), on=emulation)
        near = ec.add(Interface(name="eth0", addresses=["10.0.1.1/24"]), on=client)
        far = ec.add(Interface(name="eth0", addresses=["10.0.2.1/24"]), on=server)
        ec.add(Link(), on=[near, ec.add(Interface(name="near", addresses=["10.0.1.2/24"]), on=router)])
        slow = ec.add(Interface(name="far", addresses=["10.0.2.2/24"]), on=router)
        ec.add(Link(rate=RATE, delay=0.01, queue=queue), on=[far, slow])
        ec.add(Route(via="10.0.1.2"), on=near)
        ec.add(Route(via="10.0.2.2"), on=far)

        sink = ec.add(Iperf3(server=True, one_off=True), on=server)
        # Cubic fills every queue that it is given; other algorithms are there to avoid that.
        download = ec.add(Iperf3(client="10.0.2.1", time=SECONDS, congestion="cubic"), on=client)
        ec.register_condition(download, ResourceAction.START, sink, ResourceState.STARTED)
        ping = ec.add(Ping(target="10.0.2.1", interval=0.1, count=10 * SECONDS), on=client)
        ec.register_condition(download, ResourceAction.START, ping, ResourceState.STARTED, "1s")
        ec.deploy()
        ec.wait_finished([download, ping])

        replies = json.loads(ec.trace(ping, "result"))["replies"]
        sent = json.loads(ec.trace(download, "stdout"))["end"]["sum_received"]
        return [(reply["seq"] / 10, reply["time"]) for reply in replies], sent["bits_per_second"] / 1e6


def draw(measured, path):
    """Round trips over time, for each size of the queue."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds", ylabel="round trip (ms)", title="A download begins after one second")
    for queue, times in measured.items():
        axes.plot(*zip(*times, strict=True), label=f"queue of {queue / 1000:.0f} kB")
    axes.set_ylim(0, None)
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    print("queue (kB)   round trip (ms)   throughput (Mbit/s)")
    measured = {}
    for queue in (15_000, 60_000, 250_000):
        measured[queue], throughput = measure(queue)
        loaded = median(time for second, time in measured[queue] if second > 2)
        print(f"{queue / 1000:10.0f}   {loaded:15.1f}   {throughput:19.2f}")
    draw(measured, "bufferbloat.png")

"""How much TCP gets through: at most one window in each round trip, whatever the link could carry.

python examples/netns/sweep.py [SECONDS]

    client === server      20 Mbit/s, with several delays, all at the same time; one window after the other

Needs iperf3, and netreel[plots] for sweep.png.
"""

import json
import sys

from matplotlib.figure import Figure

from engine import ExperimentController, ResourceAction, ResourceState
from rms.linux import Iperf3
from rms.netns import Emulation, Interface, Link, Node

SECONDS = int(sys.argv[1]) if sys.argv[1:] else 4
RATE = 20e6  # bits per second
DELAYS = [0.005, 0.02, 0.05]  # seconds, one way
WINDOWS = [16, 32, 64, 128, 256]  # KiB


def describe(ec, emulation, delay):
    """A client and a server with this delay between them; gives one transfer for each window, one after the other."""
    client, server = (ec.add(Node(hostname=name), on=emulation) for name in ("client", "server"))
    near = ec.add(Interface(addresses=["10.0.0.1/24"]), on=client)
    far = ec.add(Interface(addresses=["10.0.0.2/24"]), on=server)
    ec.add(Link(rate=RATE, delay=delay), on=[near, far])
    sink = ec.add(Iperf3(server=True), on=server)
    transfers = []
    for window in WINDOWS:
        # What is sent while the window opens does not count.
        sending = Iperf3(client="10.0.0.2", time=SECONDS, omit=1, window=f"{window}K")
        transfer = ec.add(sending, on=client)
        before, state = (transfers[-1], ResourceState.STOPPED) if transfers else (sink, ResourceState.STARTED)
        ec.register_condition(transfer, ResourceAction.START, before, state)
        transfers.append(transfer)
    ec.register_condition(sink, ResourceAction.STOP, transfers[-1], ResourceState.STOPPED)
    return transfers


def throughput(ec, transfer):
    """In Mbit/s."""
    return json.loads(ec.trace(transfer, "stdout"))["end"]["sum_received"]["bits_per_second"] / 1e6


def draw(measured, path):
    """Throughput against the window; the lines are window / round trip, up to the rate."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="window (KiB)", ylabel="throughput (Mbit/s)", title="TCP: window, delay and rate")
    for delay, rates in measured.items():
        bound = [min(RATE, window * 1024 * 8 / (2 * delay)) / 1e6 for window in WINDOWS]
        (line,) = axes.plot(WINDOWS, bound, "--", linewidth=1)
        axes.plot(WINDOWS, rates, "o", color=line.get_color(), label=f"round trip {2000 * delay:.0f} ms")
    axes.set_xscale("log", base=2)
    axes.set_xticks(WINDOWS, list(map(str, WINDOWS)))
    axes.set_ylim(0, None)
    axes.plot([], [], "--", color="grey", linewidth=1, label="window / round trip, or the rate")
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    with ExperimentController("sweep") as ec:
        emulation = ec.add(Emulation())
        transfers = {delay: describe(ec, emulation, delay) for delay in DELAYS}
        ec.deploy()
        ec.wait_finished([each for several in transfers.values() for each in several])
        measured = {delay: [throughput(ec, each) for each in several] for delay, several in transfers.items()}
    print("round trip (ms)  " + "".join(f"{window:6} KiB" for window in WINDOWS) + "   (Mbit/s)")
    for delay, rates in measured.items():
        print(f"{2000 * delay:15.0f}  " + "".join(f"{rate:10.2f}" for rate in rates))
    draw(measured, "sweep.png")

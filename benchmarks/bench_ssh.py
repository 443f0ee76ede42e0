"""How fast hosts are reached over SSH, side by side with others that do it, as ratios from one run.

Hosts are namespaces of this machine, each with its own sshd; it takes root and, on Debian, openssh-server. Whoever else
is measured is installed by pip into an environment of the benchmark's own. All measure the same work on the same
hosts in turns, at least five times; what is told is the median of the ratios, and the smallest and the largest, and
what processor time the program has used, without that of the hosts. Whole processes are measured unless it says
otherwise: what a user waits for. A goal that is missed makes the exit status 1.

NEPI 6.1.2 takes part less often, since it takes minutes; what had to be changed for it to run is in `peers.py`.

    python benchmarks/bench_ssh.py [--repeat 5] [--only a,b,c,d,e,f,g] [--peers DIRECTORY] [--json]
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from peers import DIRECTORY, install

from tests.platform.hosts import Pool, why_not

PEERS = ["asyncssh", "marks", "apssh", "fabric", "enoslib", "nepi"]
COMMAND = "hostname; sleep 0.4"

# Each is a program. Its arguments: the configuration of SSH, the key, the command, and then NAME=ADDRESS of each host.
HEAD = """
import sys, time
config, key, command = sys.argv[1:4]
hosts = dict(word.split("=") for word in sys.argv[4:])
"""
BODIES = {
    "netreel": """
from concurrent.futures import ThreadPoolExecutor
from engine import ExperimentController
with ExperimentController("bench") as ec:
    apps = []
    with ec.batch():
        for name in hosts:
            node = ec.register_resource("linux::Node", hostname=name, sshConfig=config)
            for _ in range(PER_HOST):
                apps.append(ec.register_resource("linux::Application", command=command, connectedTo=node))
    ec.deploy()
    ec.wait_finished(apps)
    with ThreadPoolExecutor(len(hosts)) as pool:
        outputs = list(pool.map(lambda app: ec.trace(app, "stdout"), apps))
""",
    "asyncssh": """
import asyncio, asyncssh
async def one(name):
    async with asyncssh.connect(name, config=[config]) as connection:
        done = await asyncio.gather(*[connection.run(command) for _ in range(PER_HOST)])
        return [each.stdout for each in done]
async def main():
    return sum(await asyncio.gather(*[one(name) for name in hosts]), [])
outputs = asyncio.run(main())
""",
    # What a command costs at least that is started once and leaves its status, whoever asked for it: by the plainest
    # script that makes these marks, over asyncssh, and without a thought for what may go wrong.
    "marks": """
import asyncio, asyncssh, uuid
script = '''
umask 077
at=$HOME/.marks/$1
mkdir -p "$at/run" && cd "$at/run" || exit
date +%s.%N >../clock
read -r boot </proc/sys/kernel/random/boot_id
cat >../command <<'END'
COMMAND
END
trap : HUP INT QUIT TERM PIPE
ln -s "1 $$ 0 $boot" ../claim || exit
setsid sh -c 'ln -s "$$ 0" ../started && exec sh ../command >stdout 2>stderr </dev/null'
code=$?
ln -s "end $code" ../exit && echo "end $1 $code" >>../../journal
exec cat stdout
'''.replace("COMMAND", command)
async def one(name):
    async with asyncssh.connect(name, config=[config]) as connection:
        runs = [connection.run(f"exec /bin/sh -s {uuid.uuid4()}", input=script) for _ in range(PER_HOST)]
        return [each.stdout for each in await asyncio.gather(*runs)]
async def main():
    return sum(await asyncio.gather(*[one(name) for name in hosts]), [])
outputs = asyncio.run(main())
""",
    "apssh": """
from asynciojobs import Scheduler
from apssh import CaptureFormatter, Run, SshJob, SshNode
formatters, jobs = [], []
for address in hosts.values():
    for _ in range(PER_HOST):
        formatters.append(CaptureFormatter(verbose=False))
        node = SshNode(address, username="root", keys=[key], formatter=formatters[-1], verbose=False)
        jobs.append(SshJob(node, command=Run(command), verbose=False))
assert Scheduler(*jobs).run()
outputs = [each.get_capture() for each in formatters]
""",
    "fabric": """
from concurrent.futures import ThreadPoolExecutor
from fabric import Config, Connection
from paramiko import SSHConfig
def one(name):
    with Connection(name, config=Config(ssh_config=SSHConfig.from_path(config))) as connection:
        return [connection.run(command, hide=True).stdout for _ in range(PER_HOST)]
with ThreadPoolExecutor(len(hosts)) as pool:
    outputs = sum(pool.map(one, hosts), [])
""",
    "enoslib": """
import enoslib
enoslib.set_config(ansible_forks=100)
nodes = [enoslib.Host(address, alias=name, user="root", keyfile=key) for name, address in hosts.items()]
roles = enoslib.Roles(all=nodes)
outputs = [each.stdout for each in enoslib.run_command(command, roles=roles)]
""",
    # It runs the ssh and scp that it finds, and keeps its files at home.
    "nepi": """
import os, shutil
for tool in "ssh", "scp":
    with open(tool, "w") as file:
        file.write(f'#!/bin/sh\\nexec {shutil.which(tool)} -F {config} "$@"\\n')
    os.chmod(tool, 0o700)
here = os.getcwd()
os.environ |= {"HOME": here, "PATH": f"{here}:{os.path.dirname(sys.executable)}:{os.environ['PATH']}"}
from nepi.execution.ec import ExperimentController
ec = ExperimentController(exp_id="bench")
apps = []
for address in hosts.values():
    node = ec.register_resource("linux::Node", hostname=address, username="root", identity=key)
    for _ in range(PER_HOST):
        apps.append(ec.register_resource("linux::Application", command=command))
        ec.register_connection(node, apps[-1])
ec.deploy()
ec.wait_finished(apps)
outputs = [ec.trace(app, "stdout") for app in apps]
ec.shutdown()
""",
}
TAIL = """
assert len(outputs) == len(hosts) * PER_HOST, outputs
assert sorted({text.strip() for text in outputs}) == sorted(hosts), outputs
"""

# In one process: the others would measure how fast Python starts. Its arguments as above, and it prints seconds.
COMMANDS = {
    "netreel": """
from concurrent.futures import ThreadPoolExecutor
from rms.ssh import Address, connect
transports = [connect(Address(name, config=config)) for name in hosts]
with ThreadPoolExecutor(40) as pool:
    run = lambda n: transports[n % len(hosts)].run("echo", str(n)).stdout
    list(pool.map(run, range(100)))
    began = time.perf_counter()
    done = list(pool.map(run, range(1000)))
    print(time.perf_counter() - began)
assert len(done) == 1000
for each in transports: each.close()
""",
    "a channel for each": """
from concurrent.futures import ThreadPoolExecutor
from paramiko import ChannelException
from rms.ssh import Address, connect
transports = [connect(Address(name, config=config)) for name in hosts]
def session(connection):
    while True:
        try:
            return connection.open_session()
        except ChannelException:  # sshd, which has only so many, is not done with those that have been closed
            pass
def run(n):
    channel = session(connections[n % len(hosts)])
    channel.exec_command(f"echo {n}")
    data = b"".join(iter(lambda: channel.recv(65536), b""))
    channel.recv_exit_status()
    channel.close()
    return data
with ThreadPoolExecutor(40) as pool:
    connections = [each._link.connection()._transport for each in transports]
    list(pool.map(run, range(100)))
    began = time.perf_counter()
    done = list(pool.map(run, range(1000)))
    print(time.perf_counter() - began)
assert all(done)
for each in transports: each.close()
""",
}
LOGINS = {
    "netreel": """
from concurrent.futures import ThreadPoolExecutor
from rms.ssh import Address, connect
began = time.perf_counter()
transports = [connect(Address(name, config=config)) for name in hosts]
with ThreadPoolExecutor(16) as pool:
    done = list(pool.map(lambda each: each.run("hostname").stdout, transports))
print(time.perf_counter() - began)
assert len(set(done)) == len(hosts)
for each in transports: each.close()
""",
    "asyncssh": """
import asyncio, asyncssh
async def one(name):
    connection = await asyncssh.connect(name, config=[config], login_timeout=100)
    return connection, (await connection.run("hostname")).stdout
async def main():
    began = time.perf_counter()
    done = await asyncio.gather(*[one(name) for name in hosts])
    print(time.perf_counter() - began)
    assert len({name for _, name in done}) == len(hosts)
asyncio.run(main())
""",
}
# What it prints is no time that anybody waits for, but seconds of a processor.
RUNNING = {
    "netreel": """
from pathlib import Path
from engine import ExperimentController
calm = Path("calm")  # hosts are asked whether they are there as often as by default, not as in tests
calm.write_text(f"ServerAliveInterval 15\\n{Path(config).read_text()}")
with ExperimentController("bench") as ec:
    apps = []
    for name in hosts:
        node = ec.register_resource("linux::Node", hostname=name, sshConfig=str(calm.absolute()))
        for _ in range(1000 // len(hosts)):
            apps.append(ec.register_resource("linux::Application", command="exec sleep 1000", connectedTo=node))
    ec.deploy()
    assert ec.wait_started(apps)
    time.sleep(5)  # what it still has to do for the starts is no part of it
    began = time.process_time()
    time.sleep(30)
    print(time.process_time() - began)
""",
}


class Goal(NamedTuple):
    """Ours must take at most `ratio` times as long as `peer`, or at most so many seconds."""

    peer: str
    ratio: float


class Bench(NamedTuple):
    title: str
    programs: dict[str, str]
    hosts: int
    goals: list[Goal]
    seconds: float | None = None  # ours takes no longer, whatever others do
    nepi_turns: int = 0


class Taken(NamedTuple):
    seconds: float
    cpu: float


def whole(names, per_host=1):
    return {name: f"PER_HOST = {per_host}\n{HEAD}{BODIES[name]}{TAIL}" for name in names}


def within(programs):
    return {name: HEAD + body for name, body in programs.items()}


BENCHES = {
    "a": Bench("one command on one host", whole(BODIES), 1, [Goal("apssh", 1.0), Goal("nepi", 1 / 5)], nepi_turns=3),
    "b": Bench(
        "one command on 20 hosts",
        whole(BODIES),
        20,
        [Goal("apssh", 1.0), Goal("fabric", 1.0), Goal("enoslib", 1 / 4), Goal("nepi", 1 / 25)],
        nepi_turns=2,
    ),
    "c": Bench(
        "50 applications on one host",
        whole(["netreel", "fabric", "nepi"], per_host=50),
        1,
        [],
        seconds=2.0,
        nepi_turns=1,
    ),
    "d": Bench(
        "1,000 short commands on 20 hosts, without logins", within(COMMANDS), 20, [Goal("a channel for each", 1 / 2)]
    ),
    "e": Bench("logging in to 200 hosts, and one command", within(LOGINS), 200, [Goal("asyncssh", 1.5)]),
    "f": Bench(
        "a processor's seconds that 1,000 running commands on 100 hosts cost the controller in 30 s",
        within(RUNNING),
        100,
        [],
        seconds=0.02 * 30,
    ),
    # As (b) where the processors of the hosts are not what is waited for: they are this machine's.
    "g": Bench(
        "one command on 4 hosts",
        whole(["netreel", "asyncssh", "apssh", "fabric"]),
        4,
        [Goal("apssh", 1.0), Goal("fabric", 1.0)],
    ),
}


def take(python, program, arguments):
    """What a program takes: the seconds that it prints, or those of its whole life."""
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {"NETREEL_HOME": home, "PYTHONPATH": str(ROOT) if python == sys.executable else ""}
        environment.pop(
            "PYTHONDONTWRITEBYTECODE", None
        )  # others have theirs from pip, as ours will once it is installed
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        done = subprocess.run(
            [python, "-c", program, *arguments], capture_output=True, text=True, check=False, cwd=home, env=environment
        )
        took = time.perf_counter() - began
    if done.returncode:
        raise SystemExit(f"{done.stdout}{done.stderr}\nthis program failed:\n{program}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return Taken(float(done.stdout) if "print(time" in program else took, cpu)


def measure(bench, pool, peers, repeat):
    """What each program takes, in turns."""
    hosts = pool.get(bench.hosts)[: bench.hosts]
    arguments = [str(pool.ssh_config), str(pool.login_key), COMMAND, *(f"{host.name}={host.address}" for host in hosts)]
    found = {name: [] for name in bench.programs}
    for turn in range(repeat):
        for name, program in bench.programs.items():
            if name == "nepi" and turn >= bench.nepi_turns:
                continue
            python = str(peers / "bin" / "python") if name in PEERS else sys.executable
            found[name].append(take(python, program, arguments))
    return found


def judge(bench, found):
    """What was measured, what it means, and the goals that were missed."""
    ours = found["netreel"]
    report = {"title": bench.title, "programs": {}, "missed": []}
    for name, times in found.items():
        ratios = [mine.seconds / theirs.seconds for mine, theirs in zip(ours, times, strict=False)]  # of the same turns
        report["programs"][name] = {
            "turns": len(times),
            "seconds": statistics.median(each.seconds for each in times),
            "cpu": statistics.median(each.cpu for each in times),
            "ratio": statistics.median(ratios),
            "spread": [min(ratios), max(ratios)],
        }
    for peer, most in bench.goals:
        if report["programs"][peer]["ratio"] > most:
            report["missed"].append(f"at most {most:.2f} of {peer}")
    if bench.seconds is not None and report["programs"]["netreel"]["seconds"] > bench.seconds:
        report["missed"].append(f"at most {bench.seconds:g} s")
    return report


def show(report):
    print(f"\n{report['title']}")
    for name, figures in report["programs"].items():
        low, high = figures["spread"]
        ratio = "" if name == "netreel" else f"   netreel takes {figures['ratio']:.2f} of it ({low:.2f} to {high:.2f})"
        print(f"    {name:<20}{figures['seconds']:7.2f} s, CPU {figures['cpu']:.2f} s{ratio}")
    for goal in report["missed"]:
        print(f"    MISSED: {goal}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", default=",".join(BENCHES), help=f"of {', '.join(BENCHES)}")
    parser.add_argument("--peers", type=Path, default=DIRECTORY)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if why_not():
        raise SystemExit(why_not())
    benches = [BENCHES[letter] for letter in options.only.split(",")]
    if any(name in PEERS for bench in benches for name in bench.programs):
        install(options.peers)
    pool = Pool()
    reports = []
    try:
        for bench in benches:
            reports.append(judge(bench, measure(bench, pool, options.peers, options.repeat)))
            if not options.json:
                show(reports[-1])
    finally:
        pool.close()
    if options.json:
        print(json.dumps(reports, indent=1))
    return 1 if any(report["missed"] for report in reports) else 0


if __name__ == "__main__":
    sys.exit(main())

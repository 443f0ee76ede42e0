"""How benchmarks run programs, what they take of the machine, and how figures are told."""

import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(script, *arguments, python=sys.executable):
    """What a program prints in its last line, as JSON. It runs in a directory of its own, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as here:
        environment = os.environ | {"NETREEL_HOME": here, "PYTHONWARNINGS": "ignore"}
        ours = [str(ROOT), str(ROOT / "benchmarks")] if python == sys.executable else []
        environment["PYTHONPATH"] = os.pathsep.join(ours)
        command = [python, str(ROOT / "benchmarks" / script), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def machine():
    """What the figures are from."""
    disk = Disk()
    return {
        "taken": time.strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} cores of {_processor()}",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sync": statistics.median(disk.sync() for _ in range(200)),
        "load": os.getloadavg()[0],
    }


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(": ")[2]
    return platform.machine()


class Disk:
    """How long a write and its sync take: the least, of 100 bytes that are written over."""

    def __init__(self, directory=None):
        self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - it is gone with this object
        weakref.finalize(self, self._file.close)
        self.sync()

    def sync(self):
        """Seconds."""
        began = time.perf_counter()
        os.pwrite(self._file.fileno(), bytes(100), 0)
        os.fdatasync(self._file.fileno())
        return time.perf_counter() - began


def percentile(values, percent):
    """The smallest of the values that so many percent of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def ratios(ours, theirs):
    """Median, smallest and largest ratio of figures that were taken in the same rounds."""
    each = [mine / other for mine, other in zip(ours, theirs, strict=False)]
    return statistics.median(each), min(each), max(each)


def exponent(sizes, times):
    """By what power of the size the time grows: the slope of a line through the logarithms."""
    return statistics.linear_regression(list(map(math.log, sizes)), list(map(math.log, times))).slope


def digits(value):
    """A figure with three digits."""
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}" if 0 < value < 1000 else f"{value:,.0f}"


def seconds(value):
    """A time in the unit that suits it."""
    return f"{digits(value)} s" if value >= 1 else f"{digits(value * 1000)} ms"


def spread(ratio):
    """A ratio with its spread."""
    middle, low, high = map(digits, ratio)
    return f"{middle} ({low} to {high})"

"""The second controller: takes the run over from its log and sees it through.

usage: successor.py KIND RUN_DIR [SECONDS]
"""

import sys
from importlib import import_module

import replay
from engine import ResourceState


def main(kind: str, run_dir: str, seconds: float | None = None) -> None:
    """Go on from wherever the first controller died."""
    experiment = import_module(kind)
    with replay.reconnect(run_dir) as ec:
        there = ec.resources
        if not set(experiment.NAMES) <= set(there) or any(ec.state(guid) is ResourceState.NEW for guid in there):
            # It died before it had deployed anything.
            experiment.describe(ec, seconds or experiment.SECONDS)
            ec.deploy()
        ec.wait_finished(experiment.LAST)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:]))

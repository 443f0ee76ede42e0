"""The second controller: takes the run over from its log and sees it through.

usage: successor.py RUN_DIR [SECONDS]
"""

import sys

from experiment import CLIENT, NAMES, SAMPLER, SERVER, describe

import replay
from engine import ExperimentController, ResourceState


def finish(ec: ExperimentController, seconds: float = 3.0) -> bool:
    """Go on from wherever the first controller died; True if all three commands came to their end."""
    there = ec.resources
    if len(there) < len(NAMES) or any(ec.state(guid) is ResourceState.NEW for guid in there):
        # It died before it had deployed anything.
        describe(ec, seconds)
        ec.deploy()
    return ec.wait_finished([SERVER, CLIENT, SAMPLER])


def main(run_dir: str, seconds: float = 3.0) -> None:
    with replay.reconnect(run_dir) as ec:
        finish(ec, seconds)


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))

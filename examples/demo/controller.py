"""The first controller: describes the experiment, deploys it, and sees it through, if it is let.

usage: controller.py HOME [SECONDS]
"""

import sys

from experiment import CLIENT, SAMPLER, SERVER, describe

from engine import ExperimentController


def main(home: str, seconds: float = 3.0) -> None:
    with ExperimentController("demo", local_dir=home) as ec:
        print(ec.run_dir, flush=True)
        describe(ec, seconds)
        ec.deploy()
        ec.wait_finished([SERVER, CLIENT, SAMPLER])


if __name__ == "__main__":
    main(sys.argv[1], *map(float, sys.argv[2:]))

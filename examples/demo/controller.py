"""The first controller: describes the experiment, deploys it, and sees it through, if it is let.

usage: controller.py KIND HOME [SECONDS]
"""

import sys
from importlib import import_module

from engine import ExperimentController


def main(kind: str, home: str, seconds: float | None = None) -> None:
    experiment = import_module(kind)
    with ExperimentController("demo", local_dir=home) as ec:
        print(ec.run_dir, flush=True)
        experiment.describe(ec, seconds or experiment.SECONDS)
        ec.deploy()
        ec.wait_finished(experiment.LAST)


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(float, sys.argv[3:]))

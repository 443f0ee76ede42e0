"""How late functions are called that were scheduled: so many, spread evenly over so many seconds."""

import json
import sys
import threading
import time
from datetime import datetime, timedelta
from functools import partial

from engine import ExperimentController

TRIAL = 200

late = []
all_called = threading.Event()


def call(due, number):
    late.append(time.time() - due.timestamp())
    if len(late) == number:
        all_called.set()


def main():
    number, span = int(sys.argv[1]), float(sys.argv[2])
    with ExperimentController("bench", local_dir="runs") as ec:
        began = time.monotonic()
        with ec.batch():
            for _ in range(TRIAL):
                ec.schedule("1h", all_called.set)
        lead = 2 + 3 * number / TRIAL * (time.monotonic() - began)  # by then all have been scheduled
        first = datetime.now().astimezone() + timedelta(seconds=lead)
        with ec.batch():
            for each in range(number):
                due = first + timedelta(seconds=span * each / number)
                ec.schedule(due, partial(call, due, number))
        assert datetime.now().astimezone() < first, "they were not scheduled in time"
        assert all_called.wait(lead + span + 60)
    print(json.dumps(late))


main()

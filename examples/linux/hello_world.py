"""Bring a program in C to a host, build it there, and run it.

python examples/linux/hello_world.py HOST
"""

import sys

from engine import ExperimentController
from rms.linux import Application, Node

PROGRAM = """
#include <stdio.h>

int main(void)
{
    puts("Hello, world!");
    return 0;
}
"""

if len(sys.argv) != 2:
    sys.exit(__doc__)

with ExperimentController("hello-world") as ec:
    host = ec.add(Node(hostname=sys.argv[1]))
    hello = ec.add(
        Application(
            code=PROGRAM,
            depends="gcc",
            build='gcc -Wall -x c "${CODE}" -o hello',
            install='mv hello "${BIN}/hello-world"',
            command='"${BIN}/hello-world"',
        ),
        on=host,
    )
    ec.deploy()
    ec.wait_finished(hello)
    print(ec.trace(hello, "stdout"), end="")

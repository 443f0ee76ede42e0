"""Whom netreel is measured against: installed by pip into an environment of their own.

NEPI 6.1.2 does not run on Python 3.9 and later as it is, so three lines of the copy in that environment are changed:
`isAlive`, which threads have no more, in `nepi/util/parallel.py` (without it every deployment hangs, and says nothing);
and in `nepi/util/sshfuncs.py` the output of `ssh` is decoded, twice, which is joined as if it were text.
"""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIRECTORY = ROOT / ".bench"
# asynciojobs comes with apssh.
PACKAGES = ["asyncssh", "apssh", "fabric", "enoslib", "networkx", "six"]
NEPI = "nepi==6.1.2"  # what it needs is among the packages
NEPI_CHANGES = [
    ("util/parallel.py", "worker.isAlive()", "worker.is_alive()"),
    ("util/sshfuncs.py", "stdout = ''.join(stdout)", "stdout = b''.join(stdout).decode(errors='replace')"),
    ("util/sshfuncs.py", "stderr = ''.join(stderr)", "stderr = b''.join(stderr).decode(errors='replace')"),
]


def install(directory=DIRECTORY):
    """Have them there; their Python."""
    python = directory / "bin" / "python"
    ready = directory / f".ready-{NEPI}"
    if not ready.exists():
        print(f"installing {', '.join(PACKAGES)} and {NEPI} in {directory}", file=sys.stderr)
        venv.create(directory, clear=True, with_pip=True)
        pip = [directory / "bin" / "pip", "install", "--quiet"]
        subprocess.run([*pip, *PACKAGES], check=True)
        subprocess.run([*pip, "--no-deps", NEPI], check=True)
        (nepi,) = directory.glob("lib/python*/site-packages/nepi")
        for name, old, new in NEPI_CHANGES:
            file = nepi / name
            file.write_text(file.read_text().replace(old, new))
        ready.touch()
    return str(python)

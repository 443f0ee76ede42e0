"""Another kernel for tests: User-mode Linux, one process of this machine, with this machine's files to read.

Debian's has what the kernel of a machine may lack: netem, VLANs, GRE and more, all as modules. A guest has no network
but its own, and memory in place of /tmp and /run; it can only read what else there is, so nothing of it is left.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

KERNEL = "linux.uml"
MODULES = Path("/usr/lib/uml/modules")
MEMORY = "1G"
OWN = ("/tmp", "/run", "/dev/shm")
"""What a guest has its own of."""

# What it says last is how the command ended: the kernel itself ends well, whatever has become of it.
INIT = """\
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
for place in {own}; do mount -t tmpfs tmpfs $place; done
mount -t cgroup2 cgroup2 /sys/fs/cgroup
echo "+memory +cpu" >/sys/fs/cgroup/cgroup.subtree_control
echo 2 >/proc/sys/net/core/fb_tunnels_only_for_init_net # or each namespace has a gre0 and others, unasked
ip link set lo up
for module in {modules}; do modprobe -d {directory} $module || echo "no module $module"; done
cd {cwd}
{command}
echo "guest ended with $?"
busybox poweroff -f
"""


@dataclass(frozen=True)
class Ended:
    """How a command in a guest has ended.

    Attributes:
        code: its exit status; None if the guest ended before it.
        output: what it has written, and what the kernel has said.
    """

    code: int | None
    output: str


def why_not() -> str | None:
    """What this machine lacks to have guests; None if nothing."""
    programs = {KERNEL: "user-mode-linux", "busybox": "busybox", "modprobe": "kmod", "unshare": "util-linux"}
    missing = sorted(package for program, package in programs.items() if shutil.which(program) is None)
    if missing:
        return f"apt-get install {' '.join(missing)}"
    if any(Path.cwd().is_relative_to(place) for place in OWN):
        return f"a guest has {', '.join(OWN)} of its own, so it does not see {Path.cwd()}"
    return None if os.geteuid() == 0 else "a guest reads the files of this machine as root"


def run(command: Sequence[object], modules: Sequence[str], timeout: float) -> Ended:
    """Boots a guest, runs a command in it from here, and gives what came of it.

    Raises:
        subprocess.TimeoutExpired: it took longer than `timeout` seconds; the guest is ended.
    """
    # A guest has its own /tmp, so what it is to find lies elsewhere.
    with tempfile.TemporaryDirectory(prefix="netreel-guest-", dir="/var/tmp") as name:
        directory = Path(name)
        (directory / "lib").mkdir()
        (directory / "lib" / "modules").symlink_to(MODULES)
        init = directory / "init"
        words = shlex.join(str(word) for word in command)
        how = {"own": " ".join(OWN), "modules": " ".join(modules), "directory": directory, "cwd": Path.cwd()}
        init.write_text(INIT.format(**how, command=words))
        init.chmod(0o755)
        # A guest is many processes: in a namespace of their own they end with the first one.
        kernel = ["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", KERNEL, f"mem={MEMORY}"]
        files = ["root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", f"init={init}"]
        console = ["con=null", "con0=null,fd:1", "console=tty0", "quiet"]
        done = subprocess.run(
            [*kernel, *files, *console],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    output = done.stdout.decode(errors="replace").replace("\r\n", "\n")
    _, said, code = output.rpartition("guest ended with ")
    return Ended(int(code.split()[0]) if said else None, output)

"""`linux::Node`: a Linux host."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from engine.core.states import ResourceState, Step
from engine.rm.attributes import attr
from engine.rm.outcomes import NeverBegan
from engine.rm.transport import CommandFailed, TransportLost
from rms import shell
from rms._patience import until_answered
from rms.launch import Fenced, Launcher
from rms.linux import _layout
from rms.linux._jobs import Job, run_job
from rms.linux.host import ANSWER_TIMEOUT, Host
from rms.local import LocalTransport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from engine.rm.base import Intent
    from engine.rm.transport import Transport
    from rms.linux._archive import Archive
    from rms.linux._layout import Layout

_LOCAL: Final = ("localhost", "127.0.0.1", "::1")
_HOSTNAME: Final = re.compile(r"\w[\w.:%+-]*")
# What would mean something to the shell of a ProxyCommand, as in OpenSSH.
_NO_WORD: Final = re.compile(r"""[\s\0-\x1f'"`$\\;&<>|(){}]|^-|^$""")
_SLOWEST: Final = 100_000  # bytes of an archive per second that a host must unpack

_PREPARE: Final = resources.files("rms.linux").joinpath("prepare.sh").read_text("utf-8")
_STORE: Final = resources.files("rms.linux").joinpath("store.sh").read_text("utf-8")

_CLEAN_SHARED: Final = """
for run in "$1"/exp/*/*/*/epochs; do [ ! -d "$run" ] || [ "${run%/*}" = "$2" ] || exit 0; done
cd "$1" && rm -rf lib bin src share store && umask 077 && mkdir lib bin src share store
"""
"""Empties what all experiments of a user share, while no other run is there that may need it."""


def _check_hostname(name: str) -> None:
    if not _HOSTNAME.fullmatch(name):
        raise ValueError(
            f"{name!r} is no name of a host: letters, digits, '-' and '.', or an address; the user and the port are "
            "attributes of their own"
        )


def _check_user(name: str) -> None:
    if _NO_WORD.search(name):
        raise ValueError(f"{name!r} is no name of a user: it has no blanks and no characters of the shell")


def _check_gateway(hops: str) -> None:
    for hop in hops.split(","):
        if _NO_WORD.search(hop.strip()):
            raise ValueError(f"{hop!r} is no gateway: write [user@]host[:port], with commas between")


def _check_home(path: str) -> None:
    shell.encoded("home", path)
    if "\n" in path or ".." in PurePosixPath(path).parts:
        raise ValueError(f"{path!r} is a directory on the host, absolute or below the user's home, without '..'")
    if path.startswith(("~", "$HOME", "${HOME}")):
        raise ValueError(
            f"{path!r} would be taken as it stands, since no shell reads it: what is not absolute is below the user's "
            "home, so write 'x' in place of '~/x'"
        )


@cache
def this_machine() -> LocalTransport:
    """One for all nodes: each would hold a thread and an inotify instance, of which a user has few."""
    return LocalTransport()


class Node(Host, rtype="linux::Node"):
    """A Linux host, reached over SSH; ``localhost`` without a user, port or gateway is this machine, without SSH.

    What an experiment puts there is below one directory, private to its user (docs/linux.md). Nothing need be installed
    there but a POSIX shell and the usual file utilities.
    """

    hostname: str = attr(check=_check_hostname, help="Name or address of the host; localhost needs no SSH.")
    username: str | None = attr(
        default=None, check=_check_user, help="User on the host; by default as the SSH configuration says."
    )
    port: int | None = attr(default=None, ge=1, le=65535, help="Port of its SSH server.")
    identity: str | None = attr(default=None, help="File with the private key for it.")
    gateway: str | None = attr(
        default=None,
        check=_check_gateway,
        help="Host to go through, as [user@]host[:port]; several, separated by commas, in this order.",
    )
    gateway_user: str | None = attr(default=None, check=_check_user, help="User on gateways that do not say.")
    ssh_config: str | None = attr(default=None, help="SSH configuration to read in place of ~/.ssh/config.")
    host_keys: str | None = attr(
        default=None,
        choices=("yes", "accept-new", "no"),
        help="Whether host keys are checked; by default as the SSH configuration says, which is yes.",
    )
    home: str = attr(
        default="", check=_check_home, help="Directory to put things below, absolute or below the user's home."
    )
    clean_experiment: bool = attr(
        default=False, help="Whether what earlier runs of this experiment have left there is removed first."
    )
    clean_home: bool = attr(
        default=False, help="Whether what all earlier runs of this user have left there is removed first."
    )
    tear_down: str | None = attr(default=None, help="Shell commands to run there at the end.")

    def setup(self) -> None:
        """See `ResourceManager.setup`."""
        self._making = threading.RLock()
        self._placing = threading.Lock()
        self._placed: set[tuple[str, str]] = set()  # archives that this controller has put in place, and where
        self._installing = threading.Lock()
        self._transport: Transport | None = None
        self._launcher: Launcher | None = None
        self._facts: dict[str, Any] | None = None

    # --- the way to it ------------------------------------------------------------------------------------------

    @property
    def is_local(self) -> bool:
        """Whether it is this machine, reached without SSH."""
        return self.hostname in _LOCAL and not (self.username or self.port or self.gateway)

    @property
    def transport(self) -> Transport:
        """The way to the host. Connects if need be.

        Raises:
            TransportLost, CommandFailed: there is no such host, or it lets nobody in.
        """
        with self._making:
            if self._transport is None:
                self._transport = this_machine() if self.is_local else self._connect()
            return self._transport

    def _connect(self) -> Transport:
        from rms import ssh  # noqa: PLC0415 - brings in paramiko, which this machine alone does not need

        return ssh.connect(
            ssh.Address(
                hostname=self.hostname,
                username=self.username,
                port=self.port,
                identity=self.identity,
                gateway=self.gateway,
                gateway_user=self.gateway_user,
                config=self.ssh_config,
                host_keys=cast("Literal['yes', 'accept-new', 'no'] | None", self.host_keys),
            ),
            self._note_change,
        )

    def _note_change(self, lost_since: datetime | None, why: str) -> None:
        """Say that the host is lost, or no longer is; on a thread of the transport."""
        self.remark("" if lost_since is None else f"has not answered since {lost_since:%H:%M:%S} UTC: {why}")

    @property
    def launcher(self) -> Launcher:
        """Starts commands on the host, and finds them again."""
        with self._making:
            if self._launcher is None:
                self._launcher = Launcher(self.transport, self.layout.base, self.epoch)
            return self._launcher

    @property
    def facts(self) -> dict[str, Any]:
        """What kind of host it is: the keys are described in docs/linux.md.

        Raises:
            LookupError: it was not asked yet.
        """
        facts = self._facts or (self.receipts.get(Step.PROVISION) or {}).get("facts")
        if facts is None:
            raise LookupError(f"#{self.guid} {self.hostname} was not provisioned yet, so nothing is known about it")
        return dict(facts)

    @property
    def layout(self) -> Layout:
        """Where things are there."""
        if self.is_local:
            return _layout.on_this_machine(self._root(), PurePosixPath(self.run_dir), self.guid)
        return self._layout_below(self.facts["root"])

    def _layout_below(self, root: str) -> Layout:
        return _layout.on_host(root, self.run_dir.parent.name, self.run_dir.name, self.guid)

    @property
    def installing(self) -> threading.Lock:
        """See `Host.installing`."""
        return self._installing

    @property
    def is_let_go(self) -> bool:
        """Whether it was released, and nobody is to ask the host for anything."""
        return not self.is_local and self.state is ResourceState.RELEASED

    # --- hooks --------------------------------------------------------------------------------------------------

    def provision(self, intent: Intent) -> dict[str, Any]:
        """See that the host answers, what it is, and that it has room for us."""
        facts = self._facts = self._ask()
        # From here on the host is known to be there: if it does not answer, it may again.
        until_answered(intent, self.log, self._clean)
        return {"facts": facts}

    def release(self, intent: Intent) -> None:
        """Let go of the host. What ran there was released before; what it wrote stays there, unless `hard_release`."""
        if Step.PROVISION in self.receipts:
            if self.tear_down:
                job = Job("tear_down", self.tear_down, self.layout.variables(self.guid), self.layout.base)
                run_job(self, self, intent, job)
            if self.hard_release:
                until_answered(intent, self.log, self.launcher.remove)
            else:
                self._give_up_claim()
        self._let_go()

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> NeverBegan:  # noqa: ARG002
        """Preparing a host can be done again at any time."""
        return NeverBegan()

    def _give_up_claim(self) -> None:
        """Let later runs clean away what is there. A host that does not answer is not worth waiting for."""
        if self.is_local or getattr(self.transport, "lost_since", None):
            return
        with suppress(CommandFailed, TransportLost, Fenced):
            self.launcher.release()

    def _let_go(self) -> None:
        with self._making:
            launcher, self._launcher = self._launcher, None
            transport, self._transport = self._transport, None
        if launcher:
            launcher.close()
        if transport and not self.is_local:
            transport.close()

    # --- its preparation ----------------------------------------------------------------------------------------

    def _root(self) -> str:
        """The directory that all experiments share, as `prepare.sh` takes it."""
        if self.is_local and not self.home:
            return str(self.run_dir.parent.parent / ".host")  # where the runs are, so is what they share
        return str(PurePosixPath(self.home) / ".netreel")

    def _ask(self) -> dict[str, Any]:
        """Make the directories there, and learn what host it is, in one round trip."""
        root = self._root()
        base = self.layout.base if self.is_local else self._layout_below(_from_home(root)).base
        before = time.time()
        launcher, told = Launcher.contact(self.transport, base, self.epoch, _PREPARE, root)
        after = time.time()
        with self._making:
            self._launcher = launcher
        facts: dict[str, Any] = dict(line.split(" ", 1) for line in told.decode(errors="replace").splitlines())
        facts["cores"] = int(facts["cores"] or 0)
        facts["memory"] = int(facts["memory"]) * 1024
        facts["clock_offset"] = round(_clock(facts.pop("clock")) - (before + after) / 2, 3)
        facts["clock_uncertainty"] = round((after - before) / 2, 3)
        return facts

    def _clean(self) -> None:
        """Remove what earlier runs have left, but for what still runs, and nothing that is not ours.

        On this machine the files of a run are part of its record, and the record is no litter.
        """
        layout = self.layout
        left: list[str] = []
        if self.clean_home and not self.is_local:
            left = self.launcher.sweep(layout.exp, 3)
        elif self.clean_experiment and not self.is_local:
            left = self.launcher.sweep(layout.exp_home, 2)
        if left:
            self.log.warning("runs were not cleaned, since they go on or may do so", host=self.hostname, runs=left)
        if self.clean_home:
            self.run("cleaning", _CLEAN_SHARED, layout.root, layout.base)

    # --- for what runs on it ------------------------------------------------------------------------------------

    def place(self, archive: Archive, directory: str) -> None:
        """Put the files of an archive below a directory there; it is sent only if the host does not have it.

        Raises:
            CommandFailed: they cannot be put there.
            TransportLost: nobody answered.
        """
        with self._placing:
            if (archive.digest, directory) in self._placed:
                return
            epochs = (f"{self.layout.base}/epochs", f"{self.epoch:08d}")
            args = (self.layout.shared("store"), archive.digest, directory, *epochs)
            patience = ANSWER_TIMEOUT + archive.size / _SLOWEST
            if b"missing" in self.run("placing files", _STORE, *args, timeout=patience).stdout:
                archive.file.seek(0)
                self.run("placing files", _STORE, *args, "receive", stdin=archive.file, timeout=patience)
            self._placed.add((archive.digest, directory))


def _from_home(path: str) -> str:
    """A path, absolute or below the user's home, as the launcher takes it."""
    return path if PurePosixPath(path).is_absolute() else f"~/{path}"


def _clock(text: str) -> float:
    """A time as `date +%s.%N` tells it; not every `date` knows the second half."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) + (int(fraction) / 1e9 if fraction.isdecimal() else 0.5)

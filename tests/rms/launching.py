"""What the tests of the launcher share: real runs on this machine, and a launch script that can be made to stumble."""

import os
import re
import select
import shutil
import signal
import threading
from pathlib import Path

import pytest

from engine.rm.transport import CommandFailed, Completed, TransportLost
from rms import _script
from rms.launch import Launcher
from rms.local import _READ_SCRIPT, LocalTransport
from tests.contracts.transport import PATIENCE, Inbox

SHELLS = [shell for shell in ("dash", "bash", "busybox", "ksh", "mksh", "yash") if shutil.which(shell)]
STEPS = re.findall(r"# step: (\w+)", _script.TEXT)


def use_shell(shell: str, place: Path, monkeypatch) -> None:
    """Makes `shell` the `sh` of this host, as it would be on a host that has it as its `sh`."""
    place.mkdir()
    (place / "sh").symlink_to(shutil.which(shell))
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")


class StayingTransport(LocalTransport):
    """One that has a shell stay with each script, as hosts over SSH do."""

    run_light = LocalTransport.run

    def attend(self, script, *args, stdin, timeout, on_end):
        text = script.encode() + b"\n"
        process = self._spawn(["sh", "-c", _READ_SCRIPT, "sh", str(text.count(b"\n")), *args])
        process.stdin.write(text + stdin)
        process.stdin.close()
        pidfd = os.pidfd_open(process.pid)
        said = process.stdout in select.select([process.stdout, pidfd], [], [])[0]
        line = process.stdout.readline() if said else b""

        def done():
            with process:
                select.select([pidfd], [], [])
                os.close(pidfd)
                for stream in (process.stdout, process.stderr):  # what it has left running may have it, too
                    os.set_blocking(stream.fileno(), False)
                out, err = line + (process.stdout.read() or b""), process.stderr.read() or b""
            return Completed(process.returncode, out, err)

        if not line.startswith(b"began "):
            return done()
        threading.Thread(target=lambda: on_end(done()), daemon=True).start()
        return line


TRANSPORTS = [LocalTransport, pytest.param(StayingTransport, marks=pytest.mark.torture)]


class Lab:
    """A run's directory, launchers of several controllers, and a count of what ran."""

    def __init__(self, place: Path, transport: type[LocalTransport] = LocalTransport) -> None:
        self.place = place
        self.base = str(place / "run")
        self.without_supervisor = TransportLost if transport is StayingTransport else CommandFailed
        """What a start tells whose supervisor is killed before the command began: that may be the shell that tells."""
        self._transport = transport
        self._transports: list[LocalTransport] = []

    def launcher(self, epoch: int = 1) -> Launcher:
        self._transports.append(self._transport())
        return Launcher(self._transports[-1], self.base, epoch)

    def counted(self, then: str = "") -> str:
        """A command that leaves a line in a file each time that it runs."""
        return f"echo ran >>{self.place}/ran\n{then}"

    def runs(self) -> int:
        ran = self.place / "ran"
        return len(ran.read_text().splitlines()) if ran.exists() else 0

    def tokens(self) -> list[str]:
        return [path.name for path in Path(self.base).iterdir() if (path / "claim").is_symlink()]

    def marks(self, token: str) -> dict[str, str]:
        links = (path for path in Path(self.base, token).iterdir() if path.is_symlink())
        return {path.name: str(path.readlink()) for path in links}

    def remark(self, token: str, name: str, content: str) -> None:
        """Forges a mark."""
        mark = Path(self.base, token, name)
        mark.unlink()
        mark.symlink_to(content)

    def reboot(self, token: str) -> None:
        """Makes it look as if the host had rebooted since an attempt was claimed; the second time, as if it had not."""
        words = self.marks(token)["claim"].split()
        words[3] = words[3].swapcase()
        self.remark(token, "claim", " ".join(words))

    def journal(self) -> list[str]:
        return Path(self.base, "journal").read_text().splitlines()

    def await_line(self, beginning: str) -> None:
        """Waits until the journal has a line that begins so: what is in it is told a moment after the mark is there."""
        told, content = threading.Event(), b"\n"

        def hear(data: bytes) -> None:
            nonlocal content
            content += data
            if f"\n{beginning} ".encode() in content:
                told.set()

        self._transports.append(LocalTransport())
        self._transports[-1].follow(f"{self.base}/journal", 0, hear)
        assert told.wait(PATIENCE), content

    def supervisor(self, token: str) -> int:
        return int(self.marks(token)["claim"].split()[1])

    def kill_supervisor(self, token: str) -> None:
        """Returns when it is dead: on a busy machine that takes a while."""
        pidfd = os.pidfd_open(self.supervisor(token))
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        assert select.select([pidfd], [], [], PATIENCE)[0]
        os.close(pidfd)

    def end(self, launcher: Launcher, token: str):
        """The end of an attempt, once it is told."""
        inbox = Inbox()
        launcher.watch(token, inbox.put)
        return inbox.take()

    def disarm(self) -> None:
        """Lets everybody pass where nobody has been killed or held yet."""
        for trap in (*self.place.glob("*.kill"), *self.place.glob("*.armed")):
            trap.unlink()

    def close(self) -> None:
        """Leaves nothing behind, and checks that."""
        self.disarm()
        if Path(self.base).exists():
            last = self.launcher(99_999_999)
            try:
                last.remove()
            except CommandFailed:  # something runs
                for token in self.tokens():
                    last.stop(token, grace=0)
                last.remove()
        for transport in self._transports:
            transport.close()


class Gate:
    """A step of the script at which a process says who it is and waits to be let on."""

    def __init__(self, place: Path, step: str) -> None:
        self._reached, self._go, self._armed = (place / f"{step}.{name}" for name in ("reached", "go", "armed"))
        for fifo in (self._reached, self._go):
            os.mkfifo(fifo)
        self._armed.touch()
        self._files = [os.open(fifo, os.O_RDWR) for fifo in (self._reached, self._go)]  # so that no opening blocks

    @property
    def script(self) -> str:
        return f"if rm {self._armed} 2>/dev/null; then echo $$ >{self._reached}; read -r resumed <{self._go}; fi"

    def pid(self) -> int:
        """Who waits here; waits until somebody does."""
        if not select.select([self._files[0]], [], [], PATIENCE)[0]:
            raise AssertionError(f"nobody came to {self._reached}")
        return int(os.read(self._files[0], 20))

    def open(self) -> None:
        os.write(self._files[1], b"\n")

    def close(self) -> None:
        for file in self._files:
            os.close(file)


def kill_once(place: Path, step: str) -> str:
    """Shell text with which the first process that comes by kills itself."""
    (place / f"{step}.kill").touch()
    return f"if rm {place}/{step}.kill 2>/dev/null; then kill -KILL $$; fi"


def insert(monkeypatch, step: str, text: str) -> None:
    """Has the launch script do `text` at a step."""
    assert step in STEPS
    script = _script.TEXT.replace(f"# step: {step}\n", f"{text}\n")
    monkeypatch.setattr(_script, "TEXT", script)

"""What a resource manager needs when it is tested alone: a port without an engine, a host without a machine."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import IO, TYPE_CHECKING

from msgspec import Struct, field

from engine.core.states import ResourceState
from engine.rm.transport import Completed, TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.rm.base import ResourceManager


class Told(Struct, frozen=True):
    """What a manager told of the end of its resource.

    Attributes:
        guid: the resource.
        code: its exit status, if one was told.
        why: why it failed; None if it came to its end.
        token: of the start that has ended, if it was told.
    """

    guid: int
    code: int | None
    why: str | None
    token: str | None


class FakePort(Struct):
    """An `engine.rm.base.Port`: it shows what the test puts there, and keeps what managers tell.

    Attributes:
        run_dir: where the files of the run live.
        epoch: which controller of the run this is.
        states: by guid.
        managers: by guid.
        connections: by guid, the guids of those that it is connected to.
        disabled: the traces that are not recorded, as (guid, name).
        told: what the managers told, oldest first.
        remarks: what they said is the matter with them, as (guid, remark), oldest first.
    """

    run_dir: Path
    epoch: int = 1
    states: dict[int, ResourceState] = field(default_factory=lambda: defaultdict(lambda: ResourceState.NEW))
    managers: dict[int, ResourceManager] = field(default_factory=dict)
    connections: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    disabled: set[tuple[int, str]] = field(default_factory=set)
    told: SimpleQueue[Told] = field(default_factory=SimpleQueue)
    remarks: list[tuple[int, str]] = field(default_factory=list)

    def state(self, guid: int) -> ResourceState:
        """The state of a resource."""
        return self.states[guid]

    def releasing(self, guid: int) -> bool:  # noqa: ARG002 - as the protocol has it
        """Whether the release of a resource was asked for; here each is released by itself."""
        return False

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        """The managers of those that it is connected to, of that type or of one that extends it."""
        others = (self.managers[other] for other in self.connections[guid])
        return [other for other in others if rtype in other.lineage()]

    def trace_enabled(self, guid: int, name: str) -> bool:
        """Whether a trace of a resource is to be recorded."""
        enabled = {trace.name: trace.enabled for trace in self.managers[guid].traces}
        return (guid, name) not in self.disabled and enabled.get(name, True)

    def ended(self, guid: int, code: int, token: str | None) -> None:
        """It came to its end."""
        self.told.put(Told(guid, code, None, token))

    def failed(self, guid: int, why: str, code: int | None, token: str | None) -> None:
        """It failed by itself."""
        self.told.put(Told(guid, code, why, token))

    def remarked(self, guid: int, what: str) -> None:
        """This is the matter with it."""
        self.remarks.append((guid, what))


class _Following(Struct):
    path: str
    offset: int
    on_data: Callable[[bytes], None]
    closed: bool = False

    def close(self) -> None:
        self.closed = True


class FakeTransport:
    """An `engine.rm.transport.Transport` to a host that exists in the memory of a test.

    Files are bytes by their paths. What a script does is said by the test. Callbacks run on a thread of their own, as
    with a real host; what makes something happen on the host returns when all of them have run.

    Args:
        answer: called with a script, its arguments and its input; what it returns is how that script ended.
        host: the name of the host.

    Attributes:
        files: by path.
        scripts: what was run, with its arguments and its input.
    """

    def __init__(
        self,
        answer: Callable[[str, tuple[str, ...], bytes], Completed] = lambda *_: Completed(0, b"", b""),
        host: str = "fake",
    ) -> None:
        self.files: dict[str, bytes] = {}
        self.scripts: list[tuple[str, tuple[str, ...], bytes]] = []
        self._host = host
        self._answer = answer
        self._lost: str | None = None
        self._followings: list[_Following] = []
        self._watched: list[tuple[tuple[int, str], Callable[[], None]]] = []
        self._gone: set[tuple[int, str]] = set()
        self._messenger = ThreadPoolExecutor(1, "fake-transport")

    # --- as a transport -----------------------------------------------------------------------------------------

    @property
    def host(self) -> str:
        """The name of the host."""
        return self._host

    def run(
        self,
        script: str,
        *args: str,
        stdin: bytes | IO[bytes] = b"",
        timeout: float | None = None,  # noqa: ARG002 - no script takes time here
    ) -> Completed:
        """Ask the test how this script ends."""
        self._reach()
        given = stdin if isinstance(stdin, bytes) else stdin.read()
        self.scripts.append((script, args, given))
        return self._answer(script, args, given)

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """The bytes of a file."""
        self._reach()
        data = self.files.get(path)
        return None if data is None else data[offset:][:size]

    def size(self, path: str) -> int | None:
        """The length of a file."""
        self._reach()
        data = self.files.get(path)
        return None if data is None else len(data)

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:  # noqa: ARG002 - nobody else is here
        """Put a whole file in place."""
        self._reach()
        self.files[path] = data

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> _Following:
        """Push what the file holds and what is appended to it."""
        self._reach()
        following = _Following(path, offset, on_data)
        self._followings.append(following)
        self._messenger.submit(self._tell)
        return following

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """Call back once that process is gone."""
        self._reach()
        self._watched.append(((pid, start_time), callback))
        self._messenger.submit(self._tell)

    def close(self) -> None:
        """Let go of everything."""
        self._messenger.shutdown(cancel_futures=True)

    # --- what happens on the host -------------------------------------------------------------------------------

    def append(self, path: str, data: bytes) -> None:
        """Something writes to a file."""
        self.files[path] = self.files.get(path, b"") + data
        self.settle()

    def exit(self, pid: int, start_time: str) -> None:
        """A process ends."""
        self._gone.add((pid, start_time))
        self.settle()

    def lose(self, why: str = "it does not answer") -> None:
        """From now on nobody answers."""
        self._lost = why

    def find(self) -> None:
        """The host answers again."""
        self._lost = None
        self.settle()

    def settle(self) -> None:
        """Wait until everything that has happened has been told."""
        self._messenger.submit(self._tell).result()

    def _reach(self) -> None:
        if self._lost is not None:
            raise TransportLost(self._host, self._lost)

    def _tell(self) -> None:
        if self._lost is not None:
            return
        for following in self._followings:
            news = self.files.get(following.path, b"")[following.offset :]
            if news and not following.closed:
                following.offset += len(news)
                following.on_data(news)
        for watched in [each for each in self._watched if each[0] in self._gone]:
            self._watched.remove(watched)
            watched[1]()

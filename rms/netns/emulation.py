"""`netns::Emulation`: what holds the networks of an experiment on a host."""

from __future__ import annotations

import re
import threading
from importlib import resources
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from engine.core.errors import BadState
from engine.core.states import Step
from engine.rm.attributes import attr
from engine.rm.awaited import wait_for
from engine.rm.base import Intent, ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan, Outcome
from engine.rm.transport import CommandFailed, TransportLost
from rms._patience import until_answered
from rms._together import Together
from rms.linux.node import Node as Machine
from rms.netns import _checking
from rms.netns._batch import Ask, Change, End, Place, decode, encode
from rms.netns._kept import kept
from rms.netns._mailbox import GONE, Mailbox
from rms.netns._shipping import program

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from engine.rm.awaited import Waiting
    from engine.rm.transport import Transport
    from rms.launch import Launcher
    from rms.netns._batch import Answer, Asked, Lines, Make, Question

_HOLDER: Final = resources.files("rms.netns").joinpath("holder.sh").read_text("utf-8")
_PROGRAM: Final = program("rms.netns.netlink", "rms.netns.namespaces", "rms.netns.holder")
_SAID: Final = re.compile(rb"^holder (\d+) (\d+)( netem)?$", re.MULTILINE)
_PATIENCE: Final = 20.0  # seconds that the holder may take
_EACH: Final = 0.5  # seconds more for each change of a batch
_MOST: Final = 24  # changes of a batch: with more, the holder has nothing to do while the next ones are decided on
_NOT_THERE: Final = (
    "Cannot find device",
    "No such device",
    "No such process",
    "No such file or directory",
    "the node is gone",
    GONE,
)

_SANDBOX: Final = "--user --map-root-user"
_ENTER_SANDBOX: Final = "--user --preserve-credentials"


class _Held(Struct, frozen=True):
    """What a holder has said.

    Attributes:
        holder: who it is.
        netem: whether its kernel has that.
    """

    holder: Place
    netem: bool

    @classmethod
    def told(cls, receipt: Mapping[str, Any]) -> Self:
        """As a receipt has it."""
        return cls(Place(*receipt["holder"]), bool(receipt.get("netem")))


class Emulation(ResourceManager, rtype="netns::Emulation"):
    """Networks on a Linux host, out of its kernel's own namespaces: what nodes, links and switches are part of.

    One process on the host holds them, so they outlive the controller, and end with that process. If whoever logs in
    there is root, so are they; else the host must let users make namespaces, which is asked when it is deployed.
    Without a host it is on this machine. Nothing outside of it is changed.
    """

    endless = True
    impairments: str | None = attr(
        default=None,
        choices=("netem", "relay"),
        help="What delays frames of its links, and the like; by default netem if the kernel has it, else relays.",
    )
    machine = link("linux::Node", max=1, before="provision")

    def setup(self) -> None:
        """See `ResourceManager.setup`."""
        self._own: Machine | None = None
        self._held: _Held | None = None
        self._finding = threading.Lock()
        self._opening = threading.Lock()
        self._together: Together[Asked, Answer] = Together(self._act, abreast=2, most=_MOST)

    # --- the host -----------------------------------------------------------------------------------------------

    @property
    def host(self) -> Machine:
        """Where it is: what it is connected to, or this machine."""
        if self._own is not None:
            self._own.brief(self.receipts, self.tokens)
        return self._own or self._machine

    @kept  # who asks is deployed, and from then on no connection is taken back
    def _machine(self) -> Machine:
        linked = self.linked("machine")
        if linked:
            return cast("Machine", linked[0])
        # As if it were connected to one that has its number.
        self._own = Machine.bind(self.guid, {"hostname": "localhost"}, self._bound.port, self.receipts, self.tokens)
        return self._own

    @property
    def transport(self) -> Transport:
        """The way to its host."""
        return self.host.transport

    @property
    def launcher(self) -> Launcher:
        """That of its host."""
        return self.host.launcher

    @property
    def is_sandbox(self) -> bool:
        """Whether it is made without root's rights, in a namespace for users."""
        return bool(self.host.facts["privilege"] != "root")

    @property
    def entrance(self) -> str:
        """What nsenter needs to have the rights there, besides a process."""
        return _ENTER_SANDBOX if self.is_sandbox else ""

    # --- hooks --------------------------------------------------------------------------------------------------

    def provision(self, intent: Intent) -> dict[str, Any] | None:
        """Get to know this machine, if it is there."""
        host = self.host
        return host.provision(intent) if host is self._own else None

    def deploy(self, intent: Intent) -> dict[str, Any]:
        """Have a process hold the namespaces, unless what is described for them cannot be: it is looked at meanwhile.

        Raises:
            BadState: it cannot, or the host gives none; the message says why.
        """
        env = {"NETREEL_FLAGS": _SANDBOX if self.is_sandbox else "", "NETREEL_BASE": self.host.layout.base}
        until_answered(intent, self.log, self.launcher.start, intent.token, _HOLDER, env=env, stdin=_PROGRAM)
        try:
            _checking.check(self._bound.port, self.guid)
        except BadState:
            until_answered(intent, self.log, self.launcher.stop, intent.token, name="KILL")
            raise
        held = until_answered(intent, self.log, self._await_holder, intent.token)
        if self.impairments == "netem" and not held.netem:
            raise BadState(f"the kernel of {self.host.hostname} has no netem: leave impairments out, or say relay")
        return {"holder": [held.holder.pid, held.holder.start_time], "netem": held.netem}

    def start(self, intent: Intent) -> dict[str, Any]:
        """Have its end told."""
        until_answered(intent, self.log, self._watch, intent.token)
        return {"watched": True}

    def release(self, intent: Intent) -> None:
        """End the process, and with it all that is left of nodes, links and switches."""
        token = self.tokens.get(Step.DEPLOY)
        if token is not None:
            until_answered(intent, self.log, self.launcher.stop, token, name="KILL")
        if self.host is self._own:
            self._own.release(intent)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:
        """Ask the host whether the process is there. To have its end told can be done again at any time."""
        if intent.step is Step.DEPLOY:
            return self._deployed(intent.token)
        if intent.step is not Step.START or receipt is None:
            return NeverBegan()
        outcome = self.launcher.probe(self.tokens[Step.DEPLOY])
        if not isinstance(outcome, Alive):
            return outcome if isinstance(outcome, Gone) else Gone("the process that held it has ended")
        self._watch(intent.token)
        return outcome

    def _deployed(self, token: str) -> Outcome:
        outcome = self.launcher.probe(token)
        if isinstance(outcome, Alive):
            _checking.check(self._bound.port, self.guid)  # who began it may not have come to that
            self._await_holder(token)
        return Gone(f"its process ended: {self._last_words(token)}") if isinstance(outcome, Ended) else outcome

    def _watch(self, token: str) -> None:
        self.launcher.watch(self.tokens[Step.DEPLOY], lambda outcome: self._tell(token, outcome))

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        if Step.RELEASE not in self.tokens:
            code = outcome.code if isinstance(outcome, Ended) else None
            self.failed("the process that held the namespaces has ended, and all that was in them", code, token=token)

    # --- the holder ---------------------------------------------------------------------------------------------

    @property
    def holder(self) -> Place:
        """The process that holds it, on the host.

        Raises:
            BadState: it has none.
        """
        return self._deployed_as.holder

    @property
    def has_netem(self) -> bool:
        """Whether delays and the like are done by the kernel's netem; if not, by relays.

        Raises:
            BadState: it is not deployed.
        """
        return self._deployed_as.netem and self.impairments != "relay"

    @property
    def _deployed_as(self) -> _Held:
        with self._finding:
            if self._held is None:
                told = self.receipts.get(Step.DEPLOY)
                self._held = _Held.told(told) if told else self._read_holder(self.tokens[Step.DEPLOY])
            if self._held is None:
                raise BadState(f"#{self.guid} {self.rtype} is not deployed: nothing can be made in it")
            return self._held

    def _read_holder(self, token: str) -> _Held | None:
        said = _SAID.search(self.transport.read(self.launcher.path(token, "stdout")) or b"")
        return _Held(Place(int(said[1]), said[2].decode()), netem=said[3] is not None) if said else None

    def _await_holder(self, token: str) -> _Held:
        """Sleeps until it has said who it is, or has ended."""
        news: SimpleQueue[object] = SimpleQueue()
        following = self.transport.follow(self.launcher.path(token, "stdout"), 0, news.put)
        self.launcher.watch(token, news.put)
        try:
            while (found := self._read_holder(token)) is None:
                if isinstance(news.get(timeout=_PATIENCE), Ended | Gone):
                    raise BadState(self._advice(token))
        except Empty:
            raise TransportLost(self.transport.host, f"no namespaces were made in {_PATIENCE:g} s") from None
        finally:
            following.close()
        return found

    def _advice(self, token: str) -> str:
        why = f"{self.host.hostname} gives no namespaces: {self._last_words(token)}"
        if not self.is_sandbox:
            return why
        user = self.host.facts["user"]
        return (
            f"{why}; {user} is not root there: log in as root, or let users make namespaces (user.max_user_namespaces)"
        )

    def _last_words(self, token: str | None = None) -> str:
        path = self.launcher.path(token or self.tokens[Step.DEPLOY], "stderr")
        return (self.transport.read(path) or b"").decode(errors="replace").strip() or "nothing was said"

    # --- for what is in it --------------------------------------------------------------------------------------

    def change(self, intent: Intent, *steps: Lines) -> Waiting[None]:
        """Change networks: one step after the other.

        Raises:
            CommandFailed: a line was refused; the others were done.
            TransportLost: nobody answered, and the result is not wanted any more.
        """
        yield from self._patiently(intent, Change(steps))

    def undo(self, intent: Intent, *steps: Lines) -> None:
        """The same, to take away what may be gone already, or may never have been made."""
        try:
            until_answered(intent, self.log, self.change_once, *steps)
        except CommandFailed as error:
            if not any(why in error.output for why in _NOT_THERE):
                raise

    def change_once(self, *steps: Lines) -> None:
        """The same, without patience: for what is no hook."""
        self._ask(Change(steps))

    def make_node(self, intent: Intent, node: Make) -> Waiting[Place]:
        """Make the namespaces of a node. One that is there is found.

        Raises:
            CommandFailed: the host refused.
            TransportLost: nobody answered, and the result is not wanted any more.
        """
        return cast("Place", (yield from self._patiently(intent, node)))

    def end_node(self, intent: Intent, place: Place) -> None:
        """End all that runs in a node; returns when it has ended, and with it the node."""
        gone = threading.Event()
        try:
            until_answered(intent, self.log, self._ask, End(place))
        except CommandFailed as error:
            if GONE in error.output:  # and all its nodes
                return
            raise
        self.transport.on_exit(place.pid, place.start_time, gone.set)
        if not gone.wait(_PATIENCE):
            raise TransportLost(
                self.transport.host, f"process {place.pid} was killed, and is there after {_PATIENCE:g} s"
            )

    def ask(self, *questions: Question) -> list[str]:
        """What commands say that run in places of it, one after the other, in one round trip.

        Raises:
            CommandFailed: the exit status of one is not 0.
            TransportLost: nobody answered.
        """
        return cast("list[str]", self._ask(Ask(questions)))

    def find_node(self, guid: int) -> Place | None:
        """Who the first process of a node is, as it said itself."""
        said = (self.transport.read(f"{self.directory}/node-{guid}") or b"").split()
        return Place(int(said[0]), said[1].decode()) if len(said) == 2 else None

    @property
    def directory(self) -> str:
        """Where what is in it keeps files on the host."""
        return self.launcher.path(self.tokens[Step.DEPLOY], ".")

    def _patiently(self, intent: Intent, asked: Asked) -> Waiting[Answer]:
        """Ask; again, until the host answers, on a worker of one's own."""
        try:
            return (yield from self._asking(asked))
        except TransportLost:
            if intent.cancelled:
                raise
        return until_answered(intent, self.log, self._ask, asked)

    def _ask(self, asked: Asked) -> Answer:
        return wait_for(self._asking(asked))

    def _asking(self, asked: Asked) -> Waiting[Answer]:
        answer = yield from self._together.asking(asked)
        if isinstance(answer, CommandFailed):
            raise answer
        return answer

    def _act(self, asked: Sequence[Asked]) -> list[Answer]:
        with self._opening:  # two may ask for the first time
            mailbox = self._mailbox
        told = mailbox.ask(encode(asked), _PATIENCE + _EACH * len(asked))
        return decode(self.transport.host, told)

    @kept
    def _mailbox(self) -> Mailbox:
        return Mailbox(self.transport, self.directory, self.holder, self.epoch)

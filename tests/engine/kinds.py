"""Small resource types for tests, and the stage on which a test meets their hooks."""

import threading
from collections import defaultdict

from engine import NeverBegan, ResourceAction, ResourceFactory, ResourceManager, ResourceState, Trace, attr, link

START, STOP = ResourceAction.START, ResourceAction.STOP
READY, STARTED, STOPPED = ResourceState.READY, ResourceState.STARTED, ResourceState.STOPPED
FAILED, RELEASED = ResourceState.FAILED, ResourceState.RELEASED

PATIENCE = 20.0
"""Seconds after which a test that waits to be told gives up."""


class Door:
    """What a hook comes to: it says that it is there, and waits until the test lets it through."""

    def __init__(self):
        self.reached = threading.Event()
        self._open = threading.Event()

    def await_hook(self):
        assert self.reached.wait(PATIENCE)

    def open(self):
        self._open.set()

    def pass_through(self):
        self.reached.set()
        assert self._open.wait(PATIENCE)


class Stage:
    """What hooks do in a test.

    Attributes:
        called: the hooks in the order in which they began, as "start #1".
        doors: hooks that wait, by such a name.
        acts: what else a hook does, by such a name: called with its manager and its intent.
        answers: what a probe answers, by guid.
        made: the managers, by guid.
    """

    def __init__(self):
        self.called = []
        self.doors = {}
        self.acts = {}
        self.answers = defaultdict(NeverBegan)
        self.made = {}

    def door(self, name):
        self.doors[name] = Door()
        return self.doors[name]

    def enter(self, manager, intent):
        name = f"{intent.step} #{manager.guid}"
        self.called.append(name)
        if name in self.doors:
            self.doors[name].pass_through()
        act = self.acts.get(name)
        return None if act is None else act(manager, intent)


_stage = Stage()


def new_stage():
    """An empty stage for the next test."""
    global _stage  # noqa: PLW0603 - types are made by the engine, so they find the stage here
    _stage = Stage()
    return _stage


def boom(manager, intent):
    """What a hook does that fails."""
    raise RuntimeError("boom")


class Beside:
    """A call on another thread."""

    def __init__(self, act):
        self._result = None
        self._thread = threading.Thread(target=self._run, args=(act,), daemon=True)
        self._thread.start()

    def _run(self, act):
        try:
            self._result = act()
        except BaseException as error:  # noqa: BLE001 - it is what the test asks for
            self._result = error

    def join(self):
        """What it returned or raised."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self._result


def hook(self, intent):
    return _stage.enter(self, intent)


class Thing(ResourceManager, rtype="test::Thing"):
    """Has code for every step, and takes every connection."""

    size: int = attr(default=1, ge=0, le=9, help="How large.")
    level: float = attr(default=0.5, when="live")
    colour: str | None = attr(default=None, choices=("green", "red"))
    told: str = attr(default="", when="never")
    names: list[str] = attr(default=[])
    limits: dict[str, int] = attr(default={})
    is_on: bool = attr(default=False)
    blob: bytes = attr(default=b"")
    password: str = attr(default="", secret=True)
    traces = (Trace("log", "What it said."),)

    discover = reserve = provision = configure = deploy = start = stop = release = hook

    def setup(self):
        _stage.made[self.guid] = self

    def probe(self, intent, receipt):
        answer = _stage.answers[self.guid]
        return answer(self, intent, receipt) if callable(answer) else answer

    def on_set(self, name, old, new):
        _stage.called.append(f"set {name} {old!r} {new!r} #{self.guid}")
        act = _stage.acts.get(f"set #{self.guid}")
        if act is not None:
            act(self, name)


class Host(ResourceManager, rtype="test::Host"):
    """A host: it is provided, and in the end let go."""

    provision = release = hook

    def probe(self, intent, receipt):
        return NeverBegan()


class App(ResourceManager, rtype="test::App"):
    """Something that is started on a host."""

    command: str = attr()
    host = link("test::Host", min=1, max=1)
    start = stop = release = hook

    def probe(self, intent, receipt):
        answer = _stage.answers[self.guid]
        return answer(self, intent, receipt) if callable(answer) else answer


class BigApp(App, rtype="test::BigApp"):
    """An application that has more to say."""

    extra: int = attr(default=0)


class Plain(ResourceManager, rtype="test::Plain"):
    """Has no code at all."""


class Social(ResourceManager, rtype="test::Social"):
    """Wants to know whom it is connected to."""

    start = hook

    def on_connect(self, other):
        _meet("on_connect", self, other)

    def on_disconnect(self, other):
        _meet("on_disconnect", self, other)


def _meet(name, manager, other):
    act = _stage.acts.get(f"{name} #{manager.guid}")
    if act is not None:
        act(manager, other)


class Broken(ResourceManager, rtype="test::Broken"):
    """Cannot even be made."""

    start = hook

    def setup(self):
        raise RuntimeError("not in the mood")


KINDS = (Thing, Host, App, BigApp, Plain, Social, Broken)

for kind in KINDS:
    ResourceFactory.register_type(kind)

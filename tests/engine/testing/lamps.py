"""A resource type whose far end is the memory of the test: it outlives each manager, as a host does."""

import functools
import threading

from engine import Alive, Ended, Gone, NeverBegan, ResourceManager, Trace, attr, link
from engine.core.states import Step


class FarEnd:
    """Lamps that burn, each under the token of the attempt that switched it on."""

    def __init__(self):
        self.lamps = {}
        self.watchers = []

    def switch_on(self, token):
        self.lamps.setdefault(token, Alive())

    def switch_off(self, token, code=0):
        if self.lamps.get(token) == Alive():
            self.lamps[token] = Ended(code)
            for watched, tell in list(self.watchers):
                if watched == token:
                    tell(code)

    def ask(self, token):
        return self.lamps.setdefault(token, NeverBegan())

    def burning(self):
        return [token for token, state in self.lamps.items() if state == Alive()]


far_end = FarEnd()


class Socket(ResourceManager, rtype="test::Socket"):
    """What a lamp is put into."""


class Lamp(ResourceManager, rtype="test::Lamp"):
    """A lamp."""

    watts: int = attr(default=40, ge=1, when="live", help="How bright, in watts.")
    pin: str = attr(default="", secret=True, help="What unlocks the switch.")
    socket = link("test::Socket", min=1, max=1)
    traces = (Trace("light", "One byte for each flicker."),)

    def setup(self):
        self.pins = []

    def start(self, intent):
        self.pins.append(self.pin)
        self.log.debug("switching on", watts=self.watts)
        far_end.switch_on(intent.token)
        self.watch(intent.token)
        return {"watts": self.watts}

    def watch(self, token):
        far_end.watchers.append((token, functools.partial(self.ended, token=token)))

    def stop(self, intent):
        far_end.switch_off(self.tokens[Step.START])

    def release(self, intent):
        far_end.switch_off(self.tokens.get(Step.START))

    def probe(self, intent, receipt):
        found = far_end.ask(intent.token)
        if found == Alive():
            self.watch(intent.token)
        return found

    def read_trace(self, name, offset=0, size=None):
        return b"flicker"[offset:][:size] if name == "light" else None

    def trace_size(self, name):
        return 7 if name == "light" else None


class Candle(ResourceManager, rtype="test::Candle"):
    """Nobody finds it again."""

    def start(self, intent):
        far_end.switch_on("candle")

    def release(self, intent):
        far_end.switch_off("candle")


# --- lamps with one thing wrong each


class Silent(Lamp, rtype="test::Silent"):
    # has no docstring
    colour: str = attr(default="")


class Talkative(Lamp, rtype="test::Talkative"):
    """Returns what is no receipt."""

    def start(self, intent):
        super().start(intent)
        return self


class Tuple(Lamp, rtype="test::Tuple"):
    """Returns what does not come back from a log."""

    def start(self, intent):
        return {"watts": (super().start(intent), 1)}


class Once(Lamp, rtype="test::Once"):
    """Cannot be stopped again."""

    def stop(self, intent):
        if not far_end.burning():
            raise RuntimeError("it does not burn")
        super().stop(intent)


class Forgetful(Lamp, rtype="test::Forgetful"):
    """Does not know what another one began."""

    def setup(self):
        super().setup()
        self.mine = None

    def start(self, intent):
        self.mine = intent.token
        return super().start(intent)

    def release(self, intent):
        far_end.switch_off(self.mine)


class Confused(Lamp, rtype="test::Confused"):
    """Needs what it began to be released."""

    def release(self, intent):
        far_end.switch_off(self.tokens[Step.START])


class NeedsReceipt(Lamp, rtype="test::NeedsReceipt"):
    """Needs its receipt to be stopped."""

    def stop(self, intent):
        assert self.receipts[Step.START]["watts"]
        super().stop(intent)


class Doubling(Lamp, rtype="test::Doubling"):
    """Starts another one when it is asked again."""

    def start(self, intent):
        far_end.switch_on(f"{intent.token}-{len(far_end.lamps)}")
        return super().start(intent)

    def release(self, intent):
        for token in far_end.burning():
            far_end.switch_off(token)


class Guessing(Lamp, rtype="test::Guessing"):
    """Takes a lost receipt for a start that never was."""

    def probe(self, intent, receipt):
        return NeverBegan() if receipt is None else super().probe(intent, receipt)


class Late(Lamp, rtype="test::Late"):
    """Says that it never will begin, and does not see to it."""

    def probe(self, intent, receipt):
        return super().probe(intent, receipt) if intent.token in far_end.lamps else NeverBegan()


class Deaf(Lamp, rtype="test::Deaf"):
    """Does not listen once it was found again."""

    def probe(self, intent, receipt):
        return far_end.ask(intent.token)


class Blind(Lamp, rtype="test::Blind"):
    """Always says that it burns."""

    def probe(self, intent, receipt):
        super().probe(intent, receipt)
        return Alive()


class Vague(Lamp, rtype="test::Vague"):
    """Forgets how it ended, once it has said so."""

    def probe(self, intent, receipt):
        found = super().probe(intent, receipt)
        if isinstance(found, Ended):
            far_end.lamps[intent.token] = Gone("it went out")
        return found


class Wandering(Lamp, rtype="test::Wandering"):
    """Tells of the end of another start."""

    def watch(self, token):
        far_end.watchers.append((token, functools.partial(self.ended, token="another")))


class Stubborn(Lamp, rtype="test::Stubborn"):
    """Takes no new value."""

    def on_set(self, name, old, new):
        raise RuntimeError("no")


class Torn(Lamp, rtype="test::Torn"):
    """Gives something else in pieces."""

    def read_trace(self, name, offset=0, size=None):
        return super().read_trace(name)


class Endless(Lamp, rtype="test::Endless"):
    """Has every trace."""

    def read_trace(self, name, offset=0, size=None):
        return b""


class Slow(Lamp, rtype="test::Slow"):
    """Waits for what never comes, until its result is no longer wanted."""

    def deploy(self, intent):
        while not intent.cancelled:
            threading.Event().wait(0.01)


class Hung(Lamp, rtype="test::Hung"):
    """Waits for it in any case."""

    def deploy(self, intent):
        threading.Event().wait(60)


class Chatty(Lamp, rtype="test::Chatty"):
    """Gives its secret away."""

    def start(self, intent):
        self.log.debug("unlocking", pin=self.pin)
        return super().start(intent)


class Leaky(Lamp, rtype="test::Leaky"):
    """Writes its secret down."""

    def start(self, intent):
        (self.run_dir / "pin").write_text(self.pin)
        return super().start(intent)


class Open(Lamp, rtype="test::Open"):
    """Has its secret in its receipt."""

    def start(self, intent):
        return {**super().start(intent), "pin": self.pin}

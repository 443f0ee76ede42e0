"""Resource types for random experiments: with these hooks or others, linked to each other, and extending each other.

They are drawn once, always alike, so that a log that has their names means the same everywhere.
"""

import os
from contextlib import contextmanager
from random import Random
from types import new_class

from engine import ResourceFactory, ResourceManager, ResourceState, attr, link
from engine.core.states import DEPLOYMENT, Step
from engine.testing.simulation import Injected, SimApp, SimTask, current
from engine.testing.simulation.hub import here

SECRET = "s3cr3t-of-the-proof"
"""What must show nowhere."""

SOURCE = "env:NETREEL_PROOF_SECRET"
os.environ["NETREEL_PROOF_SECRET"] = SECRET

HOSTS = ("h1", "h2")

_RUNNING = (Step.START, Step.STOP, Step.RELEASE)
"""Who starts something can also end it, and leaves nothing behind."""


@contextmanager
def noted(manager, kind, **facts):
    """Around what occupies a worker and is no hook: an oracle that counts workers has to know."""
    sim, where = current(), here().owner.name
    sim.note(f"{kind}.called", where, guid=manager.guid, epoch=manager.epoch, **facts)
    try:
        yield
    finally:
        sim.note(f"{kind}.returned", where, guid=manager.guid, epoch=manager.epoch, **facts)


class Noted(ResourceManager):
    """Tells the record of what is asked of it beside its hooks."""

    level: int = attr(default=0, when="live", help="Changes while it runs.")
    password: str = attr(default="", secret=True, help="Shows nowhere.")

    def on_set(self, name, old, new):
        with noted(self, "told", name=name, old=old, new=new):
            pass

    def probe(self, intent, receipt):
        with noted(self, "probe", token=intent.token):
            return super().probe(intent, receipt)


class Task(Noted, SimTask, rtype="proof::Task"):
    """Does what its plan says, and tells its secret when it fails."""

    where: str = attr(default=HOSTS[0], help="On which host its command runs.")

    @property
    def host(self):
        return current().host(self.where)

    def _how(self, step):
        """Every second one holds no worker while it does what takes time and goes well."""
        how = super()._how(step)
        return "waits" if how == "ok" and step != "probe" and self.guid % 2 else how

    def _follow_plan(self, intent, step):
        try:
            super()._follow_plan(intent, step)
        except Injected as error:
            raise Injected(f"{error}, and {self.password}") from error


class App(Noted, SimApp, rtype="proof::App"):
    """A command on a host that it is connected to."""


def _make(number, hooks, links, base):
    """A type that has only these hooks, and what it inherits."""
    unwanted = {str(step): getattr(ResourceManager, step) for step in Step if step not in hooks}
    declared = {f"to_{other.rtype.rpartition('::')[2]}": link(other.rtype, **how) for other, how in links}
    return new_class(
        f"Kind{number}", (base,), {"rtype": f"proof::K{number}"}, lambda body: body.update(unwanted | declared)
    )


def _draw_kinds(random):
    kinds = []
    for number in range(24):
        hooks = {step for step in DEPLOYMENT if random.random() < 0.3}
        hooks |= set(_RUNNING) if random.random() < 0.6 else {Step.RELEASE} & {random.choice(list(Step))}
        links = []
        for other in random.sample(kinds, min(len(kinds), random.choice([0, 1, 1, 2]))):
            before = random.choice([*DEPLOYMENT, Step.DEPLOY, Step.START, Step.START])
            after = random.choice([ResourceState.PROVISIONED, ResourceState.READY, ResourceState.READY])
            if before is Step.START and random.random() < 0.4:
                after = ResourceState.STARTED
            links.append((other, {"before": str(before), "after": after, "max": random.choice([None, None, 1])}))
        base = random.choice(kinds) if kinds and random.random() < 0.25 else Task
        kinds.append(_make(number, hooks, links, base))
    return kinds


KINDS = _draw_kinds(Random(4))
"""The types; those that are linked to others come after them."""

for _kind in (Task, App, *KINDS):
    ResourceFactory.register_type(_kind)

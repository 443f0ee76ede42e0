"""Experiments without a controller whose log is on disk, and says where each call of the script was."""

from eventlog import FileStore
from tests.engine.core.lab import Lab, S, link


class Recorded(Lab):
    """A lab with a run directory. Calls are made at `line` of a `script`, one line further each."""

    def __init__(self, store, now=100 * S, wants_abort=None, script="demo.py"):
        self.line, self.script = 0, script
        super().__init__(store, now, wants_abort)
        self.type("lab::Host", ("provision", "release"), attributes={"hostname": ""})
        self.type("lab::App", ("deploy", "start", "stop", "release"), [link("lab::Host", min=1, max=1)])

    def turn(self, *made, at=None):
        self.line += any(isinstance(item, list) for item in made)
        place = f"{self.script}:{self.line}"
        return self.kernel.asked(place, lambda _: super(Recorded, self).turn(*made, at=at))

    def check(self):
        """Nothing: what a lab checks after every turn is the business of the tests of the core, and takes long."""

    def host(self, label=None):
        """A host that is not deployed."""
        return self.add(rtype="lab::Host", label=label, hostname="h3")

    def app(self, host, label=None, **more):
        """An application on a host."""
        return self.add(rtype="lab::App", to=[host], label=label, **more)


def lab_in(run_dir, **more):
    """A lab whose log is in this directory."""
    return Recorded(FileStore(run_dir), **more)

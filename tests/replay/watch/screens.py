"""What is on the screen of `netreel watch`, driven without a terminal."""

import asyncio
from contextlib import asynccontextmanager

from textual.widgets import Static

import eventlog
from replay.views import fold
from replay.watch.app import Watch
from replay.watch.bar import Bar
from replay.watch.panel import Trace
from replay.watch.table import Table

PATIENCE = 60
"""Seconds after which what does not come is a failure: no test takes so long."""


class Screen:
    """A watched run, and the hand at its keys."""

    def __init__(self, app, pilot):
        self.app, self.pilot = app, pilot

    async def settle(self):
        """Until what was asked for is shown."""
        await self.pilot.pause()
        await asyncio.wait_for(self.app.settled.wait(), PATIENCE)
        await self.pilot.pause()

    async def press(self, *keys):
        for key in keys:
            await self.pilot.press(key)
        await self.settle()

    async def until(self, holds):
        """Until something holds that the world outside brings about: asked with each change of the screen."""

        async def wait():
            while not holds():
                await self.pilot.pause()
                await asyncio.sleep(0)

        await asyncio.wait_for(wait(), PATIENCE)

    @property
    def heading(self):
        return _text(self.app.query_one("#heading", Static))

    @property
    def title(self):
        return _text(self.app.query_one("#title", Static))

    @property
    def told(self):
        return _text(self.app.query_one("#text", Static))

    @property
    def said(self):
        """What is told, however it is folded."""
        return " ".join(" ".join(self.told).split())

    @property
    def resources(self):
        """The lines of the tree, as far as they are on the screen."""
        table = self.app.query_one(Table)
        lines = [table.render_line(y).text.rstrip() for y in range(table.size.height)]
        return [line for line in lines if line]

    @property
    def bar(self):
        return self.app.query_one(Bar).render().plain.split("\n")

    @property
    def trace(self):
        return list(self.app.query_one(Trace).lines)


def _text(widget):
    return str(widget.content).split("\n")


@asynccontextmanager
async def watching(run_dir, at=None, size=(80, 24)):
    """The screen of somebody who watches a run."""
    with eventlog.open(run_dir) as log:
        world = fold(run_dir, log, at)
    app = Watch(run_dir, world, None if at is None else world.time)
    async with app.run_test(size=size) as pilot:
        screen = Screen(app, pilot)
        await screen.settle()
        yield screen

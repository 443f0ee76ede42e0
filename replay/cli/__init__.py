"""The command `netreel`: runs experiments, and tells what became of them from their logs alone."""

from replay.cli.program import main

__all__ = ["main"]

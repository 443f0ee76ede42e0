"""What it says about an attempt that a host refuses: the launch script's word is an answer, that of a login is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from engine.rm.transport import CommandFailed, TransportLost

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_answer", "unknown_if_shut_out"]


def is_answer(failed: CommandFailed) -> bool:
    """Whether the launch script itself has refused: it was there, and has looked."""
    return failed.command.startswith("launch ")


@contextmanager
def unknown_if_shut_out() -> Iterator[None]:
    """For questions about what may run on a host: as long as that lets nobody in, it runs or not, as if it were lost.

    Raises:
        CommandFailed: the launch script has refused.
        TransportLost: anybody else has, on the way to it.
    """
    try:
        yield
    except CommandFailed as failed:
        if is_answer(failed):
            raise
        raise TransportLost(failed.host, f"{failed.command}: {failed.output.strip()}") from failed

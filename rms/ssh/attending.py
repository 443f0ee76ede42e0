"""A script that goes on while its caller does: a shell that is fed stays with it until it has ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.rm.transport import Completed, TransportLost
from rms.ssh.messenger import Doorbell, messenger

if TYPE_CHECKING:
    from rms.ssh.link import Link
    from rms.ssh.session import Frame, Session

__all__ = ["Attendant", "OnEnd"]

OnEnd = Callable[[Completed | TransportLost], None]


class Attendant:
    """Has one script at a time go on, on one host.

    One, since the first shell is there anyway. Those of many scripts would cost the host more than it does to follow a
    journal in which it says of all of them how they ended.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._busy = threading.Lock()  # held for as long as there is a script

    def attend(self, frame: Frame, timeout: float, on_end: OnEnd) -> bytes | Completed | None:
        """See `Attending.attend`."""
        if not self._busy.acquire(blocking=False):
            return None
        deadline, said = time.monotonic() + timeout, b""
        try:
            session = self._link.lend_shell(deadline)
            said = self._begin(session, frame, deadline)
        except TimeoutError:
            raise TransportLost(self._link.target.name, f"a script had not begun after {timeout} s") from None
        finally:
            if not said:
                self._busy.release()
        if said:
            self._hear_of(session, frame, on_end)
            return said
        self._link.return_shell(session)
        return frame.result()

    def _begin(self, session: Session, frame: Frame, deadline: float) -> bytes:
        try:
            session.begin(frame, deadline)
            return session.begun(frame, deadline)
        except BaseException:
            session.close()  # whatever it has started goes on
            raise

    def _hear_of(self, session: Session, frame: Frame, on_end: OnEnd) -> None:
        told = False

        def hear() -> None:
            """Runs on the messenger's thread."""
            nonlocal told
            if told:  # it was rung for twice, and the shell may have the script of somebody else by now
                return
            gone = session.closed  # asked first: what came before the end is heard
            session.hear(frame)
            done = frame.result()
            if done is None and not gone:
                return
            told = True
            if done:
                session.take_back()
                self._link.return_shell(session)
            self._busy.release()
            on_end(done or session.lost())

        session.ring(Doorbell(hear))
        messenger.post(hear)  # of what has come already nobody rings

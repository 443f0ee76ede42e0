"""How many files this process may have open at once: each process that is watched takes one."""

import resource
from typing import Final

__all__ = ["OPEN_FILES"]

_SPARE: Final = 512
"""For everything else: the log, connections, the pipes of scripts."""


class _OpenFiles:
    """The limit of this process. Many users start with 1,024, and may have far more."""

    def __init__(self) -> None:
        self._before: int | None = None  # what it was, if it is not that any more

    def make_room(self, taken: int) -> None:
        """Raise the limit, as far as the user may, if so many files and some more would not be within it."""
        limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * (taken + _SPARE)  # so that it is not raised each time
        if highest != resource.RLIM_INFINITY:
            wanted = min(wanted, highest)
        if limit != resource.RLIM_INFINITY and taken + _SPARE > limit < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, highest))
            self._before = self._before or limit

    def shell_text(self) -> str:
        """What a shell is to do first, so that commands get the limit that the user has given us."""
        return "" if self._before is None else f"ulimit -S -n {self._before}\n"


OPEN_FILES: Final = _OpenFiles()

"""Diagnostics: what helps to find out what a program was doing. They are no part of the log of an experiment.

They go to the standard library's logger ``netreel``, bound to what they are about, and are quiet unless the program
sets up logging: ``logging.basicConfig(level="DEBUG")`` shows them all.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from structlog.stdlib import BoundLogger

_target = logging.getLogger("netreel")
_target.addHandler(logging.NullHandler())

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "exception": logging.ERROR,
    "critical": logging.CRITICAL,
}


def get_logger(**bound: object) -> BoundLogger:
    """A logger whose every line says what it is bound to. structlog itself is left as the program configured it."""
    return cast("BoundLogger", _Lazy(bound))


class _Lazy:
    """A logger of structlog's that is made when it has something to say.

    Until then structlog is not loaded, which takes as long as the rest of a controller: it brings in rich and asyncio.
    """

    def __init__(self, bound: dict[str, object]) -> None:
        self._bound = bound

    def __getattr__(self, name: str) -> Any:
        if name in _LEVELS and not _target.isEnabledFor(_LEVELS[name]):
            return _say_nothing
        return getattr(self._logger, name)

    @cached_property
    def _logger(self) -> BoundLogger:
        import structlog  # noqa: PLC0415 - see the class

        logger: BoundLogger = structlog.wrap_logger(
            _target,
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
        )
        return logger.bind(**self._bound)


def _say_nothing(*args: object, **kwargs: object) -> None:
    """What is told at a level that nobody hears."""

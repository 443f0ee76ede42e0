"""Diagnostics: what helps to find out what a program was doing. They are no part of the log of an experiment.

They go to the standard library's logger ``netreel``, bound to what they are about, and are quiet unless the program
sets up logging: ``logging.basicConfig(level="DEBUG")`` shows them all.
"""

from __future__ import annotations

import logging

import structlog

_target = logging.getLogger("netreel")
_target.addHandler(logging.NullHandler())


def get_logger(**bound: object) -> structlog.stdlib.BoundLogger:
    """A logger whose every line says what it is bound to. structlog itself is left as the program configured it."""
    logger: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        _target,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger.bind(**bound)

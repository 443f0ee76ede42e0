"""All that the engine says when something is wrong.

    ExperimentError
      UsageError (ValueError)        the call was wrong; nothing was logged
        UnknownResourceType, UnknownGuid (KeyError), BadAttribute, BadConnection, BadCondition, BadState
      ResourceFailed                 a resource failed: guid, rtype, action, story
      ExperimentAborted              critical resources failed: failures
      WaitTimeout (TimeoutError)     what was waited for did not come in time: missing
      ScriptDiverged                 a script no longer matches its log
      Interrupted                    the controller died while the script did something of its own
      Closed                         the controller has been shut down or has let go
      EngineBug                      the engine contradicts itself: last_events

What may be amiss and is no error is told as an `ExperimentWarning`. Failures of the far end (`CommandFailed`,
`TransportLost`) are told by `engine.rm.transport`, failures of the log by `eventlog`.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ExperimentError(Exception):
    """Anything that the engine says."""


class ExperimentWarning(UserWarning):
    """What was asked is done, and may not be what was meant."""


class UsageError(ExperimentError, ValueError):
    """The call was wrong. Nothing was logged and nothing has changed."""


class UnknownResourceType(UsageError):
    """There is no resource type of that name."""


class UnknownGuid(UsageError, KeyError):
    """There is no resource of that number."""

    # KeyError shows the repr of its message.
    __str__ = Exception.__str__


class BadAttribute(UsageError):
    """No such attribute, or a value that it does not take."""


class BadConnection(UsageError):
    """These two resources cannot be connected."""


class BadCondition(UsageError):
    """A condition that makes no sense or can never hold."""


class BadState(UsageError):
    """The state of the resource or of the experiment does not allow this."""


class ResourceFailed(ExperimentError):
    """A resource failed. Its ``__cause__`` is what the hook raised, if it was in this process and tells no secret.

    Attributes:
        guid: its number.
        rtype: its type.
        action: the step that failed, or None if it failed by itself.
        story: what is known of why, as it stands in the log.
    """

    def __init__(self, guid: int, rtype: str, action: str | None, story: Mapping[str, Any]) -> None:
        during = f" in {action}" if action else ""
        super().__init__(f"#{guid} {rtype} failed{during}: {story['message']}")
        self.guid = guid
        self.rtype = rtype
        self.action = action
        self.story = story


class ExperimentAborted(ExperimentError):
    """Critical resources failed: nothing further is deployed or started.

    Attributes:
        failures: one `ResourceFailed` for each critical resource that failed.
    """

    def __init__(self, failures: Sequence[ResourceFailed]) -> None:
        super().__init__("the experiment was aborted: " + "; ".join(map(str, failures)))
        self.failures = tuple(failures)


class WaitTimeout(ExperimentError, TimeoutError):
    """What was waited for did not come in time.

    Attributes:
        missing: by guid, what each one that did not get there waits for.
    """

    def __init__(self, timeout: float, missing: Mapping[int, str]) -> None:
        lines = "; ".join(missing.values())
        super().__init__(f"after {timeout:g} s still waiting for {len(missing)} of them: {lines}")
        self.missing = dict(missing)


class ScriptDiverged(ExperimentError):
    """A script that is run again no longer makes the calls that its log holds."""


class Interrupted(ExperimentError):
    """The controller died while the script did something of its own: nobody knows how far that came."""


class Closed(ExperimentError):
    """The controller has been shut down, or has let the experiment go."""


class EngineBug(ExperimentError):
    """The engine contradicts itself. Please report it, with the log.

    Attributes:
        last_events: the events before it, oldest first.
    """

    def __init__(self, what: str, last_events: Iterable[object] = ()) -> None:
        self.last_events = tuple(last_events)
        tail = "".join(f"\n  {event}" for event in self.last_events)
        super().__init__(f"this is a bug in netreel: {what}" + (f"\nlast events:{tail}" if tail else ""))


def nearest(name: str, known: Iterable[str]) -> str:
    """What to add to a message about an unknown name: the nearest known ones, or all if they are few."""
    known = sorted(known)
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"known are {', '.join(known)}" if known else "none is known"

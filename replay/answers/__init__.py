"""What the commands answer with `--json`: the shape of each answer, by command.

The JSON Schema of them, `replay/answers/schema.json`, and the page `docs/reference/answers.md` are made from here. The
value of an attribute, a receipt and an event's data have whatever shape their author gave them. Bytes, which JSON has
not, are an object with one key: `{"base64": "…"}`. Dates are ISO 8601, in UTC.
"""

from __future__ import annotations

from typing import Any, Final

from replay.answers.files import (
    Completion,
    Content,
    Download,
    Forked,
    Origin,
    Piece,
    Trace,
    Validation,
    WholeTrace,
    Written,
)
from replay.answers.logs import Audit, Damage, Event, Place, Torn, Verification, Violation
from replay.answers.reasons import CriticalPath, Difference, Explanation, Happened, Part, Wait
from replay.answers.runs import (
    Charge,
    Experiment,
    Failure,
    Plan,
    Reading,
    Resource,
    RunName,
    Summary,
    Task,
    Timer,
    Unreadable,
)
from replay.answers.types import Attribute, DeclaredTrace, Link, ListedType, ResourceType

__all__ = [
    "ANSWERS",
    "Attribute",
    "Audit",
    "Charge",
    "Completion",
    "Content",
    "CriticalPath",
    "Damage",
    "DeclaredTrace",
    "Difference",
    "Download",
    "Event",
    "Experiment",
    "Explanation",
    "Failure",
    "Forked",
    "Happened",
    "Link",
    "ListedType",
    "Origin",
    "Part",
    "Piece",
    "Place",
    "Plan",
    "Reading",
    "Resource",
    "ResourceType",
    "RunName",
    "Summary",
    "Task",
    "Timer",
    "Torn",
    "Trace",
    "Unreadable",
    "Validation",
    "Verification",
    "Violation",
    "Wait",
    "WholeTrace",
    "Written",
]

ANSWERS: Final[dict[str, Any]] = {
    "run": list[Summary],
    "validate": Validation,
    "types": list[ListedType],
    "types RTYPE": ResourceType,
    "ls": list[Summary | Unreadable],
    "show": Reading,
    "log": Event,
    "log --verify": Verification,
    "state": Experiment,
    "watch": Experiment,
    "trace": list[Trace],
    "trace NAME": WholeTrace,
    "trace -f": Piece,
    "trace --output": list[Download],
    "export --output": Written,
    "report": Written,
    "fork": Forked,
    "plot": Written,
    "why": Explanation,
    "why --late": CriticalPath,
    "diff": list[Difference],
    "check": Audit,
    "reconnect": Reading,
    "resume": list[Summary],
    "release": Reading,
    "completion": Completion,
}
"""What each command answers, by itself or the option that is named; `log` and `trace -f` one for each line."""

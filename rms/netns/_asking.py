"""What commands say that run in places of an emulation: several of them in one round trip."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.rm.transport import CommandFailed
from rms import shell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.rm.transport import Completed
    from rms.netns._batch import Place

_ANSWER: Final = re.compile(r"(.*?)\n= (\d+)\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """A command that only looks.

    Attributes:
        place: where; None is the emulation itself.
        words: the program, and its arguments.
    """

    place: Place | None
    words: tuple[str, ...]


def script(questions: Iterable[Question]) -> str:
    """What `batch.sh` is given to have them answered."""
    return "".join(f"{_entering(each.place)} {shell.words(each.words)}\nprintf '\\n= %s\\n' $?\n" for each in questions)


def _entering(place: Place | None) -> str:
    return "here" if place is None else f"at {place.pid} {place.start_time}"


def answers(host: str, questions: Sequence[Question], done: Completed) -> Iterator[str]:
    """What each of them says.

    Raises:
        CommandFailed: the exit status of one is not 0, or it was not run.
    """
    complaint = done.stderr.decode(errors="replace")
    told = _ANSWER.findall(done.stdout.decode(errors="replace"))
    for question, (said, code) in zip(questions, told, strict=False):
        if code != "0":
            raise CommandFailed(host, " ".join(question.words), int(code), said + complaint)
        yield said
    if len(told) < len(questions):
        raise CommandFailed(host, " ".join(questions[len(told)].words), done.code, complaint)

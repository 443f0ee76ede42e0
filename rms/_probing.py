"""Asking a host what became of attempts: of many at once, since who takes over has all of them to ask after."""

from collections.abc import Callable, Sequence

from engine.rm.transport import CommandFailed
from rms._journal import Journal
from rms._refusals import is_answer
from rms._report import Report
from rms._together import Together

__all__ = ["Prober"]

_AT_ONCE = 250  # attempts that one call is to look at: its arguments must not be too long, nor the call


class Prober:
    """Asks after attempts on one host, for one launcher. May be called from any thread.

    Args:
        call: has the launch script do something; see `Script.call`.
        journal: that of the run on the host.
    """

    def __init__(self, call: Callable[..., bytes], journal: Journal) -> None:
        self._call = call
        self._journal = journal
        self._together: Together[str, Report | CommandFailed] = Together(self._ask_all)
        self._roll: dict[str, Report] = {}  # of those that nobody has asked after yet
        self._roll_was_called = False

    def ask(self, token: str) -> Report:
        """Asks after an attempt, together with all others that are asked after meanwhile. Raises what `call` does."""
        answer = self._together.ask(token)
        if isinstance(answer, CommandFailed):
            raise answer
        return answer

    def forget(self, token: str) -> None:
        """An attempt is not as it was."""
        self._roll.pop(token, None)

    def forget_all(self) -> None:
        """Everything is gone."""
        self._roll.clear()

    def _ask_all(self, tokens: Sequence[str]) -> list[Report | CommandFailed]:
        asked = dict.fromkeys(tokens)
        try:
            self._call_roll()
            # Taken first: of what is on the roll some may be forgotten while the host is asked after the others.
            answers = {token: known for token in asked if (known := self._roll.pop(token, None))}
            answers |= self._reports("probe", [token for token in asked if token not in answers])
        except CommandFailed as error:
            if len(tokens) == 1 or not is_answer(error):
                return [error] * len(tokens)
            # What is wrong with one is no answer for the others.
            return [answer for each in tokens for answer in self._ask_all([each])]
        return [answers[token] for token in tokens]

    def _call_roll(self) -> None:
        """Learns what there is at the first question: who has taken over will ask after all of it, one by one.

        None of it grows old: an end is final, and who is gone by the time that it is watched is told of at once.
        """
        if self._roll_was_called:
            return
        said = self._journal.so_far()
        seen = self._reports("look", [token for token, (_, end) in said.items() if not end])
        self._roll |= {token: report for token, report in seen.items() if report.settled}
        self._roll |= {token: Report.of_ended(who, end) for token, (who, end) in said.items() if end}
        self._roll_was_called = True

    def _reports(self, verb: str, tokens: Sequence[str]) -> dict[str, Report]:
        reports: dict[str, Report] = {}
        for first in range(0, len(tokens), _AT_ONCE):
            reports |= Report.parse_all(self._call(verb, "-", *tokens[first : first + _AT_ONCE]))
        return reports

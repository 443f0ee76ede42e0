"""Tools: applications whose command is made from typed attributes, and whose output is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Final

from engine.core.errors import BadState
from engine.rm.attributes import Attribute, attr
from engine.rm.traces import Trace
from rms import shell
from rms._patience import until_answered
from rms.linux.application import Application

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.rm.base import Intent

_PATH: Final = 'PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"\n'
"""Where administrators' tools are, which ordinary users may run and do not find."""

_MISSING: Final = f'{_PATH}command -v "$1" >/dev/null || echo missing'

_READY_TAKES: Final = 10.0
"""Seconds after which nobody waits any more for a tool to say that it is ready."""

_AWAIT: Final = """
cd "$1" 2>/dev/null || exit 0
left=$2
is_ready() {
%s
}
until is_ready || [ -L ../exit ]; do
	left=$((left - 1))
	[ "$left" -gt 0 ] || exit 1
	sleep 0.05 2>/dev/null || sleep 1
done
"""

# The signals that ask the tool to end do so: what it has said until then is looked at, too.
_JUDGED: Final = """trap : INT TERM
%s
code=$?
if %s && [ "$code" = 0 ]; then code=1; fi
exit "$code"
"""


class Option(Attribute):
    """An attribute that is an option of a tool. A `flag` that ends with "=" has its value in the same word."""

    flag: str = ""

    def words(self, value: Any) -> list[str]:
        """The option as words of the command; none where the tool's own default holds."""
        if value is None or value is False:
            return []
        if value is True:
            return [self.flag]
        if isinstance(value, list):
            return [word for item in value for word in self.words(item)]
        text = _number(value) if isinstance(value, float) else str(value)
        return [self.flag + text] if self.flag.endswith("=") else [self.flag, text]


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def option(
    flag: str,
    help: str,  # noqa: A002 - as `attr` has it
    *,
    ge: float | None = None,
    le: float | None = None,
    choices: Sequence[str] | None = None,
    check: Callable[[Any], object] | None = None,
) -> Any:
    """Declare an option that takes a value; None leaves it to the tool."""
    return Option(None, help, ge, le, None if choices is None else tuple(choices), "design", False, check, flag=flag)


def switch(flag: str, help: str, *, default: bool = False) -> Any:  # noqa: A002 - as `attr` has it
    """Declare an option without a value."""
    return Option(default, help, None, None, None, "design", False, None, flag=flag)


def early_start() -> Any:
    """Declare what NEPI's tools have, and these cannot do."""
    return attr(
        default=False, choices=(False,), help="Of NEPI: starting while it is deployed. Use a condition on START."
    )


def no_option(text: str) -> None:
    """Refuse a name or address that a tool would take for an option."""
    if not text or text.startswith("-"):
        raise ValueError(f"{text!r} is no name or address")


class Tool(Application):
    """What the tools of this package share. It is no type by itself."""

    command: str | None = attr(
        default=None, when="never", help="Made from the other attributes; what is given is not used."
    )

    traces = (*Application.traces, Trace("result", "What its output says, as JSON."))

    program: ClassVar[str]
    """What is run."""
    packages: ClassVar[Mapping[str, str]] = {}
    """The package that has the program, by package manager; "" is for all others."""

    # --- for those that extend it -------------------------------------------------------------------------------

    def arguments(self) -> list[str]:
        """What stands after the options."""
        return []

    def fixed(self) -> list[str]:
        """What stands before the options, and is no attribute."""
        return []

    def result_trace(self) -> str:
        """The trace that the result is read from."""
        return "stdout"

    def ready_when(self) -> str | None:
        """A shell condition in its directory on the host, by which others can rely on it; None if that is at once."""
        return None

    def complaint(self) -> str | None:
        """A shell command that is run after it: true if its output says that it failed, whatever its exit status says.

        The output is in the file ``stdout``, unless nobody wants that trace. What there is to be said goes to the error
        output. None if the exit status of the tool can be relied on.
        """
        return None

    def parse(self, output: str) -> Any:  # noqa: ARG002 - it is for those that extend it
        """What its output says, as plain values. Called at any time, so the output may not be complete."""
        return None

    # --- made from that -----------------------------------------------------------------------------------------

    def words(self) -> list[str]:
        """The command, word by word."""
        return [self.program, *self.fixed(), *self.options(), *self.arguments()]

    def options(self) -> list[str]:
        """The options that were set, in the order of their declaration."""
        declared = ((self.value_of(each), each) for each in self.declared().values() if isinstance(each, Option))
        return [word for value, each in declared for word in each.words(value)]

    def command_line(self) -> str:
        """See `Application.command_line`."""
        return self.judged(shell.open_words(self.words()))

    def judged(self, text: str) -> str:
        """Shell text that runs it, as the last thing that the command does, and says whether it has succeeded."""
        complaint = self.complaint()
        return f"exec {text}" if complaint is None else _JUDGED % (text, complaint)

    def prelude(self, *, from_file: bool) -> str:
        """See `Application.prelude`."""
        return _PATH + super().prelude(from_file=from_file)

    def provision(self, intent: Intent) -> dict[str, Any]:
        """As for an application; then see that the tool is there."""
        receipt = super().provision(intent)
        program = self.words()[0]
        done = until_answered(intent, self.log, self.host.run, f"looking for {program}", _MISSING, program)
        if done.stdout:
            raise BadState(self._advice(program))
        return receipt

    def _advice(self, program: str) -> str:
        package = self.packages.get(self.host.facts["packager"], self.packages.get("", program))
        return (
            f"{program} is not on {self.host.hostname}; there it is in the package {package}: "
            f'set depends="{package}", or install it by hand'
        )

    def start(self, intent: Intent) -> dict[str, Any]:
        """Start it, and wait until others can rely on it, or it has ended."""
        receipt = super().start(intent)
        condition = self.ready_when()
        if condition is not None:
            directory = self.host.launcher.path(intent.token, ".")
            tries = str(int(_READY_TAKES / 0.05))
            script = _AWAIT % condition
            done = until_answered(intent, self.log, self.host.transport.run, script, directory, tries)
            if done.code:
                self.log.warning("it does not say that it is ready", program=self.program, seconds=_READY_TAKES)
        return receipt

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        if not self._is_made_here(name):
            return super().read_trace(name, offset, size)
        output = super().read_trace(self.result_trace() if self.split_stderr else "stdout")
        if output is None:
            return None
        result = json.dumps(self.parse(output.decode(errors="replace")), indent=2).encode()
        return result[offset : None if size is None else offset + size]

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        if not self._is_made_here(name):
            return super().trace_size(name)
        result = self.read_trace(name)
        return None if result is None else len(result)

    def trace_path(self, name: str) -> str | None:
        """Where a trace is; a result is nowhere until it is collected."""
        return None if self._is_made_here(name) else super().trace_path(name)

    def _is_made_here(self, name: str) -> bool:
        """Whether a trace is made from another one: a result is, unless it was fetched and nothing else is left."""
        return name == "result" and not (name in self.fetched and self.host.is_let_go)


class Rounds(Tool):
    """A tool that can be run again and again. It is no type by itself."""

    continuous: bool = attr(
        default=False, help="Whether it is run again two seconds after it has ended, until stopped."
    )
    print_timestamp: bool = attr(
        default=False, help="Whether the time stands before each round, in seconds since 1970."
    )

    def command_line(self) -> str:
        """See `Application.command_line`."""
        words = shell.open_words(self.words())
        stamp = "date +%s.%N; " if self.print_timestamp else ""
        if self.continuous:
            return f"while :; do {stamp}{words}; sleep 2; done"
        return f"{stamp}{self.judged(words)}"


def listening(port: int) -> str:
    """A shell condition: somebody on this host accepts TCP connections at a port."""
    return f"grep -qsE '^ *[0-9]+: [0-9A-F]+:{port:04X} [0-9A-F:]+ 0A ' /proc/net/tcp /proc/net/tcp6"

"""The program and its commands: options that all of them have, exit statuses, and how errors are told.

The commands are loaded when they are called, so that one that only reads does not wait for the engine to load.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

import click

from engine.core.errors import ExperimentError, nearest
from eventlog import Corrupt, LogError

if TYPE_CHECKING:
    from collections.abc import Callable

FAILED: Final = 1
"""Exit status: the experiment failed, or an audit found something."""

REFUSED: Final = 2
"""Exit status: wrong usage or input."""

INTERRUPTED: Final = 130
"""Exit status: Ctrl-C."""

TERMINATED: Final = 143
"""Exit status: SIGTERM."""

_DEBUG: Final = "netreel.debug"
_WHOLE_SENTENCE: Final = 200  # characters

_MODULES: Final = {
    "run": "replay.cli.running",
    "ls": "replay.cli.looking",
    "show": "replay.cli.looking",
    "log": "replay.cli.logs",
    "state": "replay.cli.looking",
    "watch": "replay.cli.watching",
    "why": "replay.cli.explaining",
    "diff": "replay.cli.comparing",
    "check": "replay.cli.looking",
    "reconnect": "replay.cli.running",
    "resume": "replay.cli.resuming",
    "release": "replay.cli.running",
    "validate": "replay.cli.validating",
    "types": "replay.cli.types",
    "plot": "replay.cli.plotting",
    "trace": "replay.cli.tracing",
    "report": "replay.cli.reporting",
    "export": "replay.cli.exporting",
    "fork": "replay.cli.forking",
    "completion": "replay.cli.completing",
}

_Function = TypeVar("_Function", bound="Callable[..., Any]")


class Refused(click.ClickException):
    """What was asked for cannot be done. The message says what, where, and what would be right."""

    exit_code = REFUSED


class Program(click.Group):
    """The commands, and what is done when one of them ends in an error."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of the commands, in the order in which they are needed."""
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name."""
        if cmd_name not in _MODULES:
            return None
        command: click.Command = getattr(import_module(_MODULES[cmd_name]), cmd_name)
        _name_variables(command, cmd_name)
        command.short_help = command.get_short_help_str(_WHOLE_SENTENCE)  # which is cut by whoever shows it otherwise
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant.

        Raises:
            Refused: there is none of that name.
        """
        if args[0] not in _MODULES and not args[0].startswith("-"):
            raise Refused(f"there is no command {args[0]!r}; {nearest(args[0], _MODULES)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. What the log, the engine and the system refuse gets one line; see `Refused`."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            return _pipe_closed()
        except (Refused, LogError, ExperimentError, OSError) as error:
            if ctx.meta.get(_DEBUG):
                traceback.print_exc()
            raise error if isinstance(error, Refused) else Refused(_in_words(error)) from error

    def main(self, args: Any = None, prog_name: Any = None, **extra: Any) -> NoReturn:  # type: ignore[override]  # noqa: ARG002 - it has one name, however it was started
        """Run the program, and exit with its status. Click's own way would tell an error in three lines."""
        extra["standalone_mode"] = False
        _open_streams()
        try:
            status = super().main(args, self.name, **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            status = _tell(error)
        except click.Abort:
            status = INTERRUPTED
        except BrokenPipeError:
            status = _pipe_closed()
        except OSError as error:  # the last of the answer could not be written
            say(_in_words(error))
            _discard_answer()
            status = REFUSED
        sys.exit(status)


def _open_streams() -> None:
    """Open the standard streams that are closed on the null device.

    Else the next file that is opened, such as a log, would take the place of one, and whatever this process and its
    children print would go there.
    """
    for name, mode in ("stdin", "r"), ("stdout", "w"), ("stderr", "w"):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)  # the lowest that is free, which is that of the stream
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we live


def _name_variables(command: click.Command, name: str) -> None:
    """Let each option be set in the environment under its own name, where click takes that of a parameter in Python."""
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            flag = max(option.opts, key=len).lstrip("-")
            option.envvar = f"NETREEL_{name}_{flag}".upper().replace("-", "_")


def _tell(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return error.exit_code
    hint = ""
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f" See {error.ctx.command_path} --help."
    message = " ".join(error.format_message().split())
    stop = "." if hint and message[-1:].isalnum() else ""
    say(message + stop + hint)
    return error.exit_code


def _pipe_closed() -> int:
    """Whoever reads has had enough, which is no failure."""
    _discard_answer()
    return 0


def _discard_answer() -> None:
    """See that what is left of the answer is not flushed at exit, where that would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, LogError | ExperimentError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{(error.strerror or str(error)).lower()}{_whose(error)}"
    if isinstance(error, Corrupt) and error.intact_after:
        return f"{error} At a shell that is netreel log RUN --salvage."
    return str(error)


def _whose(error: OSError) -> str:
    """What to add where a permission is missing: whom to be."""
    if not isinstance(error, PermissionError) or error.filename is None:
        return ""
    path = Path(error.filename)
    for place in path, *path.absolute().parents:
        try:
            return f"; {'it' if place is path else place} belongs to {place.owner()}"
        except (OSError, KeyError):  # it is behind a door that is closed as well, or its owner has no name here
            continue
    return ""


def say(message: str) -> None:
    """One line for the person at the terminal, on standard error."""
    # Not click's echo: a live view on the same terminal replaces this stream, to print above itself.
    sys.stderr.write(f"netreel: {message}\n")
    sys.stderr.flush()


# --- options ------------------------------------------------------------------------------------------------------


def _home(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path:  # noqa: ARG001 - click's signature
    # Where runs are kept is decided in one place, which loads the engine: only asked if nothing was given.
    return value.absolute() if value else import_module("engine.home").default_local_dir()


def _note_debug(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001 - click's signature
    ctx.meta[_DEBUG] = value


def common(function: _Function) -> _Function:
    """Add the options that every command has."""
    for option in (
        click.option(
            "--debug",
            is_flag=True,
            envvar="NETREEL_DEBUG",
            expose_value=False,
            callback=_note_debug,
            help="Show a traceback with an error.",
        ),
        click.option("--json", "as_json", is_flag=True, envvar="NETREEL_JSON", help="Write JSON."),
        click.option(
            "--home",
            type=click.Path(path_type=Path),
            envvar="NETREEL_HOME",
            callback=_home,
            help="Where experiments are kept.  [default: $NETREEL_HOME, else netreel in the XDG state directory]",
        ),
    ):
        function = option(function)
    return function


_EPILOG: Final = """\b
Example:
  netreel run experiment.py
  netreel show experiment

RUN is a run id or the beginning of one (also of its last part), a run's directory, or an experiment id for its latest
run. Every flag can also be set in the environment: NETREEL_HOME, NETREEL_JSON and NETREEL_DEBUG for all commands, the
others by command and flag, as in NETREEL_LOG_KIND=step."""


@click.group(
    "netreel",
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
@click.version_option(package_name="netreel", prog_name="netreel")
def main() -> None:
    """Run network experiments, look into them, and take them over."""

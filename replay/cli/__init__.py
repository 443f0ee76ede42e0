"""The command `netreel`: runs experiments, and tells what became of them from their logs alone."""

import signal


def main() -> None:
    """Run the program.

    To load it takes longer than many a command does. Ctrl-C ends it at once then: as an exception it would be told by a
    traceback, of whatever was being loaded.
    """
    interrupted = signal.getsignal(signal.SIGINT)
    if interrupted is signal.default_int_handler:  # else it is ignored, as it is in the background of a script
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from replay.cli.program import main as program  # noqa: PLC0415 - see above

    signal.signal(signal.SIGINT, interrupted)
    program()

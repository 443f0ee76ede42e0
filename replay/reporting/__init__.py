"""A run as one page of HTML, which needs nothing else: no network, no other file, no netreel.

* what is on the page?                    `gathering`
* how does it become HTML?                `page`, which fills in `page.html`
* how does it look, what can be done?     `page.css`, `page.js`
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from replay.reporting.gathering import gather
from replay.reporting.page import to_html

if TYPE_CHECKING:
    import os


def report(run_dir: str | os.PathLike[str], *, with_traces: bool = True) -> str:
    """A run as a page of HTML.

    Args:
        run_dir: the directory of the run; it may be live.
        with_traces: whether what was recorded is looked at, for which hosts may have to be asked.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: there is no event in it.
    """
    return to_html(gather(Path(run_dir).absolute(), with_traces=with_traces))

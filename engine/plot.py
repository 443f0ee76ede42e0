"""Plots of an experiment: its resources, coloured by state, what connects them, and what waits for what; Gantt charts.

* what is shown?                        `engine.plots.drawing`, `engine.plots.gantt`
* where does it stand on the page?      `engine.plots.layout`, `engine.plots.packing`
* how does it look?                     `engine.plots.looks`
* how does it become a file?            `engine.plots.figure`, `engine.plots.gantt_figure` (PNG, SVG),
                                        `engine.plots.dot`, `engine.plots.mermaid`
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import webbrowser
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from engine.core.errors import UsageError
from engine.plots.dot import dot
from engine.plots.drawing import Drawing, draw
from engine.plots.gantt import Gantt
from engine.plots.mermaid import mermaid

if TYPE_CHECKING:
    from engine.core.world import World

__all__ = ["Drawing", "Gantt", "PFormats", "draw", "format_for", "plot", "render", "write"]

_ENDING: Final = re.compile(r"\.[a-z]\w*", re.IGNORECASE)
"""How a file says what it is. The ``.2`` of ``exp-1.2`` is a part of its name."""

_DEVICES: Final = ("/dev", "/dev/fd")
"""Where a file is never replaced: ``/dev/stdout`` is one if output goes to one."""


class PFormats(Enum):
    """What a plot is written as. The values are the endings of files."""

    FIGURE = "png"
    """A picture. Needs matplotlib, as SVG does; the others need nothing."""
    SVG = "svg"
    """A picture that can be searched, and says more of a resource where the mouse stands."""
    DOT = "dot"
    """The language of graphviz."""
    MERMAID = "mmd"
    """A flowchart in Mermaid, as Markdown shows it."""


def plot(
    world: World,
    path: str | os.PathLike[str],
    format: PFormats = PFormats.FIGURE,  # noqa: A002 - fixed by the public contract
    *,
    show: bool = False,
) -> Path:
    """Write a plot of an experiment; see `write`. Of a live one `draw` takes less of its time."""
    return write(draw(world), path, format, show=show)


def write(
    drawing: Drawing | Gantt,
    path: str | os.PathLike[str],
    format: PFormats = PFormats.FIGURE,  # noqa: A002 - fixed by the public contract
    *,
    show: bool = False,
) -> Path:
    """Write a plot into a file, all of it or nothing.

    Args:
        drawing: what `draw` made of a world, or a chart.
        path: a directory, in which the file is called after the experiment and its run; or a file, whose ending may be
            left out. A file that is there is replaced; into a device or a pipe it is written as it is.
        format: what it is written as.
        show: open it in a viewer, too.

    Returns:
        The file.

    Raises:
        UsageError: the file ends as one of another format, or of none, does; the format needs matplotlib, which is not
            there; the file cannot be written; or there is no display to show it on. Then nothing is written.
    """
    if show:
        _check_display()
    target = _file(drawing, Path(path).absolute(), format_for(path, format))
    data = render(drawing, format)
    try:
        target.write_bytes(data) if _is_device(target) else _replace(target, data)
    except OSError as error:
        right = "give a directory, or a file in one, that is there and that you may write to"
        raise UsageError(
            f"the plot cannot be written to {target}: {(error.strerror or str(error)).lower()}; {right}"
        ) from error
    if show and not webbrowser.open(target.as_uri()):
        raise UsageError(f"there is no viewer to show the plot with; it is in {target}")
    return target


def render(drawing: Drawing | Gantt, format: PFormats = PFormats.FIGURE) -> bytes:  # noqa: A002
    """The content of a file.

    Raises:
        UsageError: the format is none, or is none for a chart, or it needs matplotlib, which is not there.
    """
    if format in (PFormats.FIGURE, PFormats.SVG):
        return _picture(drawing, format)
    if format not in (PFormats.DOT, PFormats.MERMAID):
        raise _no_format(format)
    if isinstance(drawing, Gantt):
        raise UsageError(f"a Gantt chart is a picture: it is written as png or svg, not as {format.value}")
    return (dot if format is PFormats.DOT else mermaid)(drawing).encode()


def format_for(path: str | os.PathLike[str], format: PFormats | None = None) -> PFormats:  # noqa: A002
    """What a plot is written as: what is asked for, else what the file's ending says, else a PNG.

    Raises:
        UsageError: the format is none, or the file ends as one of another format, or of none, does.
    """
    if format is not None and not isinstance(format, PFormats):
        raise _no_format(format)
    path = Path(path)
    if path.is_dir() or _is_device(path) or not _ENDING.fullmatch(path.suffix):
        return format or PFormats.FIGURE
    said = {f".{each.value}": each for each in PFormats}.get(path.suffix.lower())
    if said is None:
        *others, last = (f".{each.value}" for each in PFormats)
        raise UsageError(f"{path} cannot be a plot: one ends in {', '.join(others)} or {last}, or has no ending yet")
    if format not in {None, said}:
        raise UsageError(
            f"{path} cannot be a plot in the format {format.value}, which ends in .{format.value}; "
            "leave the ending out, or ask for the format that it says"
        )
    return said


def _no_format(format: object) -> UsageError:  # noqa: A002
    return UsageError(f"format={format!r} is none; take one of {', '.join(map(str, PFormats))}")


def _picture(drawing: Drawing | Gantt, format: PFormats) -> bytes:  # noqa: A002
    try:
        # Loaded now: it loads matplotlib, which is an extra and slow.
        figure = import_module("engine.plots.gantt_figure" if isinstance(drawing, Gantt) else "engine.plots.figure")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        others = "" if isinstance(drawing, Gantt) else "; DOT and Mermaid need nothing"
        raise UsageError(f"a picture needs matplotlib: pip install 'netreel[plots]'{others}") from error
    data: bytes = figure.png(drawing) if format is PFormats.FIGURE else figure.svg(drawing)
    return data


def _file(drawing: Drawing | Gantt, path: Path, format: PFormats) -> Path:  # noqa: A002
    ending = f".{format.value}"
    if path.is_dir():
        return path / f"{drawing.name}{ending}"
    return path if _is_device(path) or path.suffix.lower() == ending else path.with_name(path.name + ending)


def _is_device(path: Path) -> bool:
    """Whether it is there, and is no file that could be replaced."""
    is_kept = not path.is_file() or str(path.absolute().parent) in _DEVICES
    return path.exists() and not path.is_dir() and is_kept


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise


def _check_display() -> None:
    """Refuse to show something where nobody can see it."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise UsageError(
            "there is no display to show the plot on: neither DISPLAY nor WAYLAND_DISPLAY is set; "
            "leave show out, and look at the file that is returned where there is one"
        )

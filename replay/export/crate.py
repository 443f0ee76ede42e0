"""A run as an RO-Crate: all of it in one directory, with where it comes from, for whoever evaluates or archives it.

What is in it is a run itself: everything that reads one reads this, also where it is unpacked. Beside that there are
the description, the scripts, the traces, the versions, and a checksum of each file. `ro-crate-metadata.json` says what
each of them is: see `replay.export.crate_metadata`.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import eventlog
from engine import description, from_graph, journal
from engine.core.errors import ExperimentError, UsageError
from engine.core.world import describe
from engine.home import BUNDLE
from engine.rm import collected
from engine.rm.fetching import NotFetched, fetch
from replay.encoding import to_json
from replay.export import crate_metadata
from replay.export.crate_metadata import Part
from replay.forking import NOTE
from replay.origins import origins
from replay.traces import NotRead, Traces, side_by_side
from replay.views import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager

    from engine.core.world import Resource
    from replay.origins import Script

CHECKSUMS: Final = "checksums.sha256"
"""Lists the files as `sha256sum --check` takes them."""

_LOG: Final = "log"
_SCRIPTS: Final = "scripts"
_TRACES: Final = "traces"
_DESCRIPTION: Final = "description.json"
_ORIGINS: Final = "origins.json"


class Bundled(Struct, frozen=True):
    """What has become of a bundle.

    Attributes:
        files: how many are in it.
        missing: what should be in it and is not, and why, each in a line.
        gone: traces that are no longer to be had, since their hosts were let go.
    """

    files: int
    missing: tuple[str, ...]
    gone: tuple[str, ...]


def write_crate(run_dir: Path, target: Path) -> Bundled:
    """Bundle a run. It may be live: then it is as it stands.

    Traces are read from their hosts as far as they were not collected.

    Args:
        run_dir: the directory of the run.
        target: a directory that is not there yet; or a file that ends in ``.zip``, which is replaced.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the target is there, or cannot be; or nothing is in the log.
            Nothing is left behind, whatever is raised.
    """
    is_zip = target.suffix.lower() == ".zip"
    if target.exists() and not (is_zip and target.is_file()):
        raise UsageError(f"{target} is there already; give a directory that is not, or a file that ends in .zip")
    if not target.absolute().parent.is_dir():
        raise UsageError(f"there is no directory {target.absolute().parent} to put {target.name} into")
    with _draft(target) as draft:
        content = Path(draft) / "content"
        content.mkdir(mode=0o700)
        bundled = _fill(run_dir, content)
        if is_zip:
            Path(shutil.make_archive(f"{draft}/packed", "zip", content)).replace(target)
        else:
            content.replace(target)
    return bundled


def _draft(target: Path) -> AbstractContextManager[str]:
    """A directory on the same disk, which goes away with all that is still in it."""
    return tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.absolute().parent)


def _fill(run_dir: Path, content: Path) -> Bundled:
    parts = list(_copy_log(run_dir, content))
    with eventlog.open(content) as log:
        world = fold(content, log)
        origin = origins(log.read(), world)
    described = description.from_world(world, from_graph.recorded(world))
    parts.append(
        _write(content, _DESCRIPTION, description.to_text(described, description.SFormats.JSON), "description")
    )
    parts.append(_write(content, _ORIGINS, to_json(origin.to_dict()) + "\n", "origins"))
    if (run_dir / NOTE).exists():
        parts.append(_part(content, Path(shutil.copyfile(run_dir / NOTE, content / NOTE)), "fork"))
    missing, gone = list[str](), list[str]()
    parts += _copy_scripts(origin.scripts, world.start, content, missing)
    parts += _fetch_traces(Traces(run_dir, world), content, missing, gone)
    parts.append(_write(content, CHECKSUMS, "".join(f"{each.sha256}  {each.path}\n" for each in parts), "checksums"))
    metadata = crate_metadata.metadata(world, origin, parts)
    (content / BUNDLE).write_text(to_json(metadata) + "\n", encoding="utf-8")
    return Bundled(len(parts) + 1, tuple(missing), tuple(gone))


def _part(content: Path, path: Path, kind: str) -> Part:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(str(path.relative_to(content)), path.stat().st_size, digest, kind)


def _write(content: Path, name: str, text: str, kind: str) -> Part:
    path = content / name
    path.write_text(text, encoding="utf-8")
    return _part(content, path, kind)


def _copy_log(run_dir: Path, content: Path) -> Iterator[Part]:
    """The log as it is on disk. What is advisory comes first: it may say less than there is, never more."""
    with eventlog.open(run_dir) as log:
        if not sum(1 for _ in log.read()):  # all of it: damage is told of the log itself, and not of its copy
            raise journal.nothing_in(run_dir)
    (content / _LOG).mkdir(mode=0o700)
    for pattern in "durable", "*.idx", "*.log":
        for path in sorted((run_dir / _LOG).glob(pattern)):
            copied = Path(shutil.copyfile(path, content / _LOG / path.name))
            yield _part(content, copied, "log")


def _copy_scripts(scripts: Iterable[Script], start: int, content: Path, missing: list[str]) -> Iterator[Part]:
    """The scripts that are there, and are what was run."""
    for script in scripts:
        name, path = Path(script.name), script.path
        if not path.is_file():
            missing.append(f"the script {name} is not here: it was {path.absolute()}")
            continue
        copied = content / _SCRIPTS / (name.name if name.is_absolute() or ".." in name.parts else name)
        copied.parent.mkdir(parents=True, exist_ok=True)
        part = _part(content, Path(shutil.copyfile(path, copied)), "script")
        is_newer = path.stat().st_mtime_ns > start
        if is_newer if script.sha256 is None else script.sha256 != part.sha256:
            missing.append(f"the script {name} was changed after it was run: {path.absolute()} is another one")
            copied.unlink()
        else:
            yield part


def _fetch_traces(traces: Traces, content: Path, missing: list[str], gone: list[str]) -> Iterator[Part]:
    listed = traces.list(traces.world.resources.values())
    wanted = [(each.resource, each.name) for each in listed if each.size is not None]
    problems = [each.problem for each in listed if each.problem is not None]
    fetched = side_by_side(lambda each: _fetch(traces, content, *each), wanted)
    for result in [*problems, *fetched]:
        if isinstance(result, Part):
            yield result
        else:
            (missing if isinstance(result, NotRead) else gone).append(str(result))
    if (content / collected.INDEX).exists():
        yield _part(content, content / collected.INDEX, "index")


def _fetch(traces: Traces, content: Path, resource: Resource, name: str) -> Part | ExperimentError:
    """A trace in the bundle, and noted as any that was collected; or what is wrong."""
    path = content / _TRACES / f"{resource.guid}.{name.replace('/', '_')}"
    try:
        fetched = fetch(traces.reader(resource, name), path)
    except NotFetched as error:
        return NotRead(f"trace {name!r} of {describe(resource)}: {error}")
    except ExperimentError as error:
        return error
    collected.note(content, resource.guid, name, path, fetched)
    return Part(
        str(path.relative_to(content)), fetched.size, fetched.sha256, "trace", f"{name} of {describe(resource)}"
    )

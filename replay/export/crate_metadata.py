"""What is in a bundle, in the words of RO-Crate 1.1 and of its profile for the run of a process.

https://www.researchobject.org/ro-crate/specification/1.1/ and https://www.researchobject.org/workflow-run-crate/profiles/
process_run_crate/ say what has to be there.
"""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from msgspec import Struct

from engine.dates import to_datetime
from engine.home import BUNDLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.core.world import World
    from replay.origins import Origins

_CONTEXT: Final = [
    "https://w3id.org/ro/crate/1.1/context",
    {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"},  # that context has no word for it
]
_SPECIFICATION: Final = "https://w3id.org/ro/crate/1.1"
_PROFILE: Final = "https://w3id.org/ro/wfrun/process/0.5"
_LICENSE: Final = "#license"
_ACTION: Final = "#run"
_US: Final = "#netreel"
_PYTHON: Final = "https://www.python.org/"

_KINDS: Final[Mapping[str, str]] = {
    "log": "A file of the log: every event of the run. netreel shows it; docs/eventlog.md says how it is written.",
    "description": "The experiment as it was described at the end of the log: netreel run runs it again.",
    "origins": "Who was in charge, with which versions; which scripts asked; what the hosts told of themselves.",
    "fork": "The run that the experiment was forked from.",
    "script": "A script that the experiment was described or run by.",
    "trace": "What a resource recorded.",
    "index": "Which file holds which trace.",
    "checksums": "The checksum of each file, as sha256sum --check takes them.",
}
_FORMATS: Final = {"log": "application/octet-stream", "checksums": "text/plain", "index": "application/jsonl"}
_INPUTS: Final = ("description", "script")

Entity = dict[str, Any]


class Part(Struct, frozen=True):
    """A file of a bundle.

    Attributes:
        path: from the bundle.
        size: in bytes.
        sha256: of its content, in hex.
        kind: what it is, as in `_KINDS`.
        name: what it is called; by default its path.
    """

    path: str
    size: int
    sha256: str
    kind: str
    name: str = ""


def metadata(world: World, origin: Origins, parts: Sequence[Part]) -> dict[str, Any]:
    """The content of `ro-crate-metadata.json`.

    Args:
        world: the run.
        origin: what it came from.
        parts: all files but this one.
    """
    files = [_file(part) for part in parts]
    graph = [
        _about(BUNDLE, "CreativeWork", about=_ref("./"), conformsTo=_ref(_SPECIFICATION)),
        _root(world, files),
        *files,
        _action(world, parts),
        *_software(origin),
        _about(_PROFILE, "CreativeWork", name="Process Run Crate", version="0.5"),
        _about(
            _LICENSE,
            "CreativeWork",
            name="No licence given",
            description="Whoever publishes this says here under which terms others may use it.",
        ),
    ]
    return {"@context": _CONTEXT, "@graph": graph}


def _about(id_: str, kind: str, **values: Any) -> Entity:
    return {"@id": id_, "@type": kind, **values}


def _ref(id_: str) -> Entity:
    return {"@id": id_}


def _refs(ids: Sequence[str]) -> Any:
    """References; one alone stands for itself."""
    return _ref(ids[0]) if len(ids) == 1 else [_ref(each) for each in ids]


def _id(part: Part) -> str:
    """A path as the reference that it is in JSON-LD."""
    return quote(part.path)


def _iso(time: int) -> str:
    """A time in ns since 1970 as exactly as validators take it."""
    return to_datetime(time).isoformat(timespec="milliseconds")


def _root(world: World, files: Sequence[Entity]) -> Entity:
    resources = len(world.resources)
    return _about(
        "./",
        "Dataset",
        name=f"{world.exp_id} {world.run_id}",
        description=f"A run of the network experiment {world.exp_id}: {resources} resources, {world.seq} events.",
        datePublished=_iso(world.time),
        license=_ref(_LICENSE),
        conformsTo=_ref(_PROFILE),
        hasPart=_refs([each["@id"] for each in files]),
        mentions=_ref(_ACTION),
    )


def _file(part: Part) -> Entity:
    return _about(
        _id(part),
        "File",
        name=part.name or part.path,
        description=_KINDS[part.kind],
        contentSize=str(part.size),
        encodingFormat=_FORMATS.get(part.kind) or mimetypes.guess_type(part.path)[0] or "application/octet-stream",
        sha256=part.sha256,
    )


def _action(world: World, parts: Iterable[Part]) -> Entity:
    failed = {"error": str(next(iter(_failures(world)), "it was aborted"))} if world.aborted else {}
    status = "Failed" if world.aborted else "Completed" if world.closed else "Active"
    return _about(
        _ACTION,
        "CreateAction",
        name=f"Run {world.run_id} of {world.exp_id}",
        description="The experiment was run, and every decision about it recorded.",
        startTime=_iso(world.start),
        endTime=_iso(world.time),
        actionStatus=_ref(f"http://schema.org/{status}ActionStatus"),
        instrument=_ref(_US),
        object=_refs([_id(part) for part in parts if part.kind in _INPUTS]),
        result=_refs([_id(part) for part in parts if part.kind not in _INPUTS]),
        **failed,
    )


def _failures(world: World) -> Iterable[str]:
    resources = (world.resources.get(guid) for guid in world.aborted_by)
    return (str(each.error["message"]) for each in resources if each is not None and each.error is not None)


def _software(origin: Origins) -> Iterable[Entity]:
    """What it ran on, as its latest controller said."""
    holder = origin.controllers[-1].holder if origin.controllers else {}
    yield _about(
        _US,
        "SoftwareApplication",
        name="netreel",
        softwareVersion=str(holder.get("netreel")),
        operatingSystem=str(holder.get("system")),
        softwareRequirements=_ref(_PYTHON),
    )
    yield _about(_PYTHON, "SoftwareApplication", name="Python", url=_PYTHON, softwareVersion=str(holder.get("python")))

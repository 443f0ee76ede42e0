"""Makes the pages of docs/reference from the code, so that they cannot say anything else.

python tools/reference.py            # writes them
python tools/reference.py --check    # exits with 1 if one is not up to date
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core import events
from engine.core.states import DEPLOYMENT, TRANSITIONS, ResourceState, Step, Turn
from engine.rm.attributes import describe_type
from engine.rm.base import ResourceManager
from engine.rm.registry import ResourceFactory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.rm.attributes import Attribute

PAGES = Path(__file__).parent.parent / "docs" / "reference"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def states() -> str:
    rows = []
    for state in ResourceState:
        follows = [f"{occurrence} → {after.name}" for occurrence, after in TRANSITIONS[state].items()]
        rows.append([state.name, str(state.value), ", ".join(follows) or "nothing: it is final"])
    hooks = ", ".join(f"`{step}`" for step in Step)
    walk = ", ".join(f"`{step}`" for step in DEPLOYMENT)
    return (
        "# States\n\n"
        "Made by `tools/reference.py` from `engine.core.states.TRANSITIONS`. "
        "What is not in this table cannot happen.\n\n"
        f"{table(['state', 'number', 'what may follow'], rows)}\n"
        f"Steps are {hooks}. A deployment walks {walk}. `{Turn.END}` and `{Turn.FAIL}` come without a step. "
        "The numbers are names: states have no order, and FAILED is not more than STARTED.\n"
    )


def event_kinds() -> str:
    rows = []
    for kind, cls in events.KINDS.items():
        fields = cls.__struct_fields__[1:]
        meaning = " ".join((inspect.getdoc(cls) or "").split())
        rows.append([f"`{kind}`", str(cls.version), ", ".join(f"`{name}`" for name in fields) or "none", meaning])
    return (
        "# Events\n\n"
        "Made by `tools/reference.py` from `engine.core.events`. Every kind that was ever released stays readable.\n\n"
        "An event has `seq` (1, 2, 3, …), `time` (ns since 1970, UTC), `kind`, `guid` (0 for the experiment), `data` "
        "(below), `cause` (the seq of the event that led to it, 0 for the user) and `epoch` (which controller wrote "
        "it). What a user's script asks for also has `at` in its data: where, such as `script.py:12`; and the first "
        "event of each call has `call`: which one it is, and what the script had seen (`engine.runtime.script`).\n\n"
        f"{table(['kind', 'version', 'data', 'meaning'], rows)}"
    )


def resource_types() -> str:
    origin = "Made by `tools/reference.py` from the declarations of the types that come with netreel."
    types = map(ResourceFactory.get_resource_type, ResourceFactory.resource_types())
    ours = [cls for cls in types if cls.__module__.partition(".")[0] == "rms"]
    return "\n".join(
        [
            f"# Resource types\n\n{origin}\n",
            f"Every type has these attributes:\n\n{attribute_table(ResourceManager.declared().values())}",
            *(section for cls in ours for section in type_sections(cls)),
        ]
    )


def type_sections(cls: type[ResourceManager]) -> list[str]:
    own = [attribute for name, attribute in cls.declared().items() if name not in ResourceManager.declared()]
    made = [f"## {cls.rtype}\n\n{inspect.getdoc(cls)}\n\n{attribute_table(own) if own else ''}"]
    links = [
        f"- `{link.name}`: {link.min} to {link.max or 'any number of'} `{link.rtype}`; "
        f"its {link.before} waits until they are {link.after.name}\n"
        for link in cls.links.values()
    ]
    silent = " Recorded only if it is enabled."
    traces = [f"- `{trace.name}`: {trace.help}{'' if trace.enabled else silent}\n" for trace in cls.traces]
    if links:
        made.append("Links:\n\n" + "".join(links))
    if traces:
        made.append("Traces:\n\n" + "".join(traces))
    hooks = ", ".join(f"`{step}`" for step in cls.hooks())
    found = "" if cls.overrides("probe") else " It is not found again after a takeover."
    made.append(f"Hooks: {hooks or 'none'}.{found}\n")
    return made


def attribute_table(attributes: Iterable[Attribute]) -> str:
    rows = [
        [
            f"`{attribute.name}`",
            describe_type(attribute.type).replace("|", "\\|"),
            "must be set" if attribute.required else f"`{attribute.default!r}`",
            " ".join([attribute.help, *rules(attribute)]).replace("|", "\\|"),
        ]
        for attribute in attributes
    ]
    return table(["attribute", "type", "default", "meaning"], rows)


def rules(attribute: Attribute) -> Iterator[str]:
    """What a value must keep to, sentence by sentence."""
    if attribute.choices is not None:
        yield f"One of {', '.join(f'`{choice!r}`' for choice in attribute.choices)}."
    bounds = (("at least", attribute.ge), ("at most", attribute.le))
    limits = [f"{word} {bound}" for word, bound in bounds if bound is not None]
    if limits:
        yield f"{' and '.join(limits).capitalize()}."
    if attribute.secret:
        yield "Secret: `env:NAME` or `file:PATH` says where it is read from."
    if attribute.when != "design":
        yield {"live": "Can be set while it runs.", "never": "Told by the resource itself."}[attribute.when]


def main() -> int:
    pages = {"states.md": states(), "events.md": event_kinds(), "types.md": resource_types()}
    if "--check" in sys.argv:
        stale = [name for name, text in pages.items() if (PAGES / name).read_text() != text]
        for name in stale:
            print(f"docs/reference/{name} is not up to date: run tools/reference.py")
        return bool(stale)
    for name, text in pages.items():
        (PAGES / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Writes what benchmarks have found into docs/performance.md.

Each keeps its findings in `benchmarks/results`: the machine, the goals that it was held to, and tables. The page is
made from all of them: `python benchmarks/page.py` makes it anew.
"""

import json
import re
from pathlib import Path

from measuring import ROOT, seconds

PAGE = ROOT / "docs" / "performance.md"
RESULTS = Path(__file__).parent / "results"
ORDER = ["engine", "latency", "conditions", "replay", "reconnect", "log"]


def goal(what, target, measured, met):
    return {"what": what, "target": target, "measured": measured, "met": bool(met)}


def table(title, head, rows, note=""):
    return {"title": title, "head": head, "rows": rows, "note": note}


def publish(name, machine, goals, tables, *, save):
    """Print the findings, and with `save` keep them and make the page anew. What a program ends with."""
    for each in tables:
        print(f"\n{_as_text(each)}")
    for each in goals:
        print(f"\n{'met' if each['met'] else 'MISSED'}: {each['what']}: {each['target']}: {each['measured']}")
    if save:
        RESULTS.mkdir(exist_ok=True)
        found = {"machine": machine, "goals": goals, "tables": tables}
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
        make()
    return 0 if all(each["met"] for each in goals) else 1


def make():
    """Put what was found into the page."""
    PAGE.write_text(made(PAGE.read_text()))


def made(text):
    """The page with what was found between its marks."""
    found = {name: json.loads(path.read_text()) for name in ORDER if (path := RESULTS / f"{name}.json").exists()}
    text = _put(text, "goals", _goals(found))
    for name, each in found.items():
        text = _put(text, name, "\n\n".join([_machine(each["machine"]), *map(_markdown, each["tables"])]))
    return text


def _put(text, name, content):
    begin, end = f"<!-- {name}: made by benchmarks/page.py -->", f"<!-- end of {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    assert pattern.search(text), f"{PAGE} has no place for {name}: {begin} … {end}"
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text)


def _goals(found):
    rows = [
        [each["what"], each["target"], each["measured"], "yes" if each["met"] else "**no**"]
        for each_found in found.values()
        for each in each_found["goals"]
    ]
    return _grid(["what", "target", "measured", "met"], rows)


def _machine(machine):
    return (
        f"*{machine['taken']}, {machine['processor']}, {machine['system']}, {machine['python']}, a sync takes "
        f"{seconds(machine['sync'])}, load at the start {machine['load']:.1f}.*"
    )


def _markdown(each):
    parts = [f"**{each['title']}**", _grid(each["head"], each["rows"]), each["note"]]
    return "\n\n".join(filter(None, parts))


def _grid(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _as_text(each):
    widths = [max(map(len, column)) for column in zip(each["head"], *each["rows"], strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [each["head"], *each["rows"]]
    ]
    return "\n".join([each["title"], *(f"    {line}" for line in lines)])


if __name__ == "__main__":
    make()

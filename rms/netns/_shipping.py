"""Programs for a host that are modules here."""

from __future__ import annotations

from importlib import resources

_PROGRAM = """\
import sys, types
for name, text in {modules!r}:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main(*sys.argv[1:])
"""


def program(*modules: str) -> bytes:
    """A program for ``python3 -``: the text of these modules; the last one's `main` is called with the arguments.

    They may import each other, by their names here, those before them; and nothing else but the standard library.
    """
    texts = []
    for name in modules:
        package, _, module = name.rpartition(".")
        texts.append((name, resources.files(package).joinpath(f"{module}.py").read_text("utf-8")))
    return _PROGRAM.format(modules=texts).encode()

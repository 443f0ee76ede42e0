"""Programs for a host that are modules here."""

from __future__ import annotations

import marshal
import sys
from importlib import resources
from importlib.util import find_spec
from typing import Any, Final

_PROGRAM: Final = """\
import marshal, sys, types
for name, text, code in {modules!r}:
    module = sys.modules[name] = types.ModuleType(name)
    same = sys.implementation.cache_tag == {version!r}
    exec(marshal.loads(code) if same else compile(text, name, "exec"), module.__dict__)
module.main(*sys.argv[1:])
"""


def program(*modules: str) -> bytes:
    """A program for ``python3 -``: the text of these modules; the last one's `main` is called with the arguments.

    They may import each other, by their names here, those before them; and nothing else but the standard library. To
    compile them takes as long as to start Python, so they come compiled as well, for a host that has the same version.
    """
    shipped = [(name, _text(name), marshal.dumps(_code(name))) for name in modules]
    return _PROGRAM.format(modules=shipped, version=sys.implementation.cache_tag).encode()


def _text(name: str) -> str:
    package, _, module = name.rpartition(".")
    return resources.files(package).joinpath(f"{module}.py").read_text("utf-8")


def _code(name: str) -> Any:
    spec = find_spec(name)
    assert spec is not None
    return spec.loader.get_code(name)  # type: ignore[union-attr]  # all that Python has by itself do

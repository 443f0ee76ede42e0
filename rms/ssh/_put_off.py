"""Modules that are loaded when something of them is first used, and most often never."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["put_off"]


class _Later(ModuleType):
    """What is imported in place of a module. The `LazyLoader` of Python 3.11 loads it upon a second `import`."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def put_off(name: str) -> None:
    """Has the import of a module, by whomever, give one that loads itself when something of it is first used."""
    if name not in sys.modules and find_spec(name) is not None:
        sys.modules[name] = _Later(name)

"""Properties that are asked for once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

_T = TypeVar("_T")


class kept(Generic[_T]):  # noqa: N801 - it is used as a decorator, like `property`
    """A property whose value is kept: what its function gives must be the same whenever it is asked.

    That of functools has, up to Python 3.11, one lock for all instances: while one waits for an answer, no other one
    can ask.
    """

    def __init__(self, ask: Callable[[Any], _T]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> _T: ...
    def __get__(self, instance: object | None, owner: type) -> _T | Self:
        """Ask, and put the answer where it is found before this is."""
        if instance is None:
            return self
        value = self._ask(instance)
        instance.__dict__[self._ask.__name__] = value
        return value

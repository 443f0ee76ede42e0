"""What may name a node, and what an annotation may be."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import UsageError, nearest
from engine.core.values import check_plain

if TYPE_CHECKING:
    from collections.abc import Mapping

Nid = int | str
"""What names a node: a whole number, or a text that can be printed."""

NET_FIELDS: Final = ("mask", "network", "prefix")
"""What stands in the record of an edge's addresses beside its two nodes; no node can be called so."""

_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,19}")


def check_nid(nid: Any) -> None:
    """Refuse what can name no node.

    Raises:
        UsageError: it says why, and what can.
    """
    if type(nid) not in (int, str):
        right = "give numbers or texts, for example with networkx.convert_node_labels_to_integers(graph)"
        raise UsageError(f"node {nid!r}: a {type(nid).__name__} cannot name a node; {right}")
    check_plain(nid, f"node {nid!r}")
    if type(nid) is str:
        _check_printable(nid, "the name of a node")
    if nid in NET_FIELDS:
        raise UsageError(f"node {nid!r}: the addresses of an edge stand beside this word; take another name")


def twin(nid: Nid) -> Nid | None:
    """The other id that reads the same: ``"1"`` for 1, and 1 for ``"1"``."""
    return str(nid) if isinstance(nid, int) else int(nid) if _NUMBER.fullmatch(nid) else None


def check_annotation(name: Any, value: Any, where: str, own: Mapping[str, str]) -> None:
    """Refuse what is no annotation.

    Args:
        name: its name.
        value: its value.
        where: what it is, for the message.
        own: the names that have a meaning, each with the method that writes it.

    Raises:
        UsageError: it says why.
    """
    _check_printable(name, f"{where}: the name")
    if name in own:
        raise UsageError(f"{where}: this name has a meaning; write it with {own[name]}()")
    check_plain(value, where)
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{where}: {value!r} cannot be written as JSON ({error}); give text or finite numbers"
        ) from None


def _check_printable(text: Any, what: str) -> None:
    if type(text) is not str or not text or not text.isprintable():
        raise UsageError(f"{what} is {text!r}; give a text, not empty, of characters that can be printed")


def check_seed(seed: Any) -> None:
    """Refuse a seed that is not a number of 64 bits.

    Raises:
        UsageError: it is none.
    """
    if type(seed) is not int:
        raise UsageError(f"seed={seed!r}: give a whole number, or None to have it differ each time")
    check_plain(seed, "seed")


def fields(data: Any, where: str, *names: str) -> list[Any]:
    """The values of a dict that has exactly these names.

    Raises:
        UsageError: it is no dict, or has other names.
    """
    if not isinstance(data, dict):
        raise UsageError(f"{where}: {data!r} is no dict; give one with {', '.join(names)}")
    for name in names:
        if name not in data:
            raise UsageError(f"{where} has no {name!r}; it needs {', '.join(names)}")
    for name in data:
        if name not in names:
            raise UsageError(f"{where} has an unknown {name!r}; {nearest(str(name), names)}")
    return [data[name] for name in names]


def listed(data: Any, where: str) -> list[Any]:
    """A list.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(data, list):
        raise UsageError(f"{where}: {data!r} is no list; give one")
    return data

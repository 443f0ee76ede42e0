"""The elements of a description in XML, each with its line, and what may stand where."""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final
from xml.sax import ContentHandler, SAXParseException
from xml.sax.xmlreader import InputSource

import defusedxml.sax
from defusedxml import DefusedXmlException

from engine.core.errors import nearest
from engine.description.problems import BadDescription, at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from xml.sax.xmlreader import AttributesImpl

_VALUE: Final = ("name", "type", "value")
_WHEN: Final = ("group", "state", "time", "ns")

_KNOWN: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    # By element: its attributes, and the elements in it.
    "experiment": (
        ("exp_id", "run_id", "local_dir", "nthreads", "format", "version"),
        ("topology", "globals", "rms", "conditions", "settings"),
    ),
    "topology": (("topo-type", "seed"), ("nodes", "edges")),
    "nodes": ((), ("node",)),
    "node": (("nid", "nid-type", "source", "target"), ("node-annotations",)),
    "node-annotations": ((), ("node-annotation",)),
    "node-annotation": (_VALUE, ()),
    "edges": ((), ("edge",)),
    "edge": (("nid1", "nid1-type", "nid2", "nid2-type"), ("edge-annotations",)),
    "edge-annotations": ((), ("edge-annotation",)),
    "edge-annotation": (_VALUE, ()),
    "globals": ((), ("type",)),
    "type": (("rtype",), ("attribute",)),
    "rms": ((), ("rm",)),
    "rm": (
        (
            "guid", "rtype", "label", "state", "discover_time", "reserved_time", "provision_time", "ready_time",
            "start_time", "stop_time", "failed_time", "release_time",
        ),
        ("attributes", "connections", "conditions", "traces"),
    ),
    "attributes": ((), ("attribute",)),
    "attribute": (_VALUE, ()),
    "connections": ((), ("connection",)),
    "connection": (("guid",), ()),
    "conditions": ((), ("condition",)),
    "condition": (("action", "guids", *_WHEN), ()),
    "traces": ((), ("trace",)),
    "trace": (("name", "enabled"), ()),
    "settings": ((), ("setting",)),
    "setting": (("guids", *_VALUE, *_WHEN), ()),
}  # fmt: skip

_SEVERAL: Final = frozenset(
    {"node", "node-annotation", "edge", "edge-annotation", "type", "rm", "attribute", "connection", "condition",
     "trace", "setting"}
)  # fmt: skip
"""The elements that may stand beside others of their kind."""


@dataclass(slots=True)
class Element:
    """An element, and the line that it begins at."""

    tag: str
    line: int
    attributes: dict[str, str]
    children: list[Element] = field(default_factory=list)

    def tagged(self, tag: str) -> list[Element]:
        """The elements in it that have that tag."""
        return [child for child in self.children if child.tag == tag]

    def inside(self, tag: str, inner: str) -> Iterator[Element]:
        """The elements tagged `inner` in those that are tagged `tag` in it."""
        return (child for each in self.tagged(tag) for child in each.tagged(inner))


class _Handler(ContentHandler):
    """Makes a tree of elements that know their lines, and notes what stands where it has no place."""

    def __init__(self) -> None:
        super().__init__()
        self.root: Element | None = None
        self.problems: list[str] = []
        self._open: list[Element] = []
        self._locator: Any = None

    def setDocumentLocator(self, locator: Any) -> None:  # noqa: N802 - the name is that of SAX
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - as above
        element = Element(name, self._locator.getLineNumber(), dict(attrs.items()))
        self._check(element)
        if self._open:
            self._open[-1].children.append(element)
        self.root = self.root or element
        self._open.append(element)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - as above
        self._open.pop()

    def characters(self, content: str) -> None:
        if content.strip():
            self._note(f"{content.strip()[:40]!r} stands between elements; everything is said in attributes")

    def _check(self, element: Element) -> None:
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.tag not in _KNOWN:
            return  # it has been told of
        expected = ("experiment",) if parent is None else _KNOWN[parent.tag][1]
        if element.tag not in expected:
            self._note(f"<{element.tag}> has no place here; {nearest(element.tag, expected)}")
            return
        if parent is not None and element.tag not in _SEVERAL and parent.tagged(element.tag):
            self._note(f"<{element.tag}> is there twice; put both into one")
        known = _KNOWN[element.tag][0]
        for name in element.attributes:
            if name not in known:
                self._note(f"<{element.tag}> has no {name!r}; {nearest(name, known)}")

    def _note(self, message: str) -> None:
        self.problems.append(at(f"line {self._locator.getLineNumber()}", message))


def parse(text: str) -> Element:
    """The outermost element of a file.

    Raises:
        BadDescription: it is no XML, or something stands where it has no place; all of these are told.
    """
    handler, parser, source = _Handler(), defusedxml.sax.make_parser(), InputSource()
    parser.forbid_dtd = True
    parser.setContentHandler(handler)
    source.setByteStream(BytesIO(text.encode()))
    source.setEncoding("utf-8")  # whatever it says of itself: it was read as that
    try:
        parser.parse(source)
    except SAXParseException as error:
        raise BadDescription([f"line {error.getLineNumber()}: this is no XML: {error.getMessage()}"]) from None
    except DefusedXmlException:
        raise BadDescription(["it has a DOCTYPE, which is refused; a description needs none"]) from None
    if handler.problems:
        raise BadDescription(handler.problems)
    assert handler.root is not None, "the parser refuses a text without an element"
    return handler.root

"""Experiments as files: described once, saved, and made again.

* what is part of a description?            `model`
* what is one of a world?                   `recorded`
* how does it stand in XML, and in JSON?    `xml_write` and `xml_read`, `plain` and `schema`
* what is checked before it is made?        `drafting`
* how does it become a controller?          `building`
"""

from engine.description.building import build, prepare, problems
from engine.description.files import read, save
from engine.description.formats import SFormats
from engine.description.model import Description
from engine.description.problems import BadDescription
from engine.description.recorded import from_world
from engine.description.text import from_text, to_text

__all__ = [
    "BadDescription",
    "Description",
    "SFormats",
    "build",
    "from_text",
    "from_world",
    "prepare",
    "problems",
    "read",
    "save",
    "to_text",
]

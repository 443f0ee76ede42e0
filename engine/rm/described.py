"""What has declared attributes: a resource as a script describes it, and its manager as the engine binds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from engine.core.values import copied
from engine.rm import attributes as _attributes
from engine.rm.attributes import Attribute, attr
from engine.rm.secret import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping


# Two that are alike are two resources, so there is no equality.
@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(attr,))
class Described:
    """The attributes of a resource, as its class declares them (PEP 681: type checkers know them, too).

    ``Ping(target="10.0.0.2", count=3)`` describes a resource for ``ec.add``. Names and values are checked at once; one
    that must be set may still be missing, and is asked for when the resource is deployed.

    Raises:
        BadAttribute: there is no such attribute, or it does not take this value.
    """

    rtype: ClassVar[str] = ""
    attributes: ClassVar[Mapping[str, Attribute]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The types of the annotations are looked up at the first use: while the class is made they may not be there.
        cls.attributes = {}

    def __init__(self, **given: Any) -> None:
        self._values = _attributes.convert(self.declared(), given, self.rtype or type(self).__name__)

    def __repr__(self) -> str:
        # The value of a secret is where it comes from, so it may show.
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"

    @classmethod
    def declared(cls) -> Mapping[str, Attribute]:
        """Its attributes by name, inherited ones first."""
        if not cls.attributes:
            cls.attributes = _attributes.collect(cls)
        return cls.attributes

    def given(self) -> dict[str, Any]:
        """The values that were set, by the names of their attributes, as they may be logged."""
        return {name: copied(value) for name, value in self._values.items()}

    def value_of(self, attribute: Attribute) -> Any:
        """The value of an attribute: the one that was set, or the default. A secret is read where it comes from."""
        value = self._values.get(attribute.name, attribute.default)
        if attribute.secret and value and value is not _attributes.REQUIRED:
            return read_secret(value, f"{self.rtype or type(self).__name__}.{attribute.name}")
        return None if value is _attributes.REQUIRED else copied(value)

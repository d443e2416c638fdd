"""Readers of single values: each takes a value of the tree and its place, and returns it checked.

`Shape` reads a whole object into one of the structs of `mapcore.cluster`, field by field, and keeps
the fields that nobody knows in `extra`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Collection, Mapping
from enum import Enum
from typing import Any, Final, Generic, TypeAlias, TypeVar

import msgspec

from mapcore.documents.parsing import Repeated
from mapcore.documents.places import Place, describe, fail

__all__ = [
    "INTEGER_MAX",
    "Reader",
    "Shape",
    "boolean",
    "check_kept",
    "choice",
    "integer",
    "items",
    "list_of",
    "members",
    "name",
    "number",
    "optional",
    "text",
    "unknown_fields",
    "values_by_name",
]

Value = TypeVar("Value")
StructType = TypeVar("StructType", bound=msgspec.Struct)
Reader: TypeAlias = Callable[[Any, Place], Value]

INTEGER_MAX: Final = 2**63 - 1
KEPT_DEPTH_MAX: Final = 100
"""How deep values that mapcore does not know may be nested."""

_MAX: Final = sys.float_info.max


def members(value: Any, place: Place, *, named: bool = False, what: str = "an object") -> Any:
    """Return an object as a dict; `named` says that the user chose the names of its members."""
    if not isinstance(value, dict):
        fail(place, describe(value), what)
    if isinstance(value, Repeated):
        at = place.entry(value.name) if named else place.field(value.name)
        fail(at, f"{describe(value.name)} twice", "every name once")
    return value


def items(value: Any, place: Place, what: str = "a list") -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        fail(place, describe(value), what)
    return value


def text(value: Any, place: Place) -> str:
    """Return text, which may be empty."""
    if not isinstance(value, str):
        fail(place, describe(value), "text")
    return value


def name(value: Any, place: Place) -> str:
    """Return text of at least one character."""
    if not isinstance(value, str) or not value:
        fail(place, describe(value), "a name of at least one character")
    return value


def integer(least: int, most: int = INTEGER_MAX) -> Reader[int]:
    """Return a reader of whole numbers from `least` to `most`."""
    bounds = f"from {least}" if most == INTEGER_MAX else f"from {least} to {most}"

    def read(value: Any, place: Place) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            fail(place, describe(value), f"a whole number {bounds}")
        return value

    return read


def number(value: Any, place: Place) -> float:
    """Return a finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX:
        fail(place, describe(value), "a finite number from 0")
    return float(value)


def boolean(value: Any, place: Place) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        fail(place, describe(value), "true or false")
    return value


def choice(kind: type[Enum] | Collection[str]) -> Reader[Any]:
    """Return a reader of one of a few words: the values of an enumeration, or plain text."""
    words = (
        {member.value: member for member in kind}
        if isinstance(kind, type)
        else {word: word for word in kind}
    )
    expected = " or ".join(words) if len(words) == 2 else "one of " + ", ".join(words)

    def read(value: Any, place: Place) -> Any:
        if not isinstance(value, str) or value not in words:
            fail(place, describe(value), expected)
        return words[value]

    return read


def optional(read: Reader[Value]) -> Reader[Value | None]:
    """Return a reader that also takes null, as None."""
    return lambda value, place: None if value is None else read(value, place)


def list_of(read: Reader[Value], *, once: bool = False) -> Reader[tuple[Value, ...]]:
    """Return a reader of lists; `once` says that no value may stand twice."""

    def read_all(value: Any, place: Place) -> tuple[Value, ...]:
        found = tuple(read(item, place.item(i)) for i, item in enumerate(items(value, place)))
        if once and len(set(found)) != len(found):
            for i, item in enumerate(found):
                if item in found[:i]:
                    fail(place.item(i), f"{describe(item)} twice", "every value once")
        return found

    return read_all


def values_by_name(read: Reader[Value]) -> Reader[Mapping[str, Value]]:
    """Return a reader of objects whose names the user chose."""

    def read_all(value: Any, place: Place) -> Mapping[str, Value]:
        tree = members(value, place, named=True)
        return {key: read(item, place.entry(key)) for key, item in tree.items()}

    return read_all


def unknown_fields(tree: Mapping[str, Any], known: Collection[str], place: Place) -> dict[str, Any]:
    """Return the fields that are not known, made sure that they can be written back."""
    extra = {key: value for key, value in tree.items() if key not in known}
    for key, value in extra.items():
        check_kept(value, place.field(key))
    return extra


def check_kept(value: Any, place: Place, depth: int = 0) -> None:
    """Check that a tree which is kept as it is can be written back."""
    if depth > KEPT_DEPTH_MAX:
        fail(place, f"a value nested more than {KEPT_DEPTH_MAX} deep", "one of moderate depth")
    if isinstance(value, dict):
        for key, item in members(value, place).items():
            check_kept(item, place.field(key), depth + 1)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            check_kept(item, place.item(i), depth + 1)
    elif isinstance(value, float) and not math.isfinite(value):
        fail(place, describe(value), "a finite number")


class Shape(Generic[StructType]):
    """Reads an object into a struct.

    Args:
        kind: the struct; its fields have defaults unless they are in `required` or `given`.
        readers: a reader for each field, by the name that it has in documents.
        required: the fields that must be there.
    """

    def __init__(
        self,
        kind: type[StructType],
        readers: Mapping[str, Reader[Any]],
        required: Collection[str] = (),
    ) -> None:
        self.kind = kind
        self.readers = readers
        self.required = required
        self._attributes = dict(
            zip(kind.__struct_encode_fields__, kind.__struct_fields__, strict=True)
        )

    def __call__(self, value: Any, place: Place, **given: Any) -> StructType:
        """Read `value`; `given` are fields of the struct that the object does not hold."""
        tree = members(value, place)
        for field in self.required:
            if field not in tree:
                fail(place.field(field), "nothing", "this field")
        for field, read in self.readers.items():
            if field in tree:
                given[self._attributes[field]] = read(tree[field], place.field(field))
        return self.kind(**given, extra=unknown_fields(tree, self.readers, place))

"""Where in a document something stands, and the one error for what is wrong there.

A `Place` is written as a path: `map.partitions."17".master[0]`. Names that mapcore gives a meaning
stand bare; names that the user chose (of nodes, partitions, maps) stand in quotes. The text is made
only when somebody asks for it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from mapcore.errors import DocumentError

__all__ = ["Place", "describe", "fail"]

_BARE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SHOWN_CHARACTERS: Final = 60


class Place:
    """A place in a document; the document itself is `Place()`."""

    __slots__ = ("_is_quoted", "_parent", "_step")

    def __init__(
        self, parent: Place | None = None, step: str | int = "", is_quoted: bool = False
    ) -> None:
        self._parent = parent
        self._step = step
        self._is_quoted = is_quoted

    def field(self, name: str) -> Place:
        """Return the place of a field of this object."""
        return Place(self, name)

    def entry(self, name: str) -> Place:
        """Return the place of a node, partition or map by its name."""
        return Place(self, name, True)

    def item(self, number: int) -> Place:
        """Return the place of an item of this list."""
        return Place(self, number)

    def __str__(self) -> str:
        steps: list[str] = []
        place = self
        while place._parent is not None:
            steps.append(place._step_text())
            place = place._parent
        return "".join(reversed(steps)).removeprefix(".")

    def _step_text(self) -> str:
        if isinstance(self._step, int):
            return f"[{self._step}]"
        is_bare = not self._is_quoted and _BARE.match(self._step)
        return f".{self._step if is_bare else _quoted(self._step)}"


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def describe(value: Any) -> str:
    """Return what was found, as short text: `null`, `3`, `"abc"`, `a list of 2`, `an object`."""
    if isinstance(value, dict):
        return "an object" if value else "an empty object"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def fail(place: Place, found: str, expected: str) -> NoReturn:
    """Raise the error for what is wrong at `place`; `loads` adds the name of the file."""
    raise DocumentError(str(place), found, expected)

"""The nodes of a map: names in order, and the number of each name."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mapcore.errors import MapError

__all__ = ["NodeIndex"]


class NodeIndex(Sequence[str]):
    """The nodes of a map: names in order, and the number of each name.

    Maps over the same nodes share one index. Treat it as immutable.

    Attributes:
        names: the names, in order.

    Raises:
        MapError: a name stands twice, or is empty.
    """

    __slots__ = ("_fingerprint", "_numbered", "_shorter", "names")

    names: tuple[str, ...]
    _numbered: dict[str, int] | None
    _shorter: NodeIndex | None
    _fingerprint: int | None

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._shorter = self._fingerprint = None
        self._numbered = {name: number for number, name in enumerate(self.names)}
        if len(self._numbered) != len(self.names):
            twice = next(
                name for number, name in enumerate(self.names) if self._numbered[name] != number
            )
            raise MapError(f"found node {twice!r} twice, expected every name once")
        if "" in self._numbered:
            raise MapError("found a node with an empty name, expected at least one character")

    def extended(self, names: Sequence[str]) -> NodeIndex:
        """Return this index with more names at its end.

        Numbers are derived from those of this index when somebody asks for one: for a few names
        added to tens of thousands that is most of the cost.

        Raises:
            MapError: a name stands twice, or is empty.
        """
        longer = NodeIndex(names)
        if not self.numbers.keys().isdisjoint(longer.numbers):
            return NodeIndex(self.names + longer.names)
        longer.names = self.names + longer.names
        longer._numbered = longer._fingerprint = None
        longer._shorter = self
        return longer

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: Any) -> Any:
        return self.names[number]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.numbers

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, NodeIndex) and self.names == other.names)

    def __hash__(self) -> int:
        return hash(self.names)

    def __repr__(self) -> str:
        return f"NodeIndex({len(self.names)} nodes)"

    @property
    def fingerprint(self) -> int:
        """A checksum of the names and their order, 32 bits; made when first asked for."""
        if self._fingerprint is None:
            self._fingerprint = zlib.crc32("\0".join(self.names).encode(), len(self.names))
        return self._fingerprint

    @property
    def numbers(self) -> Mapping[str, int]:
        """The number of each name."""
        if self._numbered is None:
            assert self._shorter is not None
            first = len(self._shorter)
            numbered = dict(self._shorter.numbers)
            numbered.update(zip(self.names[first:], range(first, len(self.names)), strict=True))
            self._numbered, self._shorter = numbered, None
        return self._numbered

    def number(self, name: str) -> int:
        """Return the number of the node called `name`; KeyError if there is none."""
        return self.numbers[name]

"""Who takes part in a router tier: clients, proxies and nodes, in the forms in which they come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Mode, Node
from mapcore.errors import MapError, PlanError
from mapcore.node_index import NodeIndex

__all__ = ["Given", "Members", "members_of"]

Given: TypeAlias = int | Mapping[str, "str | Node"] | Iterable["str | Node"]
"""How many; or names; or names with locations; or `Node` values."""


@dataclass(frozen=True, slots=True)
class Members:
    """Clients, proxies or nodes, numbered.

    Attributes:
        index: their names.
        locations: where each stands, outermost level first, as in `z1/r1`; empty if not known.
        weights: what each takes relative to the others.
    """

    index: NodeIndex
    locations: tuple[str, ...]
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.index)

    def zones(self, depth: int) -> tuple[str, ...]:
        """Return the zone of each: the first `depth` parts of its location."""
        of = {place: "/".join(place.split("/")[:depth]) for place in set(self.locations)}
        return tuple(of[place] for place in self.locations)

    def numbers_in(self, other: Members) -> NDArray[np.int64]:
        """Return the number that each has in `other`, by name; -1 for those that are not there."""
        if self.index == other.index:
            return np.arange(len(self))
        known = other.index.numbers
        return np.array([known.get(name, -1) for name in self.index.names], np.int64)


def members_of(what: str, given: Given, modes: Iterable[Mode] = Mode) -> Members:
    """Read clients, proxies or nodes.

    Args:
        what: `clients`, `proxies` or `nodes`, for names and errors.
        given: how many (they are called `client0` and so on); names; a mapping from name to
            location or `Node`; or `Node` values.
        modes: of `Node` values, those that take part; others are left out, as is weight 0.

    Raises:
        PlanError: nothing of the kind, or a name that stands twice.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        if given < 0:
            raise PlanError(f"{what}: found {given}, expected 0 or more")
        stem = what.removesuffix("s") if what != "proxies" else "proxy"
        names = [f"{stem}{number}" for number in range(given)]
        return Members(NodeIndex(names), ("",) * given, (1.0,) * given)
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise PlanError(f"{what}: found {given!r}, expected a number, names, locations or nodes")
    pairs = given.items() if isinstance(given, Mapping) else ((each, each) for each in given)
    taking = frozenset(modes)
    found: list[tuple[str, str, float]] = []
    for key, value in pairs:
        name = key.name if isinstance(key, Node) else key
        if isinstance(value, Node):
            if value.mode in taking and value.weight > 0:
                found.append((value.name, value.location, value.weight))
        elif isinstance(value, str) and isinstance(name, str):
            found.append((name, value if isinstance(given, Mapping) else "", 1.0))
        else:
            raise PlanError(f"{what}: found {name!r}: {value!r}, expected a location or a Node")
    try:
        index = NodeIndex(name for name, _, _ in found)
    except MapError as error:
        raise PlanError(f"{what}: {str(error).replace('node', 'name')}") from None
    return Members(index, tuple(place for _, place, _ in found), tuple(w for _, _, w in found))

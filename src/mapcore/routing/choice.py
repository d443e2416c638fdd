"""Which of several copies to send a request to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _routing

__all__ = ["Among", "By", "Chooser", "codes_of", "distance", "mask_of"]

Among: TypeAlias = Literal["masters", "slaves", "copies"]
By: TypeAlias = Literal["order", "nearest", "round-robin", "random"]
_FARTHEST = 255


class Chooser:
    """What a router knows for its choices, whatever the map.

    Attributes:
        here: the location of the router, outermost level first, as in `z1/r1`.
        locations: of nodes, by name.
        random: gives a number from 0 to one less than its argument.
    """

    __slots__ = ("here", "locations", "random")

    def __init__(
        self,
        locations: Mapping[str, str] | None,
        here: str,
        random: Callable[[int], int] | None,
    ) -> None:
        self.locations: Mapping[str, str] = locations or {}
        self.here = here
        self.random: Callable[[int], int] = _randrange if random is None else random

    def distances(self, names: tuple[str, ...]) -> bytes:
        """Return how far each node stands from here, one byte a node."""
        if not self.locations:
            return bytes(len(names))
        return bytes(distance(self.here, self.locations.get(name, "")) for name in names)

    def seed(self) -> int:
        """Return 64 random bits, for the choices of a batch."""
        return self.random(1 << 64)


def _randrange(bound: int) -> int:
    """Return `random.randrange(bound)`; the module is loaded when first chance decides."""
    from random import randrange

    return randrange(bound)


def distance(here: str, there: str) -> int:
    """Return how far apart two locations are: the levels of `here` that `there` does not share."""
    wanted, found = (place.split("/") if place else [] for place in (here, there))
    shared = 0
    while shared < min(len(wanted), len(found)) and wanted[shared] == found[shared]:
        shared += 1
    return min(len(wanted) - shared, _FARTHEST)


def codes_of(among: Among, by: By) -> tuple[int, int]:
    """Return the kernel's numbers for a choice.

    Raises:
        ValueError: there is no such choice.
    """
    if among not in _routing.AMONG:
        raise ValueError(f"among: found {among!r}, expected one of {', '.join(_routing.AMONG)}")
    if by not in _routing.BY:
        raise ValueError(f"by: found {by!r}, expected one of {', '.join(_routing.BY)}")
    return _routing.AMONG[among], _routing.BY[by]


def mask_of(names: tuple[str, ...], avoid: Collection[str]) -> NDArray[np.uint8]:
    """Return 1 for each node that is to be avoided."""
    mask = np.zeros(len(names), np.uint8)
    if avoid:
        avoided = set(avoid)
        mask[[number for number, name in enumerate(names) if name in avoided]] = 1
    return mask

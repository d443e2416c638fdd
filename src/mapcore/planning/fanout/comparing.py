"""Plans for several numbers of peers side by side: what each costs, and what it is worth.

Fewer peers make fewer sets of nodes whose loss together loses a partition (copysets), and take more
moves to get to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log10
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Cluster, MaxPeers
from mapcore.errors import PlanError
from mapcore.maps import PartitionMap
from mapcore.planning.fanout.facts import FanoutFacts, LossChance, Reading
from mapcore.planning.fanout.measuring import Fanout, fanout
from mapcore.planning.fanout.smallest import smallest_max_peers
from mapcore.planning.planner import plan
from mapcore.planning.plans import Plan
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["LimitsCompared", "WithinLimit", "compare_max_peers"]

_BAR: Final = 24
_DECADES: Final = 8
"""A bar ends at a chance of 1, and is empty at one of 1 in 10^8."""


@dataclass(frozen=True, eq=False)
class WithinLimit:
    """What comes of one limit.

    Attributes:
        max_peers: the limit; None for the map as it is.
        measured: who exchanges partitions with whom.
        plan: what leads there; None for the map as it is.
        moves: copies that must be filled to get there from the map as it is.
        chances: of losing a partition, by how many nodes are lost.
    """

    max_peers: int | None
    measured: Fanout
    plan: Plan | None
    moves: int | None
    chances: tuple[LossChance, ...]

    @property
    def is_kept(self) -> bool:
        """Whether no node has more peers than the limit."""
        most = int(self.measured.scatter_width.max(initial=0))
        return self.max_peers is None or most <= self.max_peers

    @property
    def copy_range(self) -> tuple[int, int]:
        """The least and the most copies of a node."""
        copies = self.measured.copies
        return (int(copies.min()), int(copies.max())) if len(copies) else (0, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        measured = self.measured
        return {
            "maxPeers": self.max_peers,
            "kept": self.is_kept,
            "fanOut": int(measured.fan_out.max(initial=0)),
            "fanIn": int(measured.fan_in.max(initial=0)),
            "scatterWidth": int(measured.scatter_width.max(initial=0)),
            "cells": dict(zip(("least", "most"), measured.cell_range, strict=True)),
            "copies": dict(zip(("least", "most"), self.copy_range, strict=True)),
            "copySets": len(measured.copy_sets),
            "moves": self.moves,
            "warnings": [] if self.plan is None else list(self.plan.warnings),
            "lossChances": [
                {"nodes": chance.nodes, "chance": chance.chance, "exact": chance.is_exact}
                for chance in self.chances
            ],
        }


@dataclass(frozen=True, eq=False)
class LimitsCompared:
    """Several limits, the map as it is first where there is one.

    Attributes:
        fewest: no map with balanced copies and masters has fewer peers.
        limits: what comes of each.
    """

    fewest: int
    limits: tuple[WithinLimit, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """The columns of `rows`."""
        lost = self.limits[0].chances if self.limits else ()
        return (
            "max peers",
            "fan-out",
            "scatter width",
            "partitions of a pair",
            "copies of a node",
            "moves",
            "copy sets",
            *(f"loss of {chance.nodes}" for chance in lost),
            "",
        )

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield a row for each limit; its bar is as long as the last chance, by powers of ten."""
        for found in self.limits:
            measured = found.measured
            yield (
                "as it is" if found.max_peers is None else f"{found.max_peers:,}",
                int(measured.fan_out.max(initial=0)),
                int(measured.scatter_width.max(initial=0)),
                "{:,} to {:,}".format(*measured.cell_range),
                "{:,} to {:,}".format(*found.copy_range),
                found.moves,
                len(measured.copy_sets),
                *(f"{chance.chance:.2g}" for chance in found.chances),
                _bar(found.chances[-1].chance) if found.chances else "",
            )

    def to_dict(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "smallestMaxPeers": self.fewest,
            "limits": [found.to_dict() for found in self.limits],
        }

    def plot(self, path: str | Path) -> None:
        """Draw how likely losses of nodes lose a partition, by the limit.

        Raises:
            MapcoreError: matplotlib is not installed (`pip install 'mapcore[plot]'`).
        """
        from mapcore.planning.fanout.drawing import draw_chances

        draw_chances(
            [(found.max_peers, found.chances) for found in self.limits if found.chances],
            Path(path),
        )


def compare_max_peers(
    cluster: Cluster,
    counts: Iterable[int],
    *,
    map: str | None = None,  # noqa: A002 - what it is called in documents
    after: Reading = "failover",
    reserve: int = 2,
    fresh: bool = False,
    lose: Sequence[int] = (2, 3),
) -> LimitsCompared:
    """Plan within each of several numbers of peers, and compare what comes of it.

    Args:
        cluster: nodes, settings and maps.
        counts: the limits.
        map: the map; the only one, where there is one.
        after: which nodes are peers: `plan` or `failover`, as in the settings.
        reserve: how many peers a first plan leaves unused, as in the settings.
        fresh: whether to plan as if nothing were placed yet.
        lose: for how many lost nodes at once the chance of losing a partition is told.

    Raises:
        PlanError: nothing can be planned, or several maps and none named.
        ValueError: a limit below 1, or `after` is neither `plan` nor `failover`.
    """
    counts = tuple(dict.fromkeys(counts))
    if any(count < 1 for count in counts):
        raise ValueError(f"found {min(counts)} peers, expected at least 1")
    if map is None and len(cluster.maps) > 1:
        raise PlanError(f"found {len(cluster.maps)} maps, expected the name of one")
    name = next(iter(cluster.maps)) if map is None else map
    fewest = smallest_max_peers(cluster, map=name, after=after).count
    entry = cluster.maps[name]
    found = []
    before = entry.current
    if before is not None:
        measured = fanout(before, after=after)
        found.append(WithinLimit(None, measured, None, None, _chances(measured, lose)))
    start = None if before is None else _emptied(before) if fresh else before
    for count in counts:
        limit = MaxPeers(count=count, after=after, reserve=reserve)
        settings = msgspec.structs.replace(entry.settings, max_peers=limit)
        limited = replace(entry, settings=settings, current=start)
        planned = plan(cluster.with_maps({**cluster.maps, name: limited}), map=name)
        measured = fanout(planned.target, after=after)
        moves = _copies_to_fill(before, planned.target)
        found.append(WithinLimit(count, measured, planned, moves, _chances(measured, lose)))
    return LimitsCompared(fewest, tuple(found))


def _emptied(held: PartitionMap) -> PartitionMap:
    """Return the map without any copy."""
    nothing = (
        np.zeros(held.partition_count + 1, np.int64),
        np.empty(0, np.int32),
        np.empty(0, np.uint8),
    )
    return PartitionMap(
        nodes=held.nodes, keys=held.keys, index=nothing, sizes=held.sizes, weights=held.weights
    )


def _copies_to_fill(before: PartitionMap | None, target: PartitionMap) -> int:
    """Return how many live copies of the target the map before does not have."""
    if before is None:
        return int(target.loads().sum())
    held, wanted = (_cells(found.on_nodes(target.nodes)) for found in (before, target))
    return len(np.setdiff1d(wanted, held, assume_unique=True))


def _cells(held: PartitionMap) -> NDArray[np.int64]:
    """Return a number for each live copy: its partition times nodes, plus its node."""
    is_live = (held.copy_codes & PLACEMENT_MASK) != Placement.DEAD
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))[is_live]
    cells: NDArray[np.int64] = rows * held.node_count + held.copy_nodes[is_live]
    return cells


def _chances(measured: FanoutFacts, lose: Sequence[int]) -> tuple[LossChance, ...]:
    return tuple(measured.loss_chance(count) for count in lose if 1 <= count <= len(measured.names))


def _bar(chance: float) -> str:
    if chance <= 0:
        return ""
    return "#" * max(1, round(_BAR * (1 + log10(chance) / _DECADES)))

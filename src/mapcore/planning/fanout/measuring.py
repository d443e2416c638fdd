"""Who exchanges partitions with whom in a map, and what the loss of several nodes would cost.

Two readings of "peers":

| after | X and Y are peers if, for some partition, |
| --- | --- |
| plan | X is master and Y slave: what replicates as planned |
| failover | both hold a copy: what may have to replicate once a slave has taken over |

The matrix R says how many partitions X replicates to Y, X in rows; under `failover` it counts the
partitions that both hold. Few peers make few sets of nodes whose loss together loses a partition
(Cidon and others, "Copysets", USENIX ATC 2013), and many make recovery fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import comb
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError
from mapcore.maps import PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["Fanout", "LossChance", "Reading", "fanout"]

Reading = Literal["plan", "failover"]
_MOST_DENSE: Final = 2_000
_BAR: Final = 40


@dataclass(frozen=True, slots=True)
class LossChance:
    """How likely the loss of some nodes at once loses a partition.

    Attributes:
        nodes: how many nodes are lost, any of them alike.
        chance: the share of all such sets of nodes that hold every copy of some partition.
        is_exact: whether it is that. Otherwise it is no more than that: sets that lose several
            partitions were counted several times.
    """

    nodes: int
    chance: float
    is_exact: bool

    def __str__(self) -> str:
        about = "" if self.is_exact else "at most "
        lost = "one node" if self.nodes == 1 else f"{self.nodes} nodes at once"
        return f"losing {lost} loses a partition: {about}{self.chance:.3g}"


@dataclass(frozen=True, eq=False)
class Fanout:
    """Who exchanges partitions with whom.

    Attributes:
        names: of the nodes.
        after: which reading of peers this is.
        sources: int32, the X of each pair that exchanges something, by X and then Y.
        targets: int32, its Y.
        counts: int64, over how many partitions.
        copies: int64, the live copies of each node.
        copy_sets: how often each set of nodes holds all live copies of a partition, by set; sets
            of one node, where no copy has another, among them.
    """

    names: tuple[str, ...]
    after: Reading
    sources: NDArray[np.int32]
    targets: NDArray[np.int32]
    counts: NDArray[np.int64]
    copies: NDArray[np.int64]
    copy_sets: dict[tuple[int, ...], int]

    @cached_property
    def fan_out(self) -> NDArray[np.int64]:
        """To how many others each node replicates."""
        return np.bincount(self.sources, minlength=len(self.names))

    @cached_property
    def fan_in(self) -> NDArray[np.int64]:
        """From how many others each node receives."""
        return np.bincount(self.targets, minlength=len(self.names))

    @cached_property
    def scatter_width(self) -> NDArray[np.int64]:
        """With how many others each node has partitions in common, in either role."""
        count = len(self.names)
        pairs = np.concatenate(
            [
                self.sources.astype(np.int64) * count + self.targets,
                self.targets.astype(np.int64) * count + self.sources,
            ]
        )
        both = np.unique(pairs)
        return np.bincount(both // max(1, count), minlength=count)

    @property
    def cell_range(self) -> tuple[int, int]:
        """The least and the most partitions of the pairs that exchange any; zeros without pairs."""
        if not len(self.counts):
            return 0, 0
        return int(self.counts.min()), int(self.counts.max())

    def dense(self) -> NDArray[np.int64]:
        """Return R, nodes by nodes.

        Raises:
            MapError: more than 2,000 nodes; the pairs are there as arrays.
        """
        count = len(self.names)
        if count > _MOST_DENSE:
            raise MapError(
                f"found {count:,} nodes, expected at most {_MOST_DENSE:,} for a dense matrix"
            )
        matrix = np.zeros((count, count), np.int64)
        matrix[self.sources, self.targets] = self.counts
        return matrix

    def loss_chance(self, nodes: int) -> LossChance:
        """Return how likely the loss of so many nodes at once, any alike, loses a partition.

        Exact where every partition has at least that many copies; otherwise an upper bound.

        Raises:
            ValueError: fewer than one node, or more than there are.
        """
        count = len(self.names)
        if not 1 <= nodes <= count:
            raise ValueError(f"found {nodes} nodes, expected 1 to {count}")
        sizes = Counter(len(members) for members in self.copy_sets)
        lost = sum(
            sets * comb(count - size, nodes - size) for size, sets in sizes.items() if size <= nodes
        )
        total = comb(count, nodes)
        is_exact = all(size >= nodes for size in sizes) or lost <= 1
        return LossChance(nodes, min(1.0, lost / total), is_exact)

    def busiest(self, limit: int | None = None) -> Iterator[tuple[str, int, int, int, int]]:
        """Yield name, copies, fan-out, fan-in and scatter width of nodes, most peers first."""
        peers = np.maximum(self.fan_out, self.fan_in)
        for node in np.argsort(-peers, kind="stable")[:limit].tolist():
            yield (
                self.names[node],
                int(self.copies[node]),
                int(self.fan_out[node]),
                int(self.fan_in[node]),
                int(self.scatter_width[node]),
            )

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a JSON-ready document."""
        return {
            "after": self.after,
            "nodes": [
                {
                    "node": name,
                    "copies": copies,
                    "fanOut": fan_out,
                    "fanIn": fan_in,
                    "scatterWidth": width,
                }
                for name, copies, fan_out, fan_in, width in zip(
                    self.names,
                    self.copies.tolist(),
                    self.fan_out.tolist(),
                    self.fan_in.tolist(),
                    self.scatter_width.tolist(),
                    strict=True,
                )
            ],
            "cells": dict(zip(("least", "most"), self.cell_range, strict=True)),
            "copySets": len(self.copy_sets),
            "pairs": [
                [self.names[source], self.names[target], count]
                for source, target, count in zip(
                    self.sources.tolist(), self.targets.tolist(), self.counts.tolist(), strict=True
                )
            ],
        }

    def report(self, *, lose: tuple[int, ...] = (2, 3)) -> str:
        """Return the sums as text; `lose` says for how many lost nodes the chance is told."""
        if not self.names:
            return "no nodes"
        when = "as planned" if self.after == "plan" else "as planned or after a failover"
        lines = [
            f"pairs of nodes that exchange partitions {when}: {len(self.sources):,}",
            _spread("fan-out", self.fan_out),
            _spread("fan-in", self.fan_in),
            _spread("scatter width", self.scatter_width),
        ]
        if len(self.counts):
            least, most = self.cell_range
            lines.append(
                f"partitions of a pair: {least:,} / {self.counts.mean():,.4g} / {most:,} "
                "(min / mean / max)"
            )
        lines.append(f"sets of nodes that hold all copies of a partition: {len(self.copy_sets):,}")
        lines += [str(self.loss_chance(count)) for count in lose if 1 <= count <= len(self.names)]
        lines += ["", "peers  nodes that replicate to so many"]
        peers, nodes = np.unique(self.fan_out, return_counts=True)
        for peer_count, node_count in zip(peers.tolist(), nodes.tolist(), strict=True):
            bar = "#" * max(1, round(_BAR * node_count / int(nodes.max())))
            lines.append(f"{peer_count:>5}  {bar} {node_count:,}")
        return "\n".join(lines)

    def rows(self) -> Iterator[str]:
        """Yield R as lines of text: a node, and what it exchanges with which others."""
        bounds = np.searchsorted(self.sources, np.arange(len(self.names) + 1)).tolist()
        for node, name in enumerate(self.names):
            row = slice(bounds[node], bounds[node + 1])
            cells = " ".join(
                f"{self.names[target]}:{count}"
                for target, count in zip(
                    self.targets[row].tolist(), self.counts[row].tolist(), strict=True
                )
            )
            yield f"{name} -> {cells or '-'}"

    def plot(self, path: str | Path) -> None:
        """Draw R as a heat map.

        Raises:
            MapcoreError: matplotlib is not installed (`pip install 'mapcore[plot]'`).
            MapError: more than 2,000 nodes.
        """
        from mapcore.planning.fanout.drawing import draw

        draw(self, Path(path))

    def __repr__(self) -> str:
        most = int(self.fan_out.max(initial=0))
        return f"<Fanout of {len(self.names):,} nodes after {self.after}: at most {most} peers>"


def _spread(what: str, values: NDArray[np.int64]) -> str:
    return (
        f"{what}: {int(values.min()):,} / {values.mean():,.4g} / {int(values.max()):,} "
        "(min / mean / max of the nodes)"
    )


def fanout(held: PartitionMap, *, after: Reading = "failover") -> Fanout:
    """Count who exchanges partitions with whom in a map; dead copies count for nothing.

    Time and memory are linear in the pairs of copies of all partitions.

    Raises:
        ValueError: `after` is neither `plan` nor `failover`.
    """
    if after not in ("plan", "failover"):
        raise ValueError(f"found after={after!r}, expected plan or failover")
    placements = held.copy_codes & PLACEMENT_MASK
    is_live = placements != Placement.DEAD
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))[is_live]
    nodes = held.copy_nodes[is_live].astype(np.int64)
    is_master = np.isin(placements[is_live], LEADING)
    sources, targets, counts = _pairs(rows, nodes, is_master, held.node_count, after)
    return Fanout(
        held.nodes.names,
        after,
        sources,
        targets,
        counts,
        np.bincount(nodes, minlength=held.node_count),
        _copy_sets(rows, nodes),
    )


def _pairs(
    rows: NDArray[np.int64],
    nodes: NDArray[np.int64],
    is_master: NDArray[np.bool_],
    node_count: int,
    after: Reading,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return the pairs that exchange something; copies come by row."""
    found = []
    # In one row, a copy and the one `apart` places after it.
    longest = int(np.bincount(rows).max(initial=0))
    for apart in range(1, longest):
        left, right = slice(None, -apart), slice(apart, None)
        same = rows[left] == rows[right]
        for first, second in ((left, right), (right, left)):
            chosen = same if after == "failover" else same & is_master[first] & ~is_master[second]
            found.append(nodes[first][chosen] * node_count + nodes[second][chosen])
    pairs, counts = np.unique(
        np.concatenate(found) if found else np.zeros(0, np.int64), return_counts=True
    )
    sources, targets = np.divmod(pairs, max(1, node_count))
    return sources.astype(np.int32), targets.astype(np.int32), counts.astype(np.int64)


def _copy_sets(rows: NDArray[np.int64], nodes: NDArray[np.int64]) -> dict[tuple[int, ...], int]:
    """Return the sets of nodes that hold all live copies of a partition, and how often."""
    order = np.lexsort((nodes, rows))
    nodes = nodes[order]
    counts = np.bincount(rows)
    starts = np.cumsum(counts) - counts
    found: dict[tuple[int, ...], int] = {}
    for size in np.unique(counts[counts > 0]).tolist():
        chosen = starts[counts == size]
        sets, times = np.unique(
            nodes[chosen[:, None] + np.arange(size)], axis=0, return_counts=True
        )
        found.update(zip(map(tuple, sets.tolist()), times.tolist(), strict=True))
    return found

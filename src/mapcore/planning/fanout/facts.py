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
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError

__all__ = ["FanoutFacts", "LossChance", "Reading"]

Reading = Literal["plan", "failover"]
_MOST_DENSE: Final = 2_000


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
class FanoutFacts:
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

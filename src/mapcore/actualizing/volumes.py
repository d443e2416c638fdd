"""On which volume of its node a copy lies.

Where the map says it (`"volumes": {"nodeA": "/data0"}` with the partition) it is that. Otherwise
the volume follows from the names of partition and node alone: the one with the highest score of a
rendezvous hash (Thaler and Ravishankar 1998), weighted with the capacities by the logarithmic
method (Schindelhauer and Schomaker 2005). So a copy stays where it is when another volume is
added or lost, and nobody has to write it down.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Node, Volume
from mapcore.keys import HashKeys
from mapcore.maps import NodeIndex, PartitionMap

__all__ = ["FIELD", "Volumes"]

FIELD: Final = "volumes"
"""The field of a partition that says on which volumes its copies lie."""


class Volumes:
    """The volumes of all nodes, numbered through.

    Attributes:
        types: the type of each volume.
        labels: its path, or its type and place in the list where it has no path.
        nodes: int32, the number of each volume's node.
    """

    def __init__(self, nodes: Iterable[Node], index: NodeIndex) -> None:
        """Number the volumes of `nodes`; `index` numbers the nodes."""
        held: list[tuple[int, int, Volume]] = []
        for node in nodes:
            if node.name in index:
                number = index.number(node.name)
                held += [(number, place, volume) for place, volume in enumerate(node.volumes)]
        held.sort(key=lambda entry: entry[:2])
        self.types: tuple[str, ...] = tuple(volume.type for _, _, volume in held)
        self.labels: tuple[str, ...] = tuple(
            volume.path or f"{volume.type}-{place}" for _, place, volume in held
        )
        self.nodes: NDArray[np.int32] = np.array([number for number, _, _ in held], np.int32)
        self._index = index
        self._counts = np.bincount(self.nodes, minlength=len(index))
        self._firsts = np.concatenate([np.zeros(1, np.int64), np.cumsum(self._counts)])[:-1]
        self._weights = np.array([float(volume.capacity or 1) for _, _, volume in held])
        self._seeds = np.array(
            [
                zlib.crc32(f"{index.names[n]}\0{label}".encode())
                for n, label in zip(self.nodes.tolist(), self.labels, strict=True)
            ],
            np.uint64,
        )

    def __len__(self) -> int:
        return len(self.types)

    def of(
        self, held: PartitionMap, partitions: NDArray[Any], nodes: NDArray[Any]
    ) -> NDArray[np.int32]:
        """Return the volume number of each copy, -1 on nodes without volumes.

        Args:
            held: the map of the copies.
            partitions: partition numbers.
            nodes: node numbers, as many.
        """
        found = np.full(len(partitions), -1, dtype=np.int32)
        if not len(self):
            return found
        seeds = _partition_seeds(held, partitions)
        best = np.full(len(partitions), -np.inf)
        counts = self._counts[nodes]
        for place in range(int(counts.max(initial=0))):
            copies = np.flatnonzero(counts > place)
            volumes = self._firsts[nodes[copies]] + place
            uniform = _uniform(seeds[copies], self._seeds[volumes])
            scores = self._weights[volumes] / -np.log(uniform)
            better = scores > best[copies]
            found[copies[better]] = volumes[better]
            best[copies[better]] = scores[better]
        self._apply_records(held, partitions, nodes, found)
        return found

    def _apply_records(
        self,
        held: PartitionMap,
        partitions: NDArray[Any],
        nodes: NDArray[Any],
        found: NDArray[np.int32],
    ) -> None:
        recorded = [number for number, fields in held.extra.items() if FIELD in fields]
        if not recorded:
            return
        for copy in np.flatnonzero(np.isin(partitions, recorded)).tolist():
            node = int(nodes[copy])
            paths = held.extra[int(partitions[copy])][FIELD]
            path = paths.get(self._index.names[node]) if isinstance(paths, dict) else None
            first = int(self._firsts[node])
            labels = self.labels[first : first + int(self._counts[node])]
            if path in labels:
                found[copy] = first + labels.index(path)


def _partition_seeds(held: PartitionMap, partitions: NDArray[Any]) -> NDArray[np.uint64]:
    """Return a number for each partition that stays the same when others come and go."""
    if isinstance(held.keys, HashKeys):
        return partitions.astype(np.uint64)
    names, places = np.unique(partitions, return_inverse=True)
    seeds = [zlib.crc32(held.keys.name(number).encode()) for number in names.tolist()]
    return np.array(seeds, np.uint64)[places]


def _uniform(a: NDArray[np.uint64], b: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Hash pairs to numbers strictly between 0 and 1, by the finalizer of SplitMix64."""
    mixed = a * np.uint64(0x9E3779B97F4A7C15) + b * np.uint64(0xD1B54A32D192ED03)
    mixed = (mixed ^ mixed >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ mixed >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    uniform: NDArray[np.float64] = np.ldexp((mixed >> np.uint64(11)).astype(np.float64) + 0.5, -53)
    return uniform

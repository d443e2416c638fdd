"""A simple engine for partitions that differ: copy counts, classes, pins and limits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.placement import Placement, PlacementCertificate, PlacementProblem

__all__ = ["place_greedily"]


def _allowed(problem: PlacementProblem, partition: int) -> NDArray[np.bool_]:
    if problem.class_eligible is None or problem.partition_class is None:
        return problem.eligible
    narrower: NDArray[np.bool_] = problem.class_eligible[problem.partition_class[partition]]
    return problem.eligible & narrower


def place_greedily(problem: PlacementProblem, interrupt: Callable[[], object] | None) -> Placement:
    """Keep what fits, fill the least loaded; no proof."""
    partitions = len(problem.copy_counts)
    width = int(problem.copy_counts.max(initial=0))
    result = np.full((partitions, width), -1, np.int32)
    limit = np.full(len(problem.eligible), partitions, np.int64)
    if problem.node_limit is not None:
        limit = np.minimum(limit, problem.node_limit)
    load = np.zeros(len(problem.eligible), np.int64)
    if problem.pinned is not None:
        load += np.bincount(problem.pinned[problem.pinned >= 0], minlength=len(load))
    for partition in range(partitions):
        if interrupt is not None and partition % 1024 == 0:
            interrupt()
        allowed = _allowed(problem, partition)
        row: list[int] = []
        if problem.pinned is not None:
            row.extend(int(n) for n in problem.pinned[partition] if n >= 0 and allowed[n])
        for kept in (True, False):
            while len(row) < problem.copy_counts[partition]:
                free = allowed & (load < limit)
                free[row] = False
                if kept:
                    held = np.zeros_like(free)
                    held[problem.current[partition][problem.current[partition] >= 0]] = True
                    free &= held & (load < problem.upper)
                candidates = np.flatnonzero(free)
                if not len(candidates):
                    break
                keys: list[NDArray[np.int64]] = [load[candidates] - problem.lower[candidates]]
                keys += [
                    np.isin(level[candidates], level[row]).astype(np.int64)
                    for level in reversed(problem.levels)
                ]
                best = int(candidates[np.lexsort(keys)[0]])
                row.append(best)
                load[best] += 1
        kept_first = [int(n) for n in problem.current[partition] if n in row]
        kept_first += [n for n in row if n not in kept_first]
        result[partition, : len(kept_first)] = kept_first
    return _measured(problem, result)


def _measured(problem: PlacementProblem, nodes: NDArray[np.int32]) -> Placement:
    held = nodes >= 0
    load = np.bincount(nodes[held], minlength=len(problem.eligible))
    below = np.maximum(problem.lower - load, 0)[problem.eligible]
    above = np.maximum(load - problem.upper, 0)[problem.eligible]
    new = held & ~(nodes[:, :, None] == problem.current[:, None, :]).any(axis=2)
    excess = []
    for level in problem.levels:
        cells = np.zeros((len(nodes), int(level.max(initial=-1)) + 1), np.int64)
        rows, columns = np.nonzero(held)
        np.add.at(cells, (rows, level[nodes[rows, columns]]), 1)
        caps = []
        for partition in range(len(nodes)):
            values = max(1, len(np.unique(level[_allowed(problem, partition)])))
            caps.append(-(-int(problem.copy_counts[partition]) // values))
        excess.append(
            int(np.maximum(cells - np.array(caps)[:, None], 0).sum()) if len(nodes) else 0
        )
    zeros = np.zeros(len(problem.eligible), np.int64)
    return Placement(
        nodes=nodes,
        moves=int(new.sum()),
        imbalance=int((below**2).sum() + (above**2).sum()),
        spread_excess=tuple(excess),
        missing=int(problem.copy_counts.sum() - held.sum()),
        certificate=PlacementCertificate(
            np.zeros(problem.levels.shape, np.int64), zeros, zeros, (0,) * len(problem.levels), 0, 0
        ),
    )

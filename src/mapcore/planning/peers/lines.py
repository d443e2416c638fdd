"""Fresh placements by laying copies end to end, for places of any sizes.

All copies are laid on one line, node by node and place by place, and the line is cut into as many
rows as a partition has copies (McNaughton, "Scheduling with deadlines and loss functions", 1959).
Each column is a partition. A node has at most as many copies as there are columns, so it is in no
column twice; likewise no place is in a column more often than it has to be. Loads are exact, and
the peers of a node are those that stand above and below it.

To have more peers, with fewer partitions shared with each, columns are dealt out to groups, and in
each group the rows are shifted against each other by other numbers of nodes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.peers.problem import DUE_ONE, PeersProblem
from mapcore.planning.peers.rings import whole_shares
from mapcore.planning.placing.placement import is_uniform

__all__ = ["cells", "lines"]


def lines(problem: PeersProblem, max_peers: int) -> Iterator[NDArray[np.int32]]:
    """Give placements with rows shifted against each other in more or fewer groups of columns."""
    copies = _copies_of_all(problem)
    if copies < 2:
        return
    nodes = _line_order(problem)
    due = problem.copies_due[nodes]
    partitions = len(problem.placement.copy_counts)
    line = np.repeat(nodes, whole_shares(due, partitions * copies)).reshape(copies, partitions)
    most = max(1, max_peers // (copies - 1) - 1)
    mean, least = int(due.mean()) // DUE_ONE, int(due.min()) // DUE_ONE
    tried = set()
    for groups in (most, max(1, most - 1), max(1, most // 2), 1):
        for step in (mean, least):
            if (trial := (groups, step if groups > 1 else 0)) not in tried:
                tried.add(trial)
                yield _padded(problem, _led_in_turn(_shifted(line, *trial), groups))
    for parts in (1, 2, 3):  # where rows begin in the midst of a node, others may fit better
        shifts = [row * parts * mean // 4 for row in range(copies)]
        rows = np.stack([np.roll(row, by) for row, by in zip(line, shifts, strict=True)], axis=1)
        yield _padded(problem, _led_in_turn(rows, 1))


def cells(problem: PeersProblem, max_peers: int) -> Iterator[NDArray[np.int32]]:
    """Give placements in which nodes are dealt out to cells that have no partition in common.

    With fewer peers than twice the slaves there is no other way: a ring would fall apart.
    """
    copies = _copies_of_all(problem)
    if copies < 2:
        return
    nodes = _line_order(problem)
    partitions = len(problem.placement.copy_counts)
    fewest = -(-len(nodes) // (max_peers + 1))
    for count in range(fewest, min(fewest + 2, len(nodes) // copies) + 1):
        dealt = [nodes[number::count] for number in range(count)]
        due = np.array([problem.copies_due[cell].sum() for cell in dealt])
        rows = []
        for cell, share in zip(dealt, whole_shares(due, partitions).tolist(), strict=True):
            loads = whole_shares(problem.copies_due[cell], share * copies)
            if share and int(loads.max()) <= share:
                rows.append(np.repeat(cell, loads).reshape(copies, share).T)
            elif share:
                break
        else:
            yield _padded(problem, _led_in_turn(np.concatenate(rows), 1))


def _copies_of_all(problem: PeersProblem) -> int:
    """How many copies each partition has; 0 where partitions differ."""
    placement = problem.placement
    is_alike = is_uniform(placement) and placement.node_limit is None and placement.rules is None
    return int(problem.classes.copies[0]) if is_alike and len(problem.classes.copies) else 0


def _line_order(problem: PeersProblem) -> NDArray[np.int64]:
    """Order the nodes by place, those places first that hold the most copies."""
    nodes = np.flatnonzero(problem.copies_due > 0)
    keys: list[NDArray[np.int64]] = [nodes]
    for level in problem.placement.levels[::-1]:
        held = np.bincount(level, weights=problem.copies_due.astype(np.float64))
        keys += [level[nodes], -held[level[nodes]]]
    return nodes[np.lexsort(keys)]


def _shifted(line: NDArray[np.int64], groups: int, step: int) -> NDArray[np.int64]:
    """Shift the rows of each group of columns by other multiples of a step; columns first."""
    copies, partitions = line.shape
    rows = np.empty((partitions, copies), np.int64)
    for group in range(groups):
        columns = np.arange(group, partitions, groups)
        for row in range(copies):
            by = row * group % groups
            if copies == 3 and row == 2 and groups % 2 == 0:  # else half the differences come twice
                by = (2 * group + (group >= groups // 2)) % groups
            rows[columns, row] = np.roll(line[row, columns], -round(by * step / groups))
    return rows


def _led_in_turn(rows: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Let copies lead in turn: the next one in each next column of a group."""
    partitions, copies = rows.shape
    turns = (np.arange(partitions) // groups)[:, None] + np.arange(copies)
    led: NDArray[np.int64] = np.take_along_axis(rows, turns % copies, axis=1)
    return led


def _padded(problem: PeersProblem, rows: NDArray[np.int64]) -> NDArray[np.int32]:
    padded = np.full(problem.relaxed.shape, -1, np.int32)
    padded[:, : rows.shape[1]] = rows
    for column in range(1, rows.shape[1]):  # where rows were shifted, a node may be met again
        is_twice = (padded[:, :column] == padded[:, column : column + 1]).any(axis=1)
        padded[is_twice, column] = -1
    return padded

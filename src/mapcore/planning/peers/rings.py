"""Fresh placements by a sweep around a ring, on which places to spread over alternate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _peers
from mapcore.planning.peers.problem import (
    DUE_ONE,
    PeersProblem,
    limits_of,
    open_nodes,
)

__all__ = ["ring_order", "sweep_rings", "whole_shares", "widths_within"]

_FEW: Final = 0.01  # of nodes, that may have too many peers before a placement is mended


def ring_order(
    levels: NDArray[np.int32], nodes: NDArray[np.int64], apart: NDArray[np.int32] | None = None
) -> NDArray[np.int32]:
    """Order nodes so that those of each place stand as evenly as they can along the ring.

    Args:
        levels: int32, levels by nodes: values to spread over, outermost first.
        nodes: numbers of the nodes.
        apart: int32 by node: nodes with different numbers stand in stretches of their own.
    """
    order = np.asarray(nodes, np.int64)
    for level in levels[::-1]:
        values = level[order]
        counts = np.bincount(values)
        by_value = np.argsort(values, kind="stable")
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        ranks = np.empty(len(order), np.int64)
        ranks[by_value] = np.arange(len(order)) - starts[values[by_value]]
        sizes = counts[values]
        keys = (2 * ranks + 1) / (2 * sizes)
        order = order[np.lexsort((values, -sizes, keys))]
    if apart is not None:
        order = order[np.argsort(apart[order], kind="stable")]
    return order.astype(np.int32)


def widths_within(
    neighbours: Callable[[int], NDArray[np.bool_]], size: int, max_peers: int
) -> Iterator[int]:
    """Give widths of a window on a ring, the widest first, that keep nodes within their peers.

    Args:
        neighbours: by distance: whether each place may be a peer of the one so far ahead.
        size: places on the ring.
        max_peers: the most peers; few nodes may have more at the first widths.
    """
    degrees = np.zeros(size, np.int64)
    fitting = []
    for width in range(1, size // 2 + 1):
        ahead = neighbours(width)
        degrees += ahead
        if 2 * width < size:
            degrees += np.roll(ahead, width)
        if np.count_nonzero(degrees > max_peers) > _FEW * size:
            break
        fitting.append((width, bool((degrees > max_peers).any())))
    sure = [width for width, is_over in fitting if not is_over]
    yield from sure[::-1]
    yield from (width for width, is_over in fitting if is_over)


def whole_shares(due: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Round shares, in order, to whole numbers that sum up to a total; none is off by one."""
    ends = np.cumsum(due)
    if not len(due) or ends[-1] <= 0:
        return np.zeros(len(due), np.int64)
    last = int(ends[-1])
    whole = np.array([(end * total + last // 2) // last for end in ends.tolist()], np.int64)
    return np.diff(whole, prepend=0)


def sweep_rings(
    problem: PeersProblem, max_peers: int, interrupt: Callable[[], object] | None
) -> Iterator[NDArray[np.int32]]:
    """Give placements by sweeps with windows of several widths, the most promising first."""
    for trial in range(3):
        rows = np.full(problem.relaxed.shape, -1, np.int32)
        is_last = False
        for number in range(len(problem.classes.copies)):
            is_last |= not _sweep_class(problem, number, max_peers, trial, rows, interrupt)
        if is_last:
            return
        _set_pins(problem, rows)
        yield rows


def _sweep_class(
    problem: PeersProblem,
    number: int,
    max_peers: int,
    trial: int,
    rows: NDArray[np.int32],
    interrupt: Callable[[], object] | None,
) -> bool:
    """Fill the rows of a class; False where there is no such trial."""
    classes, placement = problem.classes, problem.placement
    copies = int(classes.copies[number])
    partitions = np.flatnonzero(classes.numbers == number).astype(np.int32)
    if not copies or not len(partitions):
        return True
    due = problem.copies_due
    if len(classes.copies) > 1:
        held = problem.relaxed[partitions]
        due = np.bincount(held[held >= 0], minlength=len(due)) * DUE_ONE
    usable = classes.group_nodes[classes.groups[number]] & open_nodes(placement)
    allowed = np.flatnonzero(usable & (due > 0))
    order = ring_order(placement.levels, allowed, _apart(problem))
    shares = problem.class_shares[number]
    single = [
        level[order] for level, share in zip(placement.levels, shares, strict=True) if share < 2
    ]

    def neighbours(distance: int) -> NDArray[np.bool_]:
        is_peer = np.ones(len(order), np.bool_)
        for values in single:
            is_peer &= values != np.roll(values, -distance)
        return is_peer

    widths = list(widths_within(neighbours, len(order), max_peers))[:3]
    if trial >= len(widths):
        return False
    leads = np.where(problem.may_lead, np.minimum(problem.masters_due, problem.copies_due), 0)
    share_led = leads[order] / np.maximum(1, problem.copies_due[order])
    wanted = np.floor(share_led * due[order]).astype(np.int64)
    if not wanted.sum():
        wanted = due[order] // copies
    masters = whole_shares(wanted, len(partitions))
    must_hold, bound = _bound_places(problem, number, due, len(partitions))
    _peers.sweep(
        limits_of(problem, max_peers),
        order,
        masters,
        np.maximum(due[order] - masters * DUE_ONE, 0),
        widths[trial],
        0 if problem.every_pair else widths[trial],
        partitions,
        copies,
        must_hold,
        bound,
        rows,
        interrupt,
    )
    return True


def _set_pins(problem: PeersProblem, rows: NDArray[np.int32]) -> None:
    """Put pinned nodes into their rows, in place: where a copy at the same place stands, if any."""
    pinned = problem.placement.pinned
    if pinned is None:
        return
    levels = problem.placement.levels
    for nodes in pinned.T:
        lacking = np.flatnonzero((nodes >= 0) & ~(rows == nodes[:, None]).any(axis=1))
        there, wanted = rows[lacking], nodes[lacking]
        is_pinned = (there[:, :, None] == pinned[lacking][:, None, :]).any(axis=2)
        score = np.where(is_pinned, -9, 0) + (there < 0)
        if len(levels):
            score += 2 * ((levels[0][there] == levels[0][wanted][:, None]) & (there >= 0))
        # The last of the best: rather a slave than the master.
        column = there.shape[1] - 1 - np.argmax(score[:, ::-1], axis=1)
        rows[lacking, column] = wanted


def _apart(problem: PeersProblem) -> NDArray[np.int32] | None:
    """Which nodes rules keep together, where all rules want slaves near their master."""
    rules = problem.placement.rules
    if rules is None or not (depth := int(rules.intervals[:, 0].min(initial=0))):
        return None
    return rules.ancestors[:, depth - 1]


def _bound_places(
    problem: PeersProblem, number: int, due: NDArray[np.int64], partitions: int
) -> tuple[NDArray[np.uint8] | None, int]:
    """Return the nodes at places of which every partition needs its full share, and how many."""
    if not len(problem.placement.levels):
        return None, 0
    values = problem.placement.levels[0]
    share = int(problem.class_shares[number, 0])
    held = np.bincount(values, weights=due.astype(np.float64))
    is_bound = held >= (share * partitions - 0.5) * DUE_ONE
    if not is_bound.any():
        return None, 0
    must_hold = is_bound[values].astype(np.uint8)
    return must_hold, share * int(np.count_nonzero(is_bound))

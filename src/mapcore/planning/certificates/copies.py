"""Whether a placement is the best there is: checked from prices, without trusting the planner.

It is recounted, and what copies and nodes regret at the prices is all that the best could be below
it (see `regrets`). The checker reads problem, nodes and prices, and no code of the planner's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.certificates.faults import placement_faults
from mapcore.planning.certificates.regrets import (
    DEAREST,
    Ints,
    Proof,
    Recount,
    outside_of,
    ranked,
    saved_by,
)

if TYPE_CHECKING:
    from mapcore.planning.placing.placement import Placement
    from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = ["check_placement", "recount_placement"]

_ROWS: Final = 1 << 14  # partitions looked at in one go

Bools = NDArray[np.bool_]


def check_placement(problem: PlacementProblem, placement: Placement) -> Proof:
    """Recount a placement and prove how good it is, in time linear in copies."""
    return recount_placement(problem, placement).proof


def recount_placement(problem: PlacementProblem, placement: Placement) -> Recount:
    """Recount a placement, and ask its copies what they regret."""
    made, asked, count = placement.certificate, problem.copy_counts, len(problem.eligible)
    few = np.ones((1, count), bool) if problem.class_eligible is None else problem.class_eligible
    usable = np.pad(few & problem.eligible, ((0, 0), (0, 1)))  # the last node is nowhere
    of = np.zeros(len(asked), int) if problem.partition_class is None else problem.partition_class
    wanted = np.minimum(asked, usable.sum(axis=1)[of])
    pins = np.empty((0, len(asked)), int) if problem.pinned is None else problem.pinned.T
    pins = np.where(usable[of, pins], pins, -1)
    limit = np.full(count, len(asked))
    if problem.node_limit is not None:
        limit = np.clip(problem.node_limit, 0, len(asked))
        limit = np.maximum(limit, np.bincount(pins[pins >= 0], minlength=count))
    fault = next(placement_faults(problem, placement.nodes, usable, of, pins, limit), None)
    if fault:
        return Recount(fault)
    found = placement.nodes.T
    nodes = np.full((max(len(found), wanted.max(initial=0)), len(asked)), count)
    np.copyto(nodes[: len(found)], found, where=found >= 0)
    loads = np.bincount(nodes.ravel(), minlength=count + 1)[:count]
    prices = np.vstack([made.missing_prices, made.spread_prices, made.balance_prices])
    prices = np.vstack([prices, made.sum_prices, made.move_prices]).clip(-DEAREST, DEAREST)
    boxes = {len(prices) - 3: (problem.lower, problem.upper)}
    if problem.sum_lower is not None and problem.sum_upper is not None:
        boxes[len(prices) - 2] = (problem.sum_lower, problem.sum_upper)
    costs, regrets = np.zeros((2, len(prices)), object)
    costs[0] = asked.sum() - loads.sum()
    for part, box in boxes.items():
        costs[part] = (outside_of(loads, *box)[problem.eligible] ** 2).sum()
    levels = np.pad(problem.levels, ((0, 0), (0, 1)), constant_values=-1).astype(np.int64)
    ordered, rank = _placement_ranks(prices)
    for number, able in enumerate(usable):
        rows, near = np.flatnonzero(of == number), _nearest(rank[:, 1], levels, able, len(nodes))
        values = [max(1, len(np.unique(level[able]))) for level in levels]
        for some in np.array_split(rows, len(rows) // _ROWS + 1):
            held, now = nodes[:, some], problem.current[some].T.astype(np.int64)
            now = np.where(able[now], now, count)
            free = np.arange(len(held))[:, None] < wanted[some]
            free &= ~(held[:, None] == pins[None, :, some]).any(axis=1)
            new = ~(held[:, None] == now).any(axis=1)
            kinds, crowds = new.astype(np.int64), []
            for bit, (level, value) in enumerate(zip(levels, values, strict=True), 1):
                share, at = -(-wanted[some] // value), level[held]
                same = (at[:, None] == at) & (held < count)
                kinds |= (same.sum(axis=1) > share).astype(np.int64) << bit
                earlier = np.tri(len(held), k=-1, dtype=bool)[:, :, None] & same
                over = (earlier.sum(axis=1) >= share) & (held < count)
                costs[bit] += np.count_nonzero(over)
                crowds.append((level, share, at))
            costs[-1] += np.count_nonzero(new & (held < count))
            own = np.where(free, rank[held, kinds], -1)
            regrets += _regrets_of_copies(ordered, rank, own, held, now, near, crowds)
    limit = np.where(problem.eligible, limit, 0)
    return Recount(None, costs, regrets, prices, loads, limit, boxes, len(prices) - 3)


def _placement_ranks(prices: Ints) -> tuple[Ints, Ints]:
    """A copy costs a move or not, and an excess or not by level; nowhere a missing and a move."""
    kinds = np.arange(2 << len(prices) - 4)
    units = np.zeros((len(prices), len(kinds)), np.int64)
    units[-1], units[1:-3] = kinds & 1, kinds >> np.arange(1, len(prices) - 3)[:, None] & 1
    nowhere = np.eye(len(prices), dtype=np.int64)[[0, -1]].sum(axis=0)
    ordered, rank = ranked(np.column_stack([prices, nowhere]), units)
    rank[-1] = rank[-1, 0]
    return ordered, rank


def _nearest(rank: Ints, levels: Ints, able: Bools, width: int) -> list[Ints]:
    """By level, for each value, the nodes to look at there: of its cheapest values the cheapest."""
    tables, nodes = [], np.flatnonzero(able)
    for group in [*levels[::-1], np.zeros_like(rank)]:
        nodes = nodes[np.lexsort([rank[nodes], group[nodes]])]
        at = group[nodes]
        place = np.arange(len(nodes)) - np.searchsorted(at, at)
        table = np.full((int(group.max()) + 1, width + 1), len(able) - 1)
        table[at[place <= width], place[place <= width]] = nodes[place <= width]
        tables.append(table)
        nodes = nodes[place == 0]
    return tables


def _regrets_of_copies(
    ordered: Ints,
    rank: Ints,
    own: Ints,
    held: Ints,
    now: Ints,
    near: list[Ints],
    crowds: list[tuple[Ints, Ints, Ints]],
) -> Ints:
    """What copies would save, each exchanged alone for the best node that its partition has not."""
    nowhere = len(rank) - 1
    others = np.where((now[:, None] == held).any(axis=1), nowhere, now)
    least = np.minimum(rank[others, 0].min(axis=0, initial=rank[-1, 0]), rank[near[-1][0, 0], 1])
    doubt = np.flatnonzero(own.max(axis=0, initial=-1) > least)
    if not len(doubt):
        return np.zeros(len(ordered), np.int64)
    own, held, others = own[:, doubt], held[:, doubt], others[:, doubt]
    looks = [others, np.full((1, len(doubt)), nowhere)]
    looks.append(np.broadcast_to(near[-1][0][:, None], (len(held) + 1, len(doubt))))
    for table, (_, _, at) in zip(near[:-1], crowds[::-1], strict=True):
        looks.append(table[at[:, doubt]].transpose(0, 2, 1).reshape(-1, len(doubt)))
    look = np.concatenate(looks)
    look = np.where((look[:, None] == held).any(axis=1), nowhere, look)
    is_new = (np.arange(len(look)) >= len(others))[:, None]
    regrets = np.zeros(len(ordered), np.int64)
    for slot in range(len(held)):
        kinds = np.broadcast_to(is_new, look.shape).astype(np.int64)
        for bit, (level, share, at) in enumerate(crowds, 1):
            beside = np.delete(at[:, doubt], slot, axis=0)
            count = (level[look][:, None] == beside).sum(axis=1)
            kinds |= (count >= share[doubt]).astype(np.int64) << bit
        regrets += saved_by(ordered, own[slot], rank[look, kinds].min(axis=0))
    return regrets

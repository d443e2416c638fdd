"""Which nodes hold a copy of each partition.

`place` takes the problem as arrays and returns the nodes of each partition's copies. What it looks
for, each line before the next:

1. as many copies as asked, at most one of a partition on a node, none on nodes that may hold none;
2. spread, outermost level first: the least excess, which is the copies above
   ceil(copies / values of the level that have an eligible node), summed over partitions and values;
3. balance: the least sum of squared distances of the nodes' loads outside [lower, upper];
4. where other maps stand on the same nodes, balance of the sum: the same, measured outside
   [sum_lower, sum_upper];
5. the fewest moves: copies on nodes that hold none in `current`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _placement
from mapcore._kernels._placement import Outcome as _Outcome
from mapcore.errors import PlanError
from mapcore.planning.placing.placement_problem import PlacementProblem

__all__ = [
    "Placement",
    "PlacementCertificate",
    "RowClasses",
    "copy_limits",
    "even_shares",
    "is_uniform",
    "place",
    "row_classes",
    "spread_excess",
    "with_other_nodes",
]


@dataclass(frozen=True, slots=True)
class PlacementCertificate:
    """What a checker needs to prove a placement, and what the planner claims.

    The prices are a dual solution: a node's copy is charged its price, in units of excess by level,
    of imbalance and of moves. Any prices give a bound that no placement can go below; good ones
    give one that the placement reaches.

    Attributes:
        missing_prices: int64 by node: copies that go missing for each that it holds.
        spread_prices: int64, levels by nodes.
        balance_prices: int64 by node: its water level, the slope of the imbalance there.
        sum_prices: int64 by node: the same of the imbalance of the sum of all maps.
        move_prices: int64 by node.
        spread_bound: claimed least excess by level.
        imbalance_bound: claimed least imbalance at that spread.
        sum_imbalance_bound: claimed least imbalance of the sum at that spread and imbalance.
        moves_bound: claimed least number of moves at all that.
    """

    missing_prices: NDArray[np.int64]
    spread_prices: NDArray[np.int64]
    balance_prices: NDArray[np.int64]
    sum_prices: NDArray[np.int64]
    move_prices: NDArray[np.int64]
    spread_bound: tuple[int, ...]
    imbalance_bound: int
    sum_imbalance_bound: int
    moves_bound: int


@dataclass(frozen=True, slots=True)
class Placement:
    """The nodes of each partition's copies.

    Attributes:
        nodes: int32, partitions by the largest copy count: kept copies in the order of `current`,
            then new ones; -1 at the end of a row that has fewer.
        moves: copies on nodes that held none.
        imbalance: sum over nodes of the squared distance of the load outside [lower, upper].
        sum_imbalance: the same for the sum of all maps, outside [sum_lower, sum_upper]; 0 where no
            other maps count.
        spread_excess: by level, copies above the even share of a value.
        missing: copies asked for that found no node.
        certificate: the proof.
    """

    nodes: NDArray[np.int32]
    moves: int
    imbalance: int
    sum_imbalance: int
    spread_excess: tuple[int, ...]
    missing: int
    certificate: PlacementCertificate


def place(problem: PlacementProblem, *, interrupt: Callable[[], object] | None = None) -> Placement:
    """Place every copy.

    The global interpreter lock is free while the engine works; signals are looked at every few
    milliseconds, and stop it.

    Args:
        problem: what is to be placed.
        interrupt: called every few milliseconds; what it raises stops the plan.

    Raises:
        PlanError: arrays that do not fit together.
    """
    _check(problem)
    partitions, nodes = len(problem.copy_counts), len(problem.eligible)
    chosen = np.full((partitions, int(problem.copy_counts.max(initial=0))), -1, np.int32)
    prices = _Prices(
        np.zeros(nodes, np.int64),
        np.zeros((len(problem.levels), nodes), np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
        np.zeros(nodes, np.int64),
    )
    alike = _alike(problem)
    if chosen.size and problem.eligible.any():
        unused = problem.eligible & ~alike.eligible
        prices.balance[unused] = _price_of_unused(problem, unused)
        outcome = _Outcome.NO_ROOM
        if is_uniform(alike) and alike.eligible.any():
            outcome = _place_uniform(alike, chosen, prices, interrupt)
        if outcome == _Outcome.NO_ROOM:
            outcome = _place_priced(alike, chosen, prices, interrupt)
        if outcome == _Outcome.NOT_NESTED:
            raise PlanError("found a value of a spread level in two values of the level above")
        assert outcome == _Outcome.DONE, outcome
    return _measured(problem, chosen, prices)


class _Prices(NamedTuple):
    missing: NDArray[np.int64]
    spread: NDArray[np.int64]
    balance: NDArray[np.int64]
    sum: NDArray[np.int64]
    move: NDArray[np.int64]


class RowClasses(NamedTuple):
    """Partitions that ask for as many copies and may use the same nodes are of one class.

    Attributes:
        numbers: int32, the class of each partition.
        copies: int32 by class: copies asked for, no more than nodes that it may use.
        groups: int32 by class: its row of `group_nodes`.
        group_nodes: bool, groups by nodes.
    """

    numbers: NDArray[np.int32]
    copies: NDArray[np.int32]
    groups: NDArray[np.int32]
    group_nodes: NDArray[np.bool_]


def row_classes(problem: PlacementProblem) -> RowClasses:
    """Tell the partitions apart by what they ask for."""
    if is_uniform(problem) and len(problem.copy_counts):
        every = problem.eligible[None, :]
        copies = min(int(problem.copy_counts[0]), int(np.count_nonzero(every)))
        one = np.array([copies], np.int32)
        return RowClasses(np.zeros(len(problem.copy_counts), np.int32), one, one * 0, every)
    nodes = problem.eligible[None, :]
    group_of = np.zeros(len(problem.copy_counts), np.int32)
    if problem.class_eligible is not None and problem.partition_class is not None:
        nodes = problem.eligible & problem.class_eligible
        group_of = problem.partition_class
    room = np.count_nonzero(nodes, axis=1)
    most = max(0, int(problem.copy_counts.max(initial=0)))
    codes = np.minimum(problem.copy_counts, room[group_of]) * np.int64(len(nodes)) + group_of
    kinds = np.flatnonzero(np.bincount(codes, minlength=1))
    numbers = np.zeros((most + 1) * len(nodes), np.int32)
    numbers[kinds] = np.arange(len(kinds))
    asked, groups = (part.astype(np.int32) for part in np.divmod(kinds, len(nodes)))
    return RowClasses(numbers[codes], asked, groups, nodes)


def even_shares(problem: PlacementProblem, classes: RowClasses) -> NDArray[np.int32]:
    """Return the even share of a value of each level; int32, classes by levels."""
    shares = np.empty((len(classes.copies), len(problem.levels)), np.int32)
    for number, (copies, group) in enumerate(zip(classes.copies, classes.groups, strict=True)):
        for k, level in enumerate(problem.levels):
            shares[number, k] = _even_share(copies, level[classes.group_nodes[group]])[0]
    return shares


def _place_uniform(
    problem: PlacementProblem,
    chosen: NDArray[np.int32],
    prices: _Prices,
    interrupt: Callable[[], object] | None,
) -> _Outcome:
    copies = min(chosen.shape[1], int(np.count_nonzero(problem.eligible)))
    placed = chosen if copies == chosen.shape[1] else np.empty((len(chosen), copies), np.int32)
    outcome = _placement.place_uniform(
        np.ascontiguousarray(problem.current),
        copies,
        np.ascontiguousarray(problem.eligible).view(np.uint8),
        np.ascontiguousarray(problem.levels),
        np.ascontiguousarray(problem.lower),
        np.ascontiguousarray(problem.upper),
        copy_limits(problem),
        _contiguous(problem.sum_lower),
        _contiguous(problem.sum_upper),
        placed,
        prices.balance,
        prices.sum,
        prices.move,
        interrupt,
    )
    if placed is not chosen:
        chosen[:, :copies] = placed
    return outcome


def _place_priced(
    problem: PlacementProblem,
    chosen: NDArray[np.int32],
    prices: _Prices,
    interrupt: Callable[[], object] | None,
) -> _Outcome:
    classes = row_classes(problem)
    groups = classes.group_nodes
    pinned = problem.pinned
    if pinned is None:
        pinned = np.empty((len(chosen), 0), np.int32)
    # Limits may leave copies without a node: they go to nodes that stand for nowhere.
    used = np.asarray(groups.any(axis=0))
    prices.balance[~used] = _price_of_unused(problem, ~used)
    nowhere = 0 if problem.node_limit is None else chosen.shape[1]
    grown = _Prices(
        *(np.append(p, np.zeros((*p.shape[:-1], nowhere), np.int64), -1) for p in prices)
    )
    outcome = _placement.place_priced(
        np.ascontiguousarray(problem.current),
        np.ascontiguousarray(pinned),
        classes.numbers,
        classes.copies,
        classes.groups,
        _with_nowhere(groups, nowhere, True).view(np.uint8),
        _with_nowhere(problem.levels, nowhere, int(problem.levels.max(initial=0)) + 1),
        _with_nowhere(used, nowhere, True).view(np.uint8),
        _with_nowhere(problem.lower, nowhere, 0),
        _with_nowhere(problem.upper, nowhere, len(chosen)),
        _with_nowhere(copy_limits(problem), nowhere, len(chosen)),
        None if problem.sum_lower is None else _with_nowhere(problem.sum_lower, nowhere, 0),
        None if problem.sum_upper is None else _with_nowhere(problem.sum_upper, nowhere, 0),
        len(problem.eligible),
        chosen,
        *grown,
        interrupt,
    )
    for price, found in zip(prices, grown, strict=True):
        price[..., used] = found[..., : len(problem.eligible)][..., used]
    return outcome


def _contiguous(by_node: NDArray[np.int64] | None) -> NDArray[np.int64] | None:
    return None if by_node is None else np.ascontiguousarray(by_node)


def _price_of_unused(problem: PlacementProblem, nodes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The balance price at which nodes that no partition may use are best left empty."""
    price: NDArray[np.int64] = -2 * problem.lower[nodes] - 2
    return price


def _with_nowhere(by_node: NDArray[Any], count: int, value: int) -> NDArray[Any]:
    nowhere = np.full((*by_node.shape[:-1], count), value, by_node.dtype)
    return np.ascontiguousarray(np.append(by_node, nowhere, -1))


def copy_limits(problem: PlacementProblem) -> NDArray[np.int64]:
    """Return the most copies of each node; pinned ones stand whatever its limit is."""
    partitions = len(problem.copy_counts)
    if problem.node_limit is None:
        return np.full(len(problem.eligible), partitions, np.int64)
    limit = np.clip(problem.node_limit, 0, partitions).astype(np.int64)
    if problem.pinned is not None:
        pins = problem.pinned[problem.pinned >= 0]
        limit = np.maximum(limit, np.bincount(pins, minlength=len(limit)))
    return limit


def _measured(problem: PlacementProblem, chosen: NDArray[np.int32], prices: _Prices) -> Placement:
    load = np.zeros(len(problem.eligible), np.int64)
    moves = _placement.order_rows(np.ascontiguousarray(problem.current), chosen, load)
    imbalance = _imbalance(load, problem.lower, problem.upper, problem.eligible)
    in_sum = 0
    if problem.sum_lower is not None and problem.sum_upper is not None:
        in_sum = _imbalance(load, problem.sum_lower, problem.sum_upper, problem.eligible)
    excess = spread_excess(problem, chosen)
    certificate = PlacementCertificate(*prices, excess, imbalance, in_sum, moves)
    return Placement(
        chosen,
        moves,
        imbalance,
        in_sum,
        excess,
        int(problem.copy_counts.sum(dtype=np.int64)) - int(load.sum()),
        certificate,
    )


def _imbalance(
    load: NDArray[np.int64],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    among: NDArray[np.bool_],
) -> int:
    outside = load - np.clip(load, lower, upper)
    return int(np.square(outside).sum(where=among))


def with_other_nodes(
    problem: PlacementProblem, placement: Placement, nodes: NDArray[np.int32]
) -> Placement:
    """Return a placement on these nodes, measured anew, with the proof of the one given.

    Its bounds hold for every placement, so they say how far this one is from the best.
    """
    prices = placement.certificate
    measured = _measured(
        problem,
        nodes,
        _Prices(
            prices.missing_prices,
            prices.spread_prices,
            prices.balance_prices,
            prices.sum_prices,
            prices.move_prices,
        ),
    )
    measures = problem.measures
    if measures is not None:
        outside = measures.outside(measures.loads_of(nodes)).tolist()
        measured = replace(measured, imbalance=sum(each * each for each in outside))
    return replace(measured, certificate=prices)


def spread_excess(problem: PlacementProblem, chosen: NDArray[np.int32]) -> tuple[int, ...]:
    """Return the copies above the even share of a value, by level."""
    problem = _alike(problem)
    if not chosen.size:
        return (0,) * len(problem.levels)
    rows, times = chosen, 1
    if is_uniform(problem) and problem.node_limit is None:  # every row has the same excess
        rows, times = chosen[:1], len(chosen)
        problem = replace(problem, copy_counts=problem.copy_counts[:1])
    classes = row_classes(problem)
    excess = _placement.count_excess(
        np.ascontiguousarray(rows),
        classes.numbers,
        np.ascontiguousarray(problem.levels),
        even_shares(problem, classes),
    )
    return tuple(each * times for each in excess)


def _even_share(copies: NDArray[np.int64] | int, values: NDArray[np.int32]) -> NDArray[np.int64]:
    among = max(1, int(np.count_nonzero(np.bincount(values))) if len(values) else 0)
    share: NDArray[np.int64] = -(-np.atleast_1d(copies).astype(np.int64) // among)
    return share


def _alike(problem: PlacementProblem) -> PlacementProblem:
    """Where all partitions are of one class, the others need not hear of classes."""
    if problem.class_eligible is None or len(problem.class_eligible) != 1:
        return problem
    eligible = problem.eligible & problem.class_eligible[0]
    return replace(problem, eligible=eligible, partition_class=None, class_eligible=None)


def is_uniform(problem: PlacementProblem) -> bool:
    """Whether all partitions are alike: in copies, nodes that they may use, and pins."""
    differing = (
        problem.partition_class,
        problem.class_eligible,
        problem.pinned,
        problem.measures,
    )
    counts = problem.copy_counts
    return all(array is None for array in differing) and bool((counts == counts[:1]).all())


def _check(problem: PlacementProblem) -> None:
    partitions, nodes = len(problem.copy_counts), len(problem.eligible)
    if problem.current.ndim != 2 or len(problem.current) != partitions:
        raise PlanError(
            f"found current of shape {problem.current.shape}, expected {partitions} rows, "
            "one for each copy count"
        )
    if problem.levels.ndim != 2 or problem.levels.shape[1] != nodes:
        raise PlanError(
            f"found levels of shape {problem.levels.shape}, expected a column for each of "
            f"{nodes} nodes"
        )
    if (problem.sum_lower is None) != (problem.sum_upper is None):
        raise PlanError("found one of sum_lower and sum_upper, expected both or neither")
    for name in ("lower", "upper", "sum_lower", "sum_upper"):
        found = getattr(problem, name)
        if found is not None and found.shape != (nodes,):
            raise PlanError(f"found {name} of shape {found.shape}, expected ({nodes},)")

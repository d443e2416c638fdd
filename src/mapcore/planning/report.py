"""A plan in words and as a document: what moves, what it costs, how even it is before and after."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.planning.nodes import ACTIVE, MAINTENANCE
from mapcore.states import PLACEMENT_MASK, Placement

if TYPE_CHECKING:
    from mapcore.planning.plans import Plan, Spread

__all__ = ["report_document", "write_report"]

_BAR_WIDTH: Final = 40
_MOST_BARS: Final = 10
_BUSIEST: Final = 8
_MASTERS: Final = (Placement.MASTER, Placement.PENDING_MASTER)
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def write_report(plan: Plan) -> str:
    """Return the plan as text for people; lines of at most about 100 characters."""
    sections = (
        _heading(plan),
        _cost(plan),
        _balance(plan),
        _histogram(plan, "copies a node", plan.loads_before(), plan.loads_after()),
        _histogram(
            plan, "masters a node", plan.loads_before(*_MASTERS), plan.loads_after(*_MASTERS)
        ),
        _spread(plan),
        _scatter(plan),
        str(plan.certificate).splitlines(),
        _busiest(plan),
        _warnings(plan),
    )
    return "\n\n".join(text for text in ("\n".join(lines) for lines in sections) if text)


def report_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as a document of plain values."""
    balance = plan.balance
    moved_in, moved_out = _traffic(plan)
    names = plan.target.nodes.names
    busy = np.flatnonzero(moved_in + moved_out)
    return {
        "map": plan.map_name,
        "version": list(plan.target.version),
        "partitions": plan.target.partition_count,
        "nodes": plan.target.node_count,
        "movesData": plan.work.changed.moves_data,
        "changes": _changes(plan),
        "moves": [move._asdict() for move in plan.moves],
        "movesByReason": plan.moves.by_reason(),
        "bytesMoved": plan.bytes_moved,
        "drops": [drop._asdict() for drop in plan.drops],
        "roleChanges": [change._asdict() for change in plan.role_changes],
        "roleChangesByReason": plan.role_changes.by_reason(),
        "balance": {
            name: {"before": _range(before), "after": _range(after)}
            for name, before, after in (
                ("copies", balance.copies_before, balance.copies_after),
                ("masters", balance.masters_before, balance.masters_after),
            )
        },
        "spread": [
            {"level": level, "excessBefore": before, "excessAfter": after}
            for level, before, after in _excesses(plan)
        ],
        "scatter": {
            "worstIncrease": plan.scatter.worst_increase,
            "worstNode": None
            if plan.scatter.worst_node is None
            else names[plan.scatter.worst_node],
            "leastWidth": plan.scatter.least_width,
            "mastersWithoutHeir": int(plan.scatter.lost.sum()),
        },
        "traffic": {
            names[node]: {"in": int(moved_in[node]), "out": int(moved_out[node])}
            for node in busy.tolist()
        },
        "certificate": plan.certificate.to_dict(),
        "warnings": list(plan.warnings),
    }


def _heading(plan: Plan) -> Iterator[str]:
    asked, target = plan.work.asked, plan.target
    yield (
        f"plan of {plan.map_name}, version {plan.current.version} -> {target.version}: "
        f"{target.partition_count:,} partitions x {asked.copies} copies "
        f"({asked.masters} master) on {target.node_count:,} nodes"
    )
    changes = [f"{kind} {_few(names)}" for kind, names in _changes(plan).items()]
    if changes:
        yield f"changes: {'; '.join(changes)}"
    if not plan.work.changed.moves_data:
        yield "only copies of swapped nodes move" if plan.work.changes.swap else "no data moves"


def _cost(plan: Plan) -> Iterator[str]:
    size = "" if plan.bytes_moved is None else f" ({_bytes(plan.bytes_moved)})"
    for label, entries in (
        ("moves", plan.moves),
        ("drops", plan.drops),
        ("role changes", plan.role_changes),
    ):
        reasons = ", ".join(f"{name} {count:,}" for name, count in entries.by_reason().items())
        amount = f"{len(entries):,}{size if label == 'moves' else ''}"
        yield f"{label:<14}{amount}{f'  by reason: {reasons}' if reasons else ''}"


def _balance(plan: Plan) -> Iterator[str]:
    balance = plan.balance
    yield f"{'per unit of weight':<22}{'before':>26}{'after':>26}"
    yield f"{'':<22}{'min / mean / max':>26}{'min / mean / max':>26}"
    yield f"{'  copies':<22}{balance.copies_before!s:>26}{balance.copies_after!s:>26}"
    yield f"{'  masters':<22}{balance.masters_before!s:>26}{balance.masters_after!s:>26}"


def _histogram(
    plan: Plan, title: str, before: NDArray[np.int64], after: NDArray[np.int64]
) -> Iterator[str]:
    """Bars of how many nodes hold how many, before and after; nodes that are out are left out."""
    active = plan.work.start.table.modes == ACTIVE
    if not active.any():
        return
    low = int(min(before[active].min(), after[active].min()))
    high = int(max(before[active].max(), after[active].max()))
    width = -(-(high - low + 1) // _MOST_BARS)
    counted = [
        np.bincount((loads[active] - low) // width, minlength=(high - low) // width + 1)
        for loads in (before, after)
    ]
    most = max(int(counts.max()) for counts in counted)
    yield f"{title:<18}{'nodes before':<{_BAR_WIDTH // 2 + 10}}nodes after"
    for step, (was, now) in enumerate(zip(*counted, strict=True)):
        if was or now:
            first = low + step * width
            last = min(high, first + width - 1)
            label = str(first) if first == last else f"{first}-{last}"
            bars = (f"{_bar(count, most)} {count:,}" if count else "" for count in (was, now))
            left, right = bars
            yield f"  {label:>14}  {left:<{_BAR_WIDTH // 2 + 10}}{right}".rstrip()


def _spread(plan: Plan) -> Iterator[str]:
    for level, before, after in _excesses(plan):
        yield f"spread by {level}: {before:,} copies above the even share before, {after:,} after"


def _scatter(plan: Plan) -> Iterator[str]:
    scatter = plan.scatter
    if scatter.worst_node is None or not scatter.widths.any():
        return
    yield (
        f"if {plan.target.nodes[scatter.worst_node]} failed, another node would lead "
        f"{scatter.worst_increase:,} partitions more, which is the worst of all single failures"
    )
    yield f"the masters of a node can pass to {scatter.least_width:,} other nodes at the least"
    alone = int(scatter.lost.sum())
    if alone:
        yield f"{alone:,} masters could pass to no other node"


def _busiest(plan: Plan) -> Iterator[str]:
    moved_in, moved_out = _traffic(plan)
    total = moved_in + moved_out
    order = np.argsort(-total, kind="stable")[:_BUSIEST]
    if not total.any():
        return
    sizes = plan.current.sizes
    yield f"{'busiest nodes':<34}{'moves in':>10}{'out':>10}" + (
        f"{'bytes in':>14}{'out':>14}" if sizes is not None else ""
    )
    bytes_in, bytes_out = _traffic(plan, sizes) if sizes is not None else (moved_in, moved_out)
    for node in order.tolist():
        if total[node]:
            line = (
                f"  {plan.target.nodes.names[node]:<32}{moved_in[node]:>10,}{moved_out[node]:>10,}"
            )
            if sizes is not None:
                line += f"{_bytes(int(bytes_in[node])):>14}{_bytes(int(bytes_out[node])):>14}"
            yield line


def _warnings(plan: Plan) -> Iterator[str]:
    if plan.warnings:
        yield "warnings:"
        for warning in plan.warnings:
            yield from wrap(warning, 98, initial_indent="  - ", subsequent_indent="    ")


def _excesses(plan: Plan) -> list[tuple[str, int, int]]:
    """Return the copies above the even share of a value, before and after, for each level."""
    asked, table = plan.work.asked, plan.work.start.table
    rows = []
    for depth, level in zip(asked.depths, asked.settings.spread_levels, strict=True):
        numbers, values = table.level_values(depth)
        used = np.unique(numbers[(table.modes <= MAINTENANCE) & table.positive])
        even = -(-asked.copies // max(1, len(used)))
        current, target = plan.current, plan.target
        is_live = (current.copy_codes & PLACEMENT_MASK) > Placement.DEAD
        before = _excess(current, is_live, numbers, len(values), even)
        after = _excess(target, np.ones(target.copy_count, np.bool_), numbers, len(values), even)
        rows.append((level, before, after))
    return rows


def _excess(
    found: PartitionMap,
    is_live: NDArray[np.bool_],
    numbers: NDArray[np.int32],
    value_count: int,
    even: int,
) -> int:
    partitions = np.repeat(np.arange(found.partition_count), np.diff(found.offsets))
    cells = (partitions * value_count + numbers[found.copy_nodes])[is_live]
    if len(cells) == 0:
        return 0
    _, counts = np.unique(cells, return_counts=True)
    return int(np.maximum(counts - even, 0).sum())


def _traffic(
    plan: Plan, sizes: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return moves, or bytes, into and out of each node, if each is streamed from its source."""
    moves, count = plan.moves, plan.target.node_count
    amounts = np.ones(len(moves), np.int64) if sizes is None else sizes[moves.partitions]
    has_source = moves.sources >= 0
    moved_in, moved_out = np.zeros(count, np.int64), np.zeros(count, np.int64)
    np.add.at(moved_in, moves.nodes, amounts)
    np.add.at(moved_out, moves.sources[has_source], amounts[has_source])
    return moved_in, moved_out


def _changes(plan: Plan) -> dict[str, list[str]]:
    changes = plan.work.changes
    listed: dict[str, list[str]] = {}
    if changes.add:
        listed["add"] = list(changes.add)
    for kind, names in changes.named.items():
        if names:
            listed[kind] = [
                f"{name} by {changes.swap[name]}" if kind == "swap" else name for name in names
            ]
    if changes.weights:
        listed["weights"] = [f"{name} {weight:g}" for name, weight in changes.weights.items()]
    return listed


def _few(names: list[str]) -> str:
    listed = ", ".join(names[:5])
    return listed if len(names) <= 5 else f"{listed} and {len(names) - 5:,} more"


def _range(spread: Spread) -> dict[str, float]:
    return {"min": spread.least, "mean": spread.mean, "max": spread.most}


def _bar(count: int, most: int) -> str:
    return "#" * max(1, round(count * (_BAR_WIDTH // 2) / most))


def _bytes(count: int) -> str:
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"

"""A plan in words and as a document: what moves, what it costs, how even it is before and after."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.planning.nodes import ACTIVE, MAINTENANCE
from mapcore.planning.peers.planned import fewest_of
from mapcore.planning.peers.streams import temporary_streams
from mapcore.planning.reporting import charts
from mapcore.planning.reporting.charts import bytes_text
from mapcore.planning.reporting.conflicts import are_soon_found
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

if TYPE_CHECKING:
    from mapcore.planning.facts import PlanFacts, Spread
    from mapcore.planning.reporting.findings import Findings

__all__ = ["Forecast", "changes_asked", "report_document", "write_report"]

_NODES_LISTED: Final = 64


class Forecast(Protocol):
    """How long the moves of a plan take: what `mapcore.schedule` returns."""

    @property
    def is_timed(self) -> bool:
        """Whether it counts seconds; otherwise rounds."""
        ...

    @property
    def length(self) -> int | float:
        """Rounds or seconds until the last copy is filled."""
        ...

    @property
    def bound(self) -> int | float:
        """No schedule is shorter."""
        ...

    @property
    def is_optimal(self) -> bool:
        """Whether it is as short as the bound."""
        ...

    @property
    def reasons(self) -> list[str]:
        """What the bound comes from."""
        ...


def write_report(plan: PlanFacts, findings: Findings, schedules: Sequence[Forecast] = ()) -> str:
    """Return the plan as text for people; lines of at most about 110 characters.

    Few nodes are listed one by one; of many, the report shows how many hold how many, and which
    are the busiest.
    """
    by_node = (
        (charts.node_table_text(plan),)
        if plan.target.node_count <= _NODES_LISTED
        else (
            charts.histogram("copies a node", *_loads_of_active(plan)),
            charts.histogram("masters a node", *_loads_of_active(plan, *LEADING)),
            charts.busiest_nodes(plan),
        )
    )
    sections = (
        _heading(plan),
        itertools.chain(_cost(plan), map(_length, schedules)),
        _balance(plan),
        *by_node,
        _spread(plan),
        _rules(plan),
        _scatter(plan),
        _peers(plan),
        _policy(plan),
        str(findings.certificate).splitlines(),
        _warnings(findings),
        _conflicts(plan, findings),
    )
    return "\n\n".join(text for text in ("\n".join(lines) for lines in sections) if text)


def report_document(
    plan: PlanFacts, findings: Findings, schedules: Sequence[Forecast] = ()
) -> dict[str, Any]:
    """Return the plan as a document of plain values."""
    balance = plan.balance
    names = plan.target.nodes.names
    return {
        "map": plan.map_name,
        "version": list(plan.target.version),
        "partitions": plan.target.partition_count,
        "nodes": plan.target.node_count,
        "movesData": plan.work.changed.moves_data,
        "changes": changes_asked(plan),
        "moves": [move._asdict() for move in plan.moves],
        "movesByReason": plan.moves.by_reason(),
        "bytesMoved": plan.bytes_moved,
        "expected": {key: value for each in schedules for key, value in _expected(each).items()},
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
        "rules": _broken_rules(plan),
        "scatter": {
            "worstIncrease": plan.scatter.worst_increase,
            "worstNode": None
            if plan.scatter.worst_node is None
            else names[plan.scatter.worst_node],
            "leastWidth": plan.scatter.least_width,
            "mastersWithoutHeir": int(plan.scatter.lost.sum()),
        },
        "peers": _peers_document(plan),
        "traffic": _traffic(plan),
        "loads": _loads(plan),
        "policy": None if plan.work.policy is None else asdict(plan.work.policy),
        "certificate": findings.certificate.to_dict(),
        "lost": list(plan.lost),
        "warnings": list(findings.warnings),
        "conflicts": [conflict.to_dict() for conflict in findings.conflicts]
        if are_soon_found(plan)
        else None,
    }


def _peers(plan: PlanFacts) -> Iterator[str]:
    """Say how many peers nodes have, and what that is worth, where they are limited."""
    peers = plan.peers
    if peers is None:
        return
    degrees = peers.degrees[peers.degrees > 0]
    spread = f"{degrees.min():,} to {degrees.max():,}" if len(degrees) else "none"
    yield f"peers of a node: {spread}, expected at most {peers.limit:,} {peers.reading}"
    if plan.work.peers is not None:
        fewest = fewest_of(plan.work.peers.problem).count
        yield f"  no map with balanced copies and masters has fewer than {fewest:,}"
    apart = temporary_streams(peers, plan.moves.nodes, plan.moves.sources)
    if len(apart.nodes):
        yield (
            f"  streams between nodes that are no peers afterwards: {int(apart.copies.sum()):,}, "
            f"each node with up to {apart.most:,} others"
        )


def _peers_document(plan: PlanFacts) -> dict[str, Any] | None:
    peers = plan.peers
    if peers is None:
        return None
    fewest = None if plan.work.peers is None else fewest_of(plan.work.peers.problem).count
    apart = temporary_streams(peers, plan.moves.nodes, plan.moves.sources)
    return {
        "maxPeers": peers.limit,
        "after": "failover" if peers.every_pair else "plan",
        "most": int(peers.degrees.max(initial=0)),
        "fewest": fewest,
        "temporary": {"streams": int(apart.copies.sum()), "most": apart.most},
    }


def _heading(plan: PlanFacts) -> Iterator[str]:
    asked, target = plan.work.asked, plan.target
    yield (
        f"plan of {plan.map_name}, version {plan.current.version} -> {target.version}: "
        f"{target.partition_count:,} partitions x {asked.copies} copies "
        f"({asked.masters} master) on {target.node_count:,} nodes"
    )
    changes = [f"{kind} {charts.few(names)}" for kind, names in changes_asked(plan).items()]
    if changes:
        yield f"changes: {'; '.join(changes)}"
    if not plan.work.changed.moves_data:
        yield "only copies of swapped nodes move" if plan.work.changes.swap else "no data moves"


def _cost(plan: PlanFacts) -> Iterator[str]:
    size = "" if plan.bytes_moved is None else f" ({bytes_text(plan.bytes_moved)})"
    for label, entries in (
        ("moves", plan.moves),
        ("drops", plan.drops),
        ("role changes", plan.role_changes),
    ):
        reasons = ", ".join(f"{name} {count:,}" for name, count in entries.by_reason().items())
        amount = f"{len(entries):,}{size if label == 'moves' else ''}"
        yield f"{label:<14}{amount}{f'  by reason: {reasons}' if reasons else ''}"


def _length(schedule: Forecast) -> str:
    label = "time" if schedule.is_timed else "rounds"
    length, bound = (
        str(timedelta(seconds=round(value))) if schedule.is_timed else f"{value:,}"
        for value in (schedule.length, schedule.bound)
    )
    least = "no schedule has less" if schedule.is_optimal else f"no schedule has less than {bound}"
    because = f": {schedule.reasons[0].partition(': ')[2]}" if schedule.reasons else ""
    return f"{label:<14}{length}  {least}{because}"


def _expected(schedule: Forecast) -> dict[str, float]:
    if schedule.is_timed:
        return {"seconds": schedule.length, "secondsBound": schedule.bound}
    return {"rounds": schedule.length, "roundsBound": schedule.bound}


def _balance(plan: PlanFacts) -> Iterator[str]:
    balance = plan.balance
    yield f"{'per unit of weight':<22}{'before':>26}{'after':>26}"
    yield f"{'':<22}{'min / mean / max':>26}{'min / mean / max':>26}"
    yield f"{'  copies':<22}{balance.copies_before!s:>26}{balance.copies_after!s:>26}"
    yield f"{'  masters':<22}{balance.masters_before!s:>26}{balance.masters_after!s:>26}"


def _loads_of_active(
    plan: PlanFacts, *placements: Placement
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return loads before and after of the nodes that are not on their way out."""
    active = plan.work.start.table.modes == ACTIVE
    before = active & plan.existed
    return plan.loads_before(*placements)[before], plan.loads_after(*placements)[active]


def _spread(plan: PlanFacts) -> Iterator[str]:
    for level, before, after in _excesses(plan):
        yield f"spread by {level}: {before:,} copies above the even share before, {after:,} after"


def _rules(plan: PlanFacts) -> Iterator[str]:
    if plan.work.rules is not None:
        found = _broken_rules(plan)
        yield (
            f"rules: {found['brokenBefore']:,} slaves stood against them before, "
            f"{found['brokenAfter']:,} after"
        )


def _broken_rules(plan: PlanFacts) -> dict[str, Any]:
    start, after = plan.work.start, plan.broken_rules
    before = 0
    if plan.work.rules is not None:
        led = (start.held[:, :, None] == start.masters[:, None, :]).any(axis=2) & (start.held >= 0)
        before = int(plan.work.rules.broken(start.held, led).sum())
    return {
        "brokenBefore": before,
        "brokenAfter": int(after.sum()),
        "brokenByPartition": {
            plan.target.keys.name(partition): int(after[partition])
            for partition in np.flatnonzero(after).tolist()
        },
    }


def _scatter(plan: PlanFacts) -> Iterator[str]:
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


def _conflicts(plan: PlanFacts, findings: Findings) -> Iterator[str]:
    if not are_soon_found(plan):
        if plan.work.placement and (plan.work.placement.missing or plan.broken_rules.any()):
            yield "conflicts: not looked for in a plan of this size; Plan.conflicts does"
    elif findings.conflicts:
        yield "conflicts:"
        for conflict in findings.conflicts:
            yield from wrap(str(conflict), 98, initial_indent="  - ", subsequent_indent="    ")


def _policy(plan: PlanFacts) -> Iterator[str]:
    outcome = plan.work.policy
    if outcome is not None:
        yield (
            f"policy {outcome.name}: scores of new copies add up to {outcome.after:,.6g}, "
            f"{outcome.before:,.6g} without it"
        )


def _warnings(findings: Findings) -> Iterator[str]:
    if findings.warnings:
        yield "warnings:"
        for warning in findings.warnings:
            yield from wrap(warning, 98, initial_indent="  - ", subsequent_indent="    ")


def _excesses(plan: PlanFacts) -> list[tuple[str, int, int]]:
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


def _traffic(plan: PlanFacts) -> dict[str, dict[str, int]]:
    """Return what moves into and out of each node, for those with moves."""
    traffic = plan.traffic
    columns = {
        "in": traffic.moves_in,
        "out": traffic.moves_out,
        "bytesIn": traffic.bytes_in,
        "bytesOut": traffic.bytes_out,
    }
    busy = np.flatnonzero(traffic.moves)
    amounts = {key: column[busy].tolist() for key, column in columns.items() if column is not None}
    return {
        plan.target.nodes.names[node]: dict(zip(amounts, row, strict=True))
        for node, row in zip(busy.tolist(), zip(*amounts.values(), strict=True), strict=True)
    }


def _loads(plan: PlanFacts) -> dict[str, dict[str, list[int]]]:
    """Return what each node holds and leads, before and after."""
    columns = (
        np.stack([plan.loads_before(*which), plan.loads_after(*which)], axis=1).tolist()
        for which in ((), LEADING)
    )
    return {
        name: {"copies": copies, "masters": masters}
        for name, copies, masters in zip(plan.target.nodes.names, *columns, strict=True)
    }


def changes_asked(plan: PlanFacts) -> dict[str, list[str]]:
    """Return what was asked to change, names by kind."""
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


def _range(spread: Spread) -> dict[str, float]:
    return {"min": spread.least, "mean": spread.mean, "max": spread.most}

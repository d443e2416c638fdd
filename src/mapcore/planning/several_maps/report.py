"""Plans of several maps in words and as a document: a line a map, and what they are in sum."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mapcore.planning.nodes import ACTIVE
from mapcore.planning.reporting import charts
from mapcore.planning.reporting.report import changes_asked
from mapcore.states import LEADING

if TYPE_CHECKING:
    from mapcore.planning.facts import Balance, Spread
    from mapcore.planning.several_maps.facts import ClusterPlanFacts
    from mapcore.planning.several_maps.proofs import ClusterCertificate

__all__ = ["cluster_report_document", "write_cluster_report"]

_MOST_MAPS: Final = 40  # maps that get a line of their own
_MOST_WARNINGS: Final = 20


def write_cluster_report(plans: ClusterPlanFacts, certificate: ClusterCertificate) -> str:
    """Return the plans as text for people: the busiest maps, the sum, and the certificate."""
    sections = (
        _heading(plans),
        _table(plans),
        charts.histogram("copies in sum", *_sums(plans)),
        charts.histogram("masters in sum", *_sums(plans, masters=True)),
        str(certificate).splitlines(),
        _warnings(plans.warnings),
    )
    return "\n\n".join(text for text in ("\n".join(lines) for lines in sections) if text)


def cluster_report_document(
    plans: ClusterPlanFacts, certificate: ClusterCertificate
) -> dict[str, Any]:
    """Return the plans as a document of plain values."""
    balance = plans.balance
    return {
        "changes": changes_asked(plans.first),
        "nodes": plans.first.target.node_count,
        "moves": plans.move_count,
        "roleChanges": plans.role_change_count,
        "balance": {
            name: {"before": _range(before), "after": _range(after)}
            for name, before, after in (
                ("copies", balance.copies_before, balance.copies_after),
                ("masters", balance.masters_before, balance.masters_after),
            )
        },
        "certificate": certificate.to_dict(),
        "warnings": list(plans.warnings),
        "maps": {name: plan.to_dict() for name, plan in plans.items()},
    }


def _heading(plans: ClusterPlanFacts) -> Iterator[str]:
    first = plans.first
    partitions = sum(plan.target.partition_count for plan in plans.values())
    yield (
        f"plan of {len(plans):,} maps: {partitions:,} partitions on "
        f"{first.target.node_count:,} nodes, {plans.move_count:,} moves, "
        f"{plans.role_change_count:,} role changes"
    )
    asked = changes_asked(first)
    if asked:
        listed = (f"{kind} {charts.few(names)}" for kind, names in asked.items())
        yield f"changes: {'; '.join(listed)}"
    unchanged = sum(not plan.moves and not plan.role_changes for plan in plans.values())
    if unchanged:
        yield f"{unchanged:,} maps stay as they are"


def _table(plans: ClusterPlanFacts) -> Iterator[str]:
    """A line a map: what it costs, and copies and masters per unit of weight afterwards."""
    busiest = sorted(
        plans, key=lambda name: -len(plans[name].moves) - len(plans[name].role_changes)
    )
    shown = list(plans) if len(plans) <= _MOST_MAPS else busiest[:_MOST_MAPS]
    yield (
        f"{'map':<22}{'partitions':>11}{'moves':>9}{'roles':>8}"
        f"{'copies min / mean / max':>28}{'masters min / mean / max':>28}"
    )
    for name in shown:
        plan = plans[name]
        yield _line(
            name, plan.target.partition_count, len(plan.moves), len(plan.role_changes), plan.balance
        )
    if len(shown) < len(plans):
        yield f"  and {len(plans) - len(shown):,} more maps, all of them in the report as JSON"
    yield _line(
        "all maps",
        sum(plan.target.partition_count for plan in plans.values()),
        plans.move_count,
        plans.role_change_count,
        plans.balance,
    )


def _line(name: str, partitions: int, moves: int, roles: int, balance: Balance) -> str:
    short = name if len(name) <= 21 else f"{name[:18]}..."
    return (
        f"{short:<22}{partitions:>11,}{moves:>9,}{roles:>8,}"
        f"{balance.copies_after!s:>28}{balance.masters_after!s:>28}"
    )


def _sums(plans: ClusterPlanFacts, *, masters: bool = False) -> tuple[Any, Any]:
    which = LEADING if masters else ()
    first = plans.first
    active = first.work.start.table.modes == ACTIVE
    before = np.sum([plan.loads_before(*which) for plan in plans.values()], axis=0)
    after = np.sum([plan.loads_after(*which) for plan in plans.values()], axis=0)
    return before[active & first.existed], after[active]


def _warnings(warnings: Sequence[str]) -> Iterator[str]:
    if warnings:
        yield "warnings:"
    for warning in warnings[:_MOST_WARNINGS]:
        yield from wrap(warning, 98, initial_indent="  - ", subsequent_indent="    ")
    if len(warnings) > _MOST_WARNINGS:
        yield f"  and {len(warnings) - _MOST_WARNINGS:,} more, all of them in the report as JSON"


def _range(spread: Spread) -> dict[str, float]:
    return {"min": spread.least, "mean": spread.mean, "max": spread.most}

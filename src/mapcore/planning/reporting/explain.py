"""Why a copy stands where it stands, and why not elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import PlanError
from mapcore.planning.nodes import MODES
from mapcore.planning.placing.measures import room_to_share
from mapcore.planning.reporting.constraints import CONSTRAINTS, Situation
from mapcore.states import LEADING, describe_code

if TYPE_CHECKING:
    from mapcore.planning.facts import PlanFacts

__all__ = [
    "NodeExplanation",
    "PartitionExplanation",
    "explain_node",
    "explain_partition",
    "is_partition_name",
]

_NAMES_SHOWN: Final = 5
_ENTRIES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Rejection:
    """Nodes that get no copy, by the first constraint that speaks against them.

    Attributes:
        number: of the constraint, from 1, the most final first.
        name: of the constraint.
        sentence: what it asks for.
        is_hard: whether no plan breaks it.
        nodes: the names of the nodes.
    """

    number: int
    name: str
    sentence: str
    is_hard: bool
    nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PartitionExplanation:
    """Where a partition's copies stand, what happened to each, and why no other node has one.

    Attributes:
        partition: the partition's name.
        copies: each node that has a copy before or after: what it has before, after, and why.
        rejections: all other nodes, by the reason against them.
    """

    partition: str
    copies: tuple[tuple[str, str, str, str], ...]
    rejections: tuple[Rejection, ...]

    def __str__(self) -> str:
        lines = [f"partition {self.partition}"]
        for name, before, after, reason in self.copies:
            why = f"  ({reason})" if reason else ""
            lines.append(f"  {name:<20} {before:>14} -> {after:<14}{why}".rstrip())
        lines.append("  against other nodes:")
        for rejection in self.rejections:
            kind = "" if rejection.is_hard else "wish: "
            lines.append(f"  {rejection.number:>4}. {kind}{rejection.sentence}")
            shown = ", ".join(rejection.nodes[:_NAMES_SHOWN])
            more = len(rejection.nodes) - _NAMES_SHOWN
            lines.append(f"        {shown}" + (f" and {more:,} more" if more > 0 else ""))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        return {
            "partition": self.partition,
            "copies": [
                {"node": name, "before": before, "after": after, "reason": reason}
                for name, before, after, reason in self.copies
            ],
            "rejections": [
                {
                    "number": rejection.number,
                    "name": rejection.name,
                    "sentence": rejection.sentence,
                    "hard": rejection.is_hard,
                    "nodes": list(rejection.nodes),
                }
                for rejection in self.rejections
            ],
        }


@dataclass(frozen=True, slots=True)
class NodeExplanation:
    """What a node holds before and after, what it is due, and what changes.

    Attributes:
        node: its name.
        mode: active, maintenance, leaving or gone.
        weight: its weight.
        location: where it stands.
        copies: before and after.
        masters: before and after.
        copy_share: floor and ceiling of what it is due; None where no data moves.
        master_share: likewise, of masters.
        gains: partitions that it gets, and why.
        losses: partitions that it gives up, and why.
        role_changes: partitions that it starts or ceases to lead, and why.
    """

    node: str
    mode: str
    weight: float
    location: str
    copies: tuple[int, int]
    masters: tuple[int, int]
    copy_share: tuple[int, int] | None
    master_share: tuple[int, int]
    gains: tuple[tuple[str, str], ...]
    losses: tuple[tuple[str, str], ...]
    role_changes: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        place = f" at {self.location}" if self.location else ""
        share = "" if self.copy_share is None else f", is due {_interval(self.copy_share)}"
        lines = [
            f"node {self.node}{place}, {self.mode}, weight {self.weight:g}",
            f"  copies   {self.copies[0]:,} -> {self.copies[1]:,}{share}",
            f"  masters  {self.masters[0]:,} -> {self.masters[1]:,}, is due "
            f"{_interval(self.master_share)}",
        ]
        for title, entries in (
            ("gets", self.gains),
            ("gives up", self.losses),
            ("changes of master", self.role_changes),
        ):
            if entries:
                lines.append(f"  {title} {len(entries):,}:")
                lines += [f"    {name}: {reason}" for name, reason in entries[:_ENTRIES_SHOWN]]
                if len(entries) > _ENTRIES_SHOWN:
                    lines.append(f"    and {len(entries) - _ENTRIES_SHOWN:,} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        pairs = {"copies": self.copies, "masters": self.masters}
        document: dict[str, Any] = {
            "node": self.node,
            "mode": self.mode,
            "weight": self.weight,
            "location": self.location,
            **{name: {"before": pair[0], "after": pair[1]} for name, pair in pairs.items()},
            "copyShare": None if self.copy_share is None else list(self.copy_share),
            "masterShare": list(self.master_share),
        }
        for name, entries in (
            ("gains", self.gains),
            ("losses", self.losses),
            ("roleChanges", self.role_changes),
        ):
            document[name] = [
                {"partition": partition, "reason": reason} for partition, reason in entries
            ]
        return document


def explain_partition(plan: PlanFacts, partition: int | str) -> PartitionExplanation:
    """Explain where a partition's copies stand.

    Raises:
        PlanError: there is no such partition.
    """
    number = _partition_number(plan, partition)
    before = {copy.node: copy.code for copy in plan.current.copies(number)}
    after = {copy.node: copy.code for copy in plan.target.copies(number)}
    reasons = {
        entries.nodes[position]: entries[position].reason
        for entries in (plan.drops, plan.moves)
        for position in np.flatnonzero(entries.partitions == number).tolist()
    }
    changed_roles = {
        node: plan.role_changes[position].reason
        for position in np.flatnonzero(plan.role_changes.partitions == number).tolist()
        for node in (plan.role_changes.nodes[position], plan.role_changes.previous[position])
    }
    numbers = plan.target.nodes.numbers
    copies = tuple(
        (
            name,
            describe_code(before.get(name, 0)),
            describe_code(after.get(name, 0)),
            reasons.get(numbers[name]) or changed_roles.get(numbers[name], ""),
        )
        for name in dict.fromkeys((*after, *before))
    )
    row = [numbers[name] for name in after]
    leaders = [
        numbers[copy.node] for copy in plan.target.copies(number) if copy.placement in LEADING
    ]
    rejections = _rejections(plan, number, row, leaders)
    return PartitionExplanation(plan.target.keys.name(number), copies, tuple(rejections))


def explain_node(plan: PlanFacts, name: str) -> NodeExplanation:
    """Explain what a node holds.

    Raises:
        PlanError: there is no such node.
    """
    if name not in plan.target.nodes:
        raise PlanError(f"explain: found node {name!r}, which is not in the planned cluster")
    node = plan.target.nodes.number(name)
    table, problem, roles = (
        plan.work.start.table,
        plan.work.placement_problem,
        plan.work.roles_problem,
    )
    return NodeExplanation(
        node=name,
        mode=MODES[int(table.modes[node])].value,
        weight=table.weights[int(table.weight_numbers[node])],
        location=table.locations[int(table.location_numbers[node])],
        copies=(int(plan.loads_before()[node]), int(plan.loads_after()[node])),
        masters=(int(plan.loads_before(*LEADING)[node]), int(plan.loads_after(*LEADING)[node])),
        copy_share=None
        if problem is None
        else (int(problem.lower[node]), int(problem.upper[node])),
        master_share=(int(roles.lower[node]), int(roles.upper[node])),
        gains=_entries(plan.moves, plan.moves.nodes == node),
        losses=_entries(plan.drops, plan.drops.nodes == node),
        role_changes=_entries(
            plan.role_changes,
            (plan.role_changes.nodes == node) | (plan.role_changes.previous == node),
        ),
    )


def _rejections(
    plan: PlanFacts, partition: int, row: list[int], leaders: list[int]
) -> Iterator[Rejection]:
    """Group the nodes without a copy by the first constraint against them."""
    work = plan.work
    held = work.start.held[partition]
    to_ceiling = free_bytes = None
    if work.placement_problem is not None and work.placement is not None:
        to_ceiling = room_to_share(work.placement_problem, work.placement.nodes)[1]
        measures = work.placement_problem.measures
        if measures is not None and measures.room is not None:
            free_bytes = measures.room.capacity - measures.bytes_of(work.placement.nodes)
    situation = Situation(
        asked=work.asked,
        table=work.start.table,
        problem=work.placement_problem,
        partition=partition,
        row=np.array(row, np.int64),
        before=held[held >= 0].astype(np.int64),
        loads=plan.loads_after(),
        to_ceiling=to_ceiling,
        free_bytes=free_bytes,
        rules=work.rules,
        leaders=np.array(leaders, np.int64),
        peers=None if work.placement_problem is None else plan.peers,
    )
    left = ~situation.nobody
    left[row] = False
    for number, constraint in enumerate(CONSTRAINTS, 1):
        rejected = left & constraint.against(situation)
        if rejected.any():
            names = tuple(plan.target.nodes.names[n] for n in np.flatnonzero(rejected).tolist())
            yield Rejection(number, constraint.name, constraint.sentence, constraint.is_hard, names)
        left &= ~rejected


def is_partition_name(plan: PlanFacts, name: str) -> bool:
    """Whether a partition of the plan has this name."""
    return _number_of(plan, name) >= 0


def _number_of(plan: PlanFacts, name: str) -> int:
    try:
        return plan.target.keys.number(name)
    except KeyError:
        return -1


def _partition_number(plan: PlanFacts, partition: int | str) -> int:
    keys = plan.target.keys
    number = _number_of(plan, partition) if isinstance(partition, str) else partition
    if not 0 <= number < len(keys):
        raise PlanError(
            f"explain: found partition {partition!r}, expected one of {len(keys)}, "
            f"by number from 0 or by name"
        )
    return number


def _entries(entries: Any, mask: NDArray[np.bool_]) -> tuple[tuple[str, str], ...]:
    chosen = (entries[position] for position in np.flatnonzero(mask).tolist())
    return tuple((entry.partition, entry.reason) for entry in chosen)


def _interval(share: tuple[int, int]) -> str:
    return f"{share[0]:,}" if share[0] == share[1] else f"{share[0]:,} to {share[1]:,}"

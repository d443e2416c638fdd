"""The certificate of a plan: what it costs, what no plan can go below, and who checked it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mapcore.planning.certificates.copies import check_placement
from mapcore.planning.certificates.coupled import check_coupled
from mapcore.planning.certificates.objectives import Certificate, Objective
from mapcore.planning.certificates.regrets import Proof
from mapcore.planning.certificates.roles import check_roles
from mapcore.planning.placing.coupled import is_coupled
from mapcore.planning.placing.rule_breaks import least_breaks
from mapcore.states import PLACEMENT_MASK, Placement

if TYPE_CHECKING:
    from mapcore.maps import PartitionMap
    from mapcore.planning.facts import Work

__all__ = ["PlanCertificate", "compare_target", "name_parts"]


@dataclass(frozen=True, eq=False)
class PlanCertificate(Certificate):
    """How good a plan is, by checkers that share no code with the planner.

    The checkers recount the target and derive lower bounds from prices that the planner hands
    over: any prices at all give bounds that are true, good ones give bounds that are reached. They
    run when a result is first asked for, in 1 to 100 milliseconds for 65,536 partitions.

    Where partitions are of unequal size, the best balance cannot be proven in reasonable time; then
    `gap` says how far loads are from those that could be had if partitions could be divided.
    """

    _target: PartitionMap = field(repr=False)
    _work: Work = field(repr=False)

    @property
    def gap(self) -> float | None:
        """How far a node is at most from its fair share of bytes or weight, as a part of it.

        None where partitions are equal, and balance is proven. A node that holds a partition
        larger than its share counts as even.
        """
        return self._copies[2]

    def verify(self) -> bool:
        """Run the checkers again, and return whether the plan is proven sound and optimal."""
        for name in ("_copies", "_checked"):
            self.__dict__.pop(name, None)
        return self.is_optimal

    @cached_property
    def _copies(self) -> tuple[list[Objective], str | None, float | None]:
        return _check_copies(self._work)

    def _check(self) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
        """Run the checkers over copies, masters and target; return objectives and faults."""
        found, placed_fault, _ = self._copies
        missing = _with_copies_beyond(self._work, found[:1])
        placed = [*missing, *_check_rules(self._work), *found[1:]]
        led, led_fault = _check_masters(self._work)
        faults = (placed_fault, led_fault, compare_target(self._target, self._work))
        return (*placed, *led), tuple(fault for fault in faults if fault)

    def to_dict(self) -> dict[str, Any]:
        """Return it as a document of plain values."""
        return super().to_dict() | {"gap": self.gap}

    def __str__(self) -> str:
        if self.faults or self.gap is None:
            return super().__str__()
        return f"{super().__str__()}\n  every load is within {self.gap:.2%} of a fair share"


def _check_copies(work: Work) -> tuple[list[Objective], str | None, float | None]:
    """Prove the placement; where no data moves there is nothing to choose."""
    problem, placement = work.placement_problem, work.placement
    if problem is None or placement is None:
        return [], None, None
    spread = (f"spread excess by {level}" for level in work.asked.settings.spread_levels)
    counts = ("copies missing", *spread)
    if not is_coupled(problem):
        proof = check_placement(problem, placement)
        in_sum = None if problem.sum_lower is None else "imbalance in sum"
        names = (*counts, "imbalance of copies", in_sum, "moves")
        return name_parts(names, proof), proof.fault, None

    found, measures = check_coupled(problem, placement), problem.measures
    assert measures is not None
    moved = "moves" if work.start.current.sizes is None else "bytes moved"
    objectives = [
        *name_parts(counts, found.counts),
        Objective(f"imbalance of {measures.unit}", found.imbalance, found.imbalance_bound),
        Objective(moved, found.moved * measures.scale, found.moved_bound * measures.scale),
    ]
    return objectives, found.fault, found.gap


def _with_copies_beyond(work: Work, missing: list[Objective]) -> list[Objective]:
    """Count the copies that no row is made for, as there are fewer nodes."""
    copies, partitions = work.asked.copies, len(work.roles_problem.placed)
    beyond = (copies - work.asked.row_copies(len(work.start.table))) * partitions
    return [
        Objective(
            each.name, each.value + beyond, None if each.bound is None else each.bound + beyond
        )
        for each in missing
    ]


def _check_rules(work: Work) -> list[Objective]:
    """Count the slaves that stand against the rules, and how few there could be."""
    if work.rules is None or work.placement_problem is None or work.placement is None:
        return []
    broken = int(work.rules.broken(work.roles_problem.placed, work.roles.is_master).sum())
    least = least_breaks(work.placement_problem, work.placement.missing)
    return [Objective("slaves against the rules", broken, least)]


def _check_masters(work: Work) -> tuple[list[Objective], str | None]:
    proof = check_roles(work.roles_problem, work.roles)
    in_sum = None if work.roles_problem.sum_lower is None else "imbalance of masters in sum"
    names = ["imbalance of masters", in_sum, "changes of master"]
    if work.roles_problem.keep_current:
        names = [names[2], *names[:2]]
    return name_parts(names, proof), proof.fault


def name_parts(names: Iterable[str | None], proof: Proof) -> list[Objective]:
    """Name the parts of a proof, as many of them as there are names for; None leaves one out."""
    return [
        Objective(name, value, bound)
        for name, value, bound in zip(names, proof.costs, proof.bounds, strict=False)
        if name is not None
    ]


def compare_target(target: PartitionMap, work: Work) -> str | None:
    """Return how the target map differs from the copies and masters that were proven."""
    placed = work.roles_problem.placed
    held = placed >= 0
    rows = np.repeat(np.arange(target.partition_count), np.diff(target.offsets))
    leads = (target.copy_codes & PLACEMENT_MASK) == Placement.MASTER
    width = max(1, target.node_count)
    found = np.sort((rows * width + target.copy_nodes) * 2 + leads)
    proven_rows = np.broadcast_to(np.arange(len(placed))[:, None], placed.shape)
    proven = np.sort(((proven_rows * width + placed) * 2 + work.roles.is_master)[held])
    if np.array_equal(found, proven):
        return None
    return "the target map does not hold the copies and masters that were proven"

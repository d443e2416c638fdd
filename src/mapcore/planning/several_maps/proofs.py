"""The certificate of plans for several maps: what they cost together, and what none goes below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mapcore.planning.certificates.copies import recount_placement
from mapcore.planning.certificates.objectives import Certificate, Objective
from mapcore.planning.certificates.proofs import compare_target, name_parts
from mapcore.planning.certificates.regrets import Box, Ints, Proof, Recount
from mapcore.planning.certificates.roles import recount_roles
from mapcore.planning.certificates.sums import check_sum
from mapcore.planning.drafting import let_signals_in, place_copies
from mapcore.planning.placing.coupled import is_coupled
from mapcore.planning.placing.roles import RolesCertificate, assign_roles

if TYPE_CHECKING:
    from mapcore.planning.placing.placement import Placement
    from mapcore.planning.placing.placement_problem import PlacementProblem
    from mapcore.planning.plans import Plan

__all__ = ["ClusterCertificate"]

_Priced = Callable[[], tuple[list[Recount], Ints]]


class ClusterCertificate(Certificate):
    """How good the plans of several maps are, each and in sum, by checkers of their own.

    An objective is the sum over maps, but for the imbalance in sum, which is that of what nodes
    hold of all maps. Maps that are balanced by size or weight count in the sum as they stand; they
    have objectives of their own, named after the map.
    """

    def __init__(self, plans: Mapping[str, Plan]) -> None:
        self._plans = plans

    def _check(self) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
        """Run the checkers over all maps; return objectives and faults."""
        copies, copies_fault = _check_copies(list(self._plans.values()))
        led, led_fault = _check_masters(list(self._plans.values()))
        faults = [fault for fault in (copies_fault, led_fault) if fault]
        coupled: list[Objective] = []
        for name, plan in self._plans.items():
            fault = compare_target(plan.target, plan.work)
            if fault:
                faults.append(f"{name}: {fault}")
            if _is_apart(plan):
                faults += [f"{name}: {each}" for each in plan.certificate.faults]
                coupled += _named_after(name, plan)
        return (*copies, *coupled, *led), tuple(faults)


def _is_apart(plan: Plan) -> bool:
    problem = plan.work.placement_problem
    return problem is not None and is_coupled(problem)


def _named_after(name: str, plan: Plan) -> Iterator[Objective]:
    for each in plan.certificate.objectives:
        if "master" not in each.name:
            yield Objective(f"{name}: {each.name}", each.value, each.bound)


def _check_copies(plans: Sequence[Plan]) -> tuple[list[Objective], str | None]:
    found = [recount_placement(*each) for each in _placements(plans)]
    if not found:
        return [], None
    lower, upper = _share_of_copies(plans)
    for plan in plans:
        if _is_apart(plan):
            lower, upper = lower - plan.loads_after(), upper - plan.loads_after()
    share = lower, upper
    levels = max(each.own for each in found) - 1
    excess = [f"spread excess at level {level + 1}" for level in range(levels)]
    if levels == 1:
        excess = ["spread excess"]
    more = (lambda: _placed_by_gain(plans, share)), (lambda: _placed_alone(plans, share))
    proof = _proven(found, share, more)
    names = ["copies missing", *excess, "imbalance of copies", "imbalance in sum", "moves"]
    return name_parts(names, proof), proof.fault


def _share_of_copies(plans: Sequence[Plan]) -> Box:
    """What each node should hold of all maps: every plan says it, less what the others hold."""
    problem, others = plans[0].work.placement_problem, plans[0].work.others
    assert problem is not None
    assert others is not None
    assert problem.sum_lower is not None
    assert problem.sum_upper is not None
    return problem.sum_lower + others.copies, problem.sum_upper + others.copies


def _check_masters(plans: Sequence[Plan]) -> tuple[list[Objective], str | None]:
    found = [recount_roles(plan.work.roles_problem, plan.work.roles) for plan in plans]
    problem, others = plans[0].work.roles_problem, plans[0].work.others
    assert others is not None
    assert problem.sum_lower is not None
    assert problem.sum_upper is not None
    share = problem.sum_lower + others.masters, problem.sum_upper + others.masters
    names = ["imbalance of masters", "imbalance of masters in sum", "changes of master"]
    if problem.keep_current:
        names = [names[2], *names[:2]]
    more = (lambda: _led_by_gain(plans, share)), (lambda: _led_alone(plans, share))
    proof = _proven(found, share, more)
    return name_parts(names, proof), proof.fault


def _proven(found: Sequence[Recount], share: Box, more: Sequence[_Priced]) -> Proof:
    """Prove by the prices of the plans; where they leave a gap, by more of them."""
    proof = check_sum(found, share)
    for priced in more:
        if proof.fault or proof.is_optimal:
            return proof
        again, prices = priced()
        other = check_sum(again, share, prices)
        bounds = [
            max((bound for bound in pair if bound is not None), default=None)
            for pair in zip(proof.bounds, other.bounds, strict=True)
        ]
        proof = replace(proof, bounds=tuple(bounds))
    return proof


def _gaining(held: Ints, share: Box) -> Ints:
    """Prices by which nodes that hold too little in sum are paid to take more, whatever the map."""
    return np.stack([np.zeros_like(held), -(held < share[0]).astype(np.int64)])


def _placed_by_gain(plans: Sequence[Plan], share: Box) -> tuple[list[Recount], Ints]:
    """Recount the placements with prices that say how far nodes are from their share in sum."""
    chosen = list(_placements(plans))
    current = np.concatenate([problem.current.ravel() for problem, _ in chosen])
    prices = _gaining(np.bincount(current[current >= 0], minlength=len(share[0])), share)
    return [
        recount_placement(
            problem,
            replace(
                made,
                certificate=replace(made.certificate, sum_prices=prices[0], move_prices=prices[1]),
            ),
        )
        for problem, made in chosen
    ], prices


def _led_by_gain(plans: Sequence[Plan], share: Box) -> tuple[list[Recount], Ints]:
    """Recount the masters with prices that say how far nodes are from their share in sum."""
    current = np.concatenate([plan.work.roles_problem.current_masters.ravel() for plan in plans])
    prices = _gaining(np.bincount(current[current >= 0], minlength=len(share[0])), share)
    found = []
    for plan in plans:
        roles = plan.work.roles
        own = roles.certificate.prices[:, 0]
        by_node = np.stack([own, prices[0], prices[1], np.zeros_like(own)], axis=1)
        priced = replace(roles, certificate=RolesCertificate(by_node))
        found.append(recount_roles(plan.work.roles_problem, priced))
    return found, prices


def _placements(plans: Sequence[Plan]) -> Iterator[tuple[PlacementProblem, Placement]]:
    """The placements that count together: not those of maps that are balanced by weight."""
    for plan in plans:
        problem, placement = plan.work.placement_problem, plan.work.placement
        if problem is not None and placement is not None and not _is_apart(plan):
            yield problem, placement


def _placed_alone(plans: Sequence[Plan], share: Box) -> tuple[list[Recount], Ints]:
    """Recount the placements with the prices that hold if no other map counts."""
    found = []
    for problem, placement in _placements(plans):
        alone = replace(problem, sum_lower=None, sum_upper=None)
        priced = replace(placement, certificate=place_copies(alone).certificate)
        found.append(recount_placement(alone, priced))
    return found, np.zeros((2, len(share[0])), np.int64)


def _led_alone(plans: Sequence[Plan], share: Box) -> tuple[list[Recount], Ints]:
    """Recount the masters with the prices that hold if no other map counts."""
    found = []
    for plan in plans:
        problem, roles = plan.work.roles_problem, plan.work.roles
        alone = assign_roles(
            replace(problem, sum_lower=None, sum_upper=None), interrupt=let_signals_in
        )
        found.append(recount_roles(problem, replace(roles, certificate=alone.certificate)))
    return found, np.zeros((2, len(share[0])), np.int64)

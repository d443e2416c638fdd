"""Whether masters are chosen as well as can be: proven from prices, by the same argument.

A partition's masters are any so many of its copies that may lead, each at its own cost, so that
exchanging all of them saves just what each exchange saves (see `regrets`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.certificates.regrets import (
    DEAREST,
    Proof,
    Recount,
    outside_of,
    ranked,
    saved_by,
)

if TYPE_CHECKING:
    from mapcore.planning.placing.roles import Roles, RolesProblem

__all__ = ["check_roles", "recount_roles"]


def check_roles(problem: RolesProblem, roles: Roles) -> Proof:
    """Recount a choice of masters among the copies and prove how good it is."""
    found = recount_roles(problem, roles)
    return replace(found.proof, fault=found.fault)


def recount_roles(problem: RolesProblem, roles: Roles) -> Recount:
    """Recount a choice of masters, and ask its copies what they regret."""
    able = (problem.placed >= 0) & np.append(problem.may_lead, False)[problem.placed]
    if problem.candidates is not None:
        able &= problem.candidates
    asked, leads = np.maximum(problem.master_counts, 0), roles.is_master
    wanted = np.minimum(asked, able.sum(axis=1))
    unfit = (leads & ~able).any(axis=1) | (leads.sum(axis=1) != wanted)
    if unfit.any():
        row = int(unfit.argmax())
        return Recount(f"partition {row}: found not {wanted[row]} masters that may lead")
    other = np.zeros_like(able)
    if problem.preferred is not None:
        other = ~_stands_in(problem.placed, problem.preferred)
    kinds = ~_stands_in(problem.placed, problem.current_masters) + 2 * other
    parts = [2, 0, 1, 3] if problem.keep_current else [0, 1, 2, 3]
    units = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1]])[parts]
    prices = roles.certificate.prices.T[parts].clip(-DEAREST, DEAREST)
    ordered, rank = ranked(np.pad(prices, ((0, 0), (0, 1))), units)
    ranks, most = rank[problem.placed, kinds], ordered.shape[1] - 1
    best = np.where(able & ~leads, ranks, most).min(axis=1, initial=most)
    led = np.where(leads, ranks, -1)
    loads = np.bincount(problem.placed[leads], minlength=len(problem.may_lead))
    room = np.bincount(problem.placed[able], minlength=len(problem.may_lead))
    own, in_sum, changes = (parts.index(part) for part in range(3))
    boxes = {own: (problem.lower, problem.upper)}
    if problem.sum_lower is not None and problem.sum_upper is not None:
        boxes[in_sum] = (problem.sum_lower, problem.sum_upper)
    costs = units[:, kinds[leads]].sum(axis=1)
    for part, box in boxes.items():
        costs[part] = (outside_of(loads, *box) ** 2).sum()
    regrets = saved_by(ordered, led, np.broadcast_to(best[:, None], led.shape)).astype(object)
    found = Recount(None, costs, regrets, prices, loads, room, boxes, own)
    claimed = [roles.missing, roles.imbalance, roles.sum_imbalance, roles.role_changes]
    if claimed != [(asked - wanted).sum(), costs[own], costs[in_sum], costs[changes]]:
        return replace(found, fault="found other costs than claimed")
    return found


def _stands_in(placed: NDArray[np.int32], listed: NDArray[np.int32]) -> NDArray[np.bool_]:
    found = np.zeros(placed.shape, np.bool_)
    for column in listed.T:
        found |= placed == column[:, None]
    return found

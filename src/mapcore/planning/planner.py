"""The main path: from a cluster and what is to change, to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypedDict, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.cluster import Cluster, Node
from mapcore.errors import PlanError
from mapcore.maps import PartitionMap, Version
from mapcore.planning import losses
from mapcore.planning.changes import (
    ChangedCluster,
    Changes,
    apply_changes,
    apply_changes_to_all,
)
from mapcore.planning.maintenance import (
    Records,
    kept_records,
    lent_masters,
    records_of,
    restored_masters,
    with_records,
)
from mapcore.planning.nodes import ACTIVE, MAINTENANCE
from mapcore.planning.placing.coupled import is_coupled, place_coupled
from mapcore.planning.placing.exchange import choose_by_score, even_out_slaves, may_exchange
from mapcore.planning.placing.masters_kept import keep_masters
from mapcore.planning.placing.measures import copies_that_fit, measure
from mapcore.planning.placing.placement import Placement as PlacedCopies
from mapcore.planning.placing.placement import PlacementProblem, place
from mapcore.planning.placing.restrictions import check_restrictions, restrict
from mapcore.planning.placing.roles import Roles, RolesProblem, assign_roles
from mapcore.planning.placing.rules import CompiledRules
from mapcore.planning.plans import Plan, Work
from mapcore.planning.policies.policy import (
    BoundPolicy,
    Policy,
    PolicyOutcome,
    ScoreFunction,
    bind_policy,
)
from mapcore.planning.problem import (
    Asked,
    Start,
    asked_of,
    kept_copies,
    may_lead,
    placement_problem,
    roles_problem,
    rules_of,
    start_of,
    with_slack,
)
from mapcore.planning.several_maps.sums import Standing, copies_in_sum, masters_in_sum, standing
from mapcore.states import PERSISTENCE_PAUSED, REPLICATION_PAUSED, Placement, state_code

__all__ = [
    "Draft",
    "draft_of",
    "finish",
    "let_signals_in",
    "masters_wanted",
    "place_copies",
    "plan",
    "with_masters_kept",
]

_MASTER: Final = state_code(Placement.MASTER)
_SLAVE: Final = state_code(Placement.SLAVE)


class _Changes(TypedDict, total=False):
    """What `plan` takes besides a map."""

    add: Mapping[str, str | Node] | Iterable[str | Node]
    remove: Iterable[str]
    swap: Mapping[str, str]
    maintain: Iterable[str]
    fail: Iterable[str]
    activate: Iterable[str]
    weights: Mapping[str, float]
    rebuild: bool
    policy: Policy | ScoreFunction | None


@overload
def plan(cluster: Cluster, *, map: str, **changes: Unpack[_Changes]) -> Plan: ...
@overload
def plan(
    cluster: Cluster,
    *,
    map: str | None = None,
    **changes: Unpack[_Changes],
) -> Plan | Any: ...


def plan(
    cluster: Cluster,
    *,
    map: str | None = None,  # noqa: A002 - what it is called in documents
    add: Mapping[str, str | Node] | Iterable[str | Node] = (),
    remove: Iterable[str] = (),
    swap: Mapping[str, str] = {},
    maintain: Iterable[str] = (),
    fail: Iterable[str] = (),
    activate: Iterable[str] = (),
    weights: Mapping[str, float] = {},
    rebuild: bool = False,
    policy: Policy | ScoreFunction | None = None,
) -> Plan | Any:
    """Plan the next map of a cluster, or of all its maps together.

    With several maps and no `map`, returns a `ClusterPlan`: a `Plan` for each, every map balanced
    and the sum of them. With `map`, the other maps stay as they are: their targets, and where there
    is none their current maps, count in the sum.

    Without any change, and with those that concern data, every copy is put where the settings ask
    for it. Of the changes, `fail`, `maintain` and the end of maintenance alone move no data, and
    `swap` alone moves no other than the copies of the swapped nodes.

    What cannot be met is met as far as possible; `Plan.warnings` says what and why. Planning again
    from the target changes nothing.

    Args:
        cluster: nodes, settings and maps. Planning starts from the current map, or from an empty
            one where there is none.
        map: the map to plan; without it, all of them.
        add: new nodes: names with their locations, or `Node` values, or names alone.
        remove: nodes that give up all copies.
        swap: old node to new node: the new one gets exactly the copies and roles of the old one.
            It is new, in the old one's place unless `add` says where, or active and empty.
        maintain: nodes that hand over mastership, keep their copies and get nothing new.
        fail: nodes that are lost. Their masters' roles pass to other copies; with `rebuild`, or
            together with changes that move data, the copies that they held are restored too.
        activate: nodes that come back: from maintenance to exactly the roles that they had, from
            failure with what they still hold, from leaving as if they had never been asked to.
        weights: new weights of nodes, from 0 up.
        rebuild: whether every copy is put where the settings ask for it, whatever else is asked.
        policy: scores copies of partitions on nodes: `mapcore.policy`, or a function of the numbers
            of a partition and a node. Of plans that are equal up to the number of moves, one with
            high scores of its new copies is chosen.

    Raises:
        PlanError: an argument, setting or node that nothing can be planned with; a policy that does
            not compile, raises, or gives no finite number.
        MapcoreError: a policy is given, and Numba is not installed.
    """
    changes = Changes.of(
        add=add,
        remove=remove,
        swap=swap,
        maintain=maintain,
        fail=fail,
        activate=activate,
        weights=weights,
        rebuild=rebuild,
    )
    if map is None and len(cluster.maps) > 1:
        if policy is not None:
            raise PlanError(
                f"policy: found {len(cluster.maps)} maps, expected the name of the one whose "
                "partitions it scores"
            )
        from mapcore.planning.several_maps.joint import plan_maps
        from mapcore.planning.several_maps.plan import ClusterPlan

        plans = plan_maps(apply_changes_to_all(cluster, changes), changes)
        return ClusterPlan({plan.map_name: plan for plan in plans})
    changed = apply_changes(cluster, map, changes)
    others = standing(changed.other_maps.values(), changed.index)
    return plan_map(changed, changes, others, policy)


def plan_map(
    changed: ChangedCluster,
    changes: Changes,
    others: Standing | None,
    policy: Policy | ScoreFunction | None = None,
) -> Plan:
    """Plan one map.

    Args:
        changed: the cluster with the changes applied, and the map.
        changes: what was asked.
        others: what the other maps hold.
        policy: what scores copies on nodes.
    """
    draft = draft_of(changed, changes, others)
    scores, outcome = None, None
    if policy is not None:
        scores = bind_policy(policy, draft.start.names, draft.start.current.keys)
    problem, placement = draft.problem, None
    if problem is not None:
        problem = copies_in_sum(problem, others, draft.start.table, draft.resting)
        if scores is not None and not may_exchange(problem):
            raise PlanError(
                f"policy {scores.policy.name}: found rules, or partitions of different size or "
                "weight, expected neither where a policy chooses"
            )
        placement = with_masters_kept(draft, problem, place_copies(problem))
        if scores is not None:
            outcome = choose_by_score(problem, placement.nodes, scores, interrupt=let_signals_in)
    wanted = masters_wanted(draft, placement)
    table = draft.start.table
    due = (table.modes == ACTIVE) & table.positive
    wanted = masters_in_sum(wanted, others, table, due)
    roles = assign_roles(wanted, interrupt=let_signals_in)
    return finish(draft, problem, placement, wanted, roles, others, policy=scores, outcome=outcome)


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """What is known of a plan before anything is placed.

    Attributes:
        changed: the cluster with the changes applied, and the map.
        changes: what was asked.
        asked: what the settings ask of each partition.
        start: what is.
        problem: what is asked of the placement, for this map alone; None where no data moves.
        masters: the masters to keep where possible, as in `Start.masters`.
        records: what is written down of masters that were lent out.
        rules: where slaves stand relative to their masters; None where nothing is said.
    """

    changed: ChangedCluster
    changes: Changes
    asked: Asked
    start: Start
    problem: PlacementProblem | None
    masters: NDArray[np.int32]
    records: Records
    rules: CompiledRules | None

    @property
    def resting(self) -> NDArray[np.bool_]:
        """The nodes in maintenance."""
        return np.asarray(self.start.table.modes == MAINTENANCE)


def draft_of(changed: ChangedCluster, changes: Changes, others: Standing | None) -> Draft:
    """Read what is and what is asked of one map; what others hold takes room on volumes."""
    asked = asked_of(changed.entry.settings)
    start = start_of(changed, asked)
    rules = rules_of(start, asked, moves_data=changed.moves_data)
    problem = None
    if changed.moves_data:
        resting = start.table.modes == MAINTENANCE
        # Volumes count only where sizes are known, and many nodes take milliseconds to make.
        nodes = () if start.current.sizes is None else changed.cluster.nodes
        fitting = copies_that_fit(start.current, nodes, others)
        problem = replace(placement_problem(start, asked), rules=rules)
        problem = restrict(problem, start, asked.settings, resting, fitting)
        problem = with_slack(problem, start, asked.settings)
        problem = measure(problem, start, nodes, others)
    else:
        check_restrictions(start, asked.settings)
    masters, records = start.masters, records_of(changed.entry)
    if changed.returning:
        masters, records = restored_masters(start, records, asked.row_masters(len(start.table)))
    return Draft(changed, changes, asked, start, problem, masters, records, rules)


def place_copies(problem: PlacementProblem) -> PlacedCopies:
    """Place by the engine that the problem needs."""
    placing = place_coupled if is_coupled(problem) else place
    return placing(problem, interrupt=let_signals_in)


def with_masters_kept(
    draft: Draft, problem: PlacementProblem, placement: PlacedCopies
) -> PlacedCopies:
    """Return the placement with as few masters moved as trades of moves allow."""
    if is_coupled(problem):
        return placement
    leads = may_lead(draft.start.table, moves_data=True)
    return keep_masters(problem, placement, draft.start.masters, leads)


def masters_wanted(draft: Draft, placement: PlacedCopies | None) -> RolesProblem:
    """Ask for masters among the copies that are placed, or among those that stay."""
    moves_data = draft.changed.moves_data
    placed = kept_copies(draft.start, draft.asked) if placement is None else placement.nodes
    return roles_problem(
        draft.start,
        draft.asked,
        placed,
        current_masters=draft.masters,
        rules=draft.rules,
        moves_data=moves_data,
        keep_current=not moves_data and not draft.changes.named["maintain"],
    )


def finish(
    draft: Draft,
    problem: PlacementProblem | None,
    placement: PlacedCopies | None,
    wanted: RolesProblem,
    roles: Roles,
    others: Standing | None,
    *,
    policy: BoundPolicy | None = None,
    outcome: PolicyOutcome | None = None,
) -> Plan:
    """Make the plan of copies and masters that are chosen."""
    start, records, placed = draft.start, draft.records, wanted.placed
    if problem is not None and placement is not None and placement.moves and may_exchange(problem):
        even_out_slaves(problem, wanted, roles, policy, interrupt=let_signals_in)
    if draft.changes.named["maintain"]:
        records = lent_masters(records, start, draft.masters, roles.is_master, placed)
    target = _target_map(start, placed, roles.is_master)
    if records or start.losses or start.current.extra:
        extra = with_records(target.extra, kept_records(records, target))
        target = target.replace(extra=with_records(extra, start.losses, losses.FIELD))
    changed, changes, asked = draft.changed, draft.changes, draft.asked
    return Plan(
        map_name=changed.map_name,
        current=start.current,
        target=target,
        work=Work(
            changed,
            changes,
            asked,
            start,
            problem,
            placement,
            wanted,
            roles,
            others,
            draft.rules,
            policy=outcome,
        ),
    )


def _target_map(
    start: Start, placed: NDArray[np.int32], is_master: NDArray[np.bool_]
) -> PartitionMap:
    """Make the map of these copies; what the current map knows of its partitions is carried on."""
    current = start.current
    offsets = np.empty(current.partition_count + 1, np.int64)
    nodes = np.empty(placed.size, np.int32)
    codes = np.empty(placed.size, np.uint8)
    count = _planning.fill_target(
        placed, is_master.view(np.uint8), _MASTER, _SLAVE, offsets, nodes, codes
    )
    nodes, codes = nodes[:count], codes[:count]
    if np.bitwise_or.reduce(current.copy_codes) & (PERSISTENCE_PAUSED | REPLICATION_PAUSED):
        _planning.carry_pauses(
            current.offsets, current.copy_nodes, current.copy_codes, offsets, nodes, codes
        )
    return PartitionMap(
        nodes=start.names,
        keys=current.keys,
        version=Version(current.version.epoch, current.version.revision + 1),
        index=(offsets, nodes, codes),
        memory_budget_bytes=current.memory_budget_bytes,
        sources=current.sources,
        sizes=current.sizes,
        weights=current.weights,
        extra=current.extra,
    )


def let_signals_in() -> None:
    """Give Python the chance to raise what a signal asks for: engines call this now and then."""

"""The main path: from a cluster and what is to change, to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypedDict, Unpack, overload

from mapcore.cluster import Cluster, Node
from mapcore.errors import PlanError
from mapcore.planning.changes import (
    ChangedCluster,
    Changes,
    apply_changes,
    apply_changes_to_all,
)
from mapcore.planning.drafting import (
    draft_of,
    finish,
    let_signals_in,
    masters_wanted,
    place_copies,
    with_masters_kept,
    within_peers,
)
from mapcore.planning.nodes import ACTIVE
from mapcore.planning.placing.exchange import choose_by_score, may_exchange
from mapcore.planning.placing.roles import assign_roles
from mapcore.planning.plans import Plan
from mapcore.planning.policies.policy import (
    Policy,
    ScoreFunction,
    bind_policy,
)
from mapcore.planning.several_maps.sums import Standing, copies_in_sum, masters_in_sum, standing

__all__ = ["plan", "plan_map"]


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
        if draft.asked.settings.peer_limit is not None:
            raise PlanError("policy: found settings.maxPeers, expected none where a policy chooses")
        scores = bind_policy(policy, draft.start.names, draft.start.current.keys)
    problem, placement, peers = draft.problem, None, None
    if problem is not None:
        problem = copies_in_sum(problem, others, draft.start.table, draft.resting)
        if scores is not None and not may_exchange(problem):
            raise PlanError(
                f"policy {scores.policy.name}: found rules, or partitions of different size or "
                "weight, expected neither where a policy chooses"
            )
        placement = with_masters_kept(draft, problem, place_copies(problem))
        placement, peers = within_peers(draft, problem, placement)
        if scores is not None:
            outcome = choose_by_score(problem, placement.nodes, scores, interrupt=let_signals_in)
    wanted = masters_wanted(draft, placement, peers)
    table = draft.start.table
    due = (table.modes == ACTIVE) & table.positive
    wanted = masters_in_sum(wanted, others, table, due)
    roles = assign_roles(wanted, interrupt=let_signals_in)
    return finish(
        draft,
        problem,
        placement,
        wanted,
        roles,
        others,
        policy=scores,
        outcome=outcome,
        peers=peers,
    )

"""The main path: from a cluster and what is to change, to a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.cluster import Cluster, Node
from mapcore.maps import PartitionMap, Version
from mapcore.planning import losses
from mapcore.planning.changes import ChangedCluster, Changes, apply_changes
from mapcore.planning.coupled import is_coupled, place_coupled
from mapcore.planning.exchange import even_out_slaves, may_exchange
from mapcore.planning.maintenance import (
    kept_records,
    lent_masters,
    records_of,
    restored_masters,
    with_records,
)
from mapcore.planning.measures import copies_that_fit, measure
from mapcore.planning.nodes import ACTIVE, MAINTENANCE
from mapcore.planning.placement import place
from mapcore.planning.plans import Plan, Work
from mapcore.planning.problem import (
    Start,
    asked_of,
    kept_copies,
    placement_problem,
    roles_problem,
    rules_of,
    start_of,
)
from mapcore.planning.restrictions import restrict
from mapcore.planning.roles import assign_roles
from mapcore.planning.sums import Standing, copies_in_sum, masters_in_sum, standing
from mapcore.states import PERSISTENCE_PAUSED, REPLICATION_PAUSED, Placement, state_code

__all__ = ["plan"]

_MASTER: Final = state_code(Placement.MASTER)
_SLAVE: Final = state_code(Placement.SLAVE)


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
) -> Plan:
    """Plan the next map of a cluster.

    Without any change, and with those that concern data, every copy is put where the settings ask
    for it. Of the changes, `fail`, `maintain` and the end of maintenance alone move no data, and
    `swap` alone moves no other than the copies of the swapped nodes.

    What cannot be met is met as far as possible; `Plan.warnings` says what and why. Planning again
    from the target changes nothing.

    Args:
        cluster: nodes, settings and maps. Planning starts from the current map, or from an empty
            one where there is none.
        map: the map to plan; may be left out where there is only one.
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

    Raises:
        PlanError: an argument, setting or node that nothing can be planned with.
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
    changed = apply_changes(cluster, map, changes)
    return plan_map(changed, changes, standing(changed.other_maps.values(), changed.index))


def plan_map(changed: ChangedCluster, changes: Changes, others: Standing | None) -> Plan:
    """Plan one map.

    Args:
        changed: the cluster with the changes applied, and the map.
        changes: what was asked.
        others: what the other maps hold.
    """
    asked = asked_of(changed.entry.settings)
    start = start_of(changed, asked)
    rules = rules_of(start, asked, moves_data=changed.moves_data)

    problem, placement = None, None
    if changed.moves_data:
        problem = replace(placement_problem(start, asked), rules=rules)
        resting = start.table.modes == MAINTENANCE
        fitting = copies_that_fit(start.current, changed.cluster.nodes, others)
        problem = restrict(problem, start, asked.settings, resting, fitting)
        problem = copies_in_sum(problem, others, start.table, resting)
        problem = measure(problem, start, changed.cluster.nodes, others)
        placing = place_coupled if is_coupled(problem) else place
        placement = placing(problem, interrupt=_let_signals_in)
        placed = placement.nodes
    else:
        placed = kept_copies(start, asked)

    masters, records = start.masters, records_of(changed.entry)
    if changed.returning:
        masters, records = restored_masters(start, records, asked.masters)
    role_problem = roles_problem(
        start,
        asked,
        placed,
        current_masters=masters,
        rules=rules,
        moves_data=changed.moves_data,
        keep_current=not changed.moves_data and not changes.named["maintain"],
    )
    due = (start.table.modes == ACTIVE) & start.table.positive
    role_problem = masters_in_sum(role_problem, others, start.table, due)
    roles = assign_roles(role_problem, interrupt=_let_signals_in)
    if problem is not None and placement is not None and placement.moves and may_exchange(problem):
        even_out_slaves(problem, role_problem, roles, interrupt=_let_signals_in)
    if changes.named["maintain"]:
        records = lent_masters(records, start, masters, roles.is_master, placed)

    target = _target_map(start, placed, roles.is_master)
    if records or start.losses or start.current.extra:
        extra = with_records(target.extra, kept_records(records, target))
        target = target.replace(extra=with_records(extra, start.losses, losses.FIELD))
    return Plan(
        map_name=changed.map_name,
        current=start.current,
        target=target,
        work=Work(
            changed, changes, asked, start, problem, placement, role_problem, roles, others, rules
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


def _let_signals_in() -> None:
    """Give Python the chance to raise what a signal asks for: engines call this now and then."""

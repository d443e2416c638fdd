"""The stations of a plan: what is and is asked, where copies stand, who leads, and the plan.

`planner` goes through them for one map, `several_maps.joint` for all maps of a cluster together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _planning
from mapcore.maps import PartitionMap, Version
from mapcore.planning import losses
from mapcore.planning.changes import (
    ChangedCluster,
    Changes,
)
from mapcore.planning.facts import Work
from mapcore.planning.maintenance import (
    Records,
    kept_records,
    lent_masters,
    records_of,
    restored_masters,
    with_records,
)
from mapcore.planning.nodes import ACTIVE, MAINTENANCE
from mapcore.planning.peers.outcome import PeersOutcome
from mapcore.planning.peers.problem import peers_problem
from mapcore.planning.peers.settling import settle
from mapcore.planning.peers.unequal import deal_partitions, fits_volumes
from mapcore.planning.placing.coupled import is_coupled, place_coupled
from mapcore.planning.placing.exchange import even_out_slaves, may_exchange
from mapcore.planning.placing.masters_kept import keep_masters
from mapcore.planning.placing.measures import copies_that_fit, measure
from mapcore.planning.placing.placement import Placement as PlacedCopies
from mapcore.planning.placing.placement import place, with_other_nodes
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.restrictions import check_restrictions, restrict
from mapcore.planning.placing.roles import Roles, RolesProblem
from mapcore.planning.placing.rules import CompiledRules
from mapcore.planning.placing.shares import share_bounds
from mapcore.planning.plans import Plan
from mapcore.planning.policies.policy import (
    BoundPolicy,
    PolicyOutcome,
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
from mapcore.planning.several_maps.sums import Standing
from mapcore.states import PERSISTENCE_PAUSED, REPLICATION_PAUSED, Placement, state_code

__all__ = [
    "Draft",
    "draft_of",
    "finish",
    "let_signals_in",
    "masters_wanted",
    "place_copies",
    "with_masters_kept",
    "within_peers",
]

_MASTER: Final = state_code(Placement.MASTER)
_SLAVE: Final = state_code(Placement.SLAVE)


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


def within_peers(
    draft: Draft, problem: PlacementProblem, placement: PlacedCopies
) -> tuple[PlacedCopies, PeersOutcome | None]:
    """Return a placement in which nodes have as few peers as is asked, and what came of that.

    Args:
        draft: what is known.
        problem: what was asked of the placement.
        placement: what came of it without regard to peers.
    """
    limit = draft.asked.settings.peer_limit
    if limit is None or not placement.nodes.size:
        return placement, None
    if np.count_nonzero(problem.eligible) <= limit.count + 1:
        return placement, None  # all nodes may be peers of each other
    table = draft.start.table
    asked = peers_problem(
        problem,
        placement.nodes,
        max_peers=limit.count,
        reserve=limit.reserve,
        every_pair=limit.after == "failover" or draft.asked.masters != 1,
        may_lead=may_lead(table, moves_data=True),
        masters=share_bounds(
            len(problem.copy_counts),
            table.weights,
            table.weight_numbers,
            (table.modes == ACTIVE) & table.positive,
            len(problem.copy_counts),
        ),
    )
    rows = settle(
        asked,
        draft.masters,
        lambda relaxed: place_copies(relaxed).nodes,
        interrupt=let_signals_in,
    )
    if not (draft.start.held >= 0).any():
        rows = deal_partitions(asked, rows, interrupt=let_signals_in)
    if not fits_volumes(problem.measures, rows):  # room goes before peers
        rows = placement.nodes
    outcome = PeersOutcome.of(asked, rows)
    return with_other_nodes(problem, placement, rows), outcome


def masters_wanted(
    draft: Draft, placement: PlacedCopies | None, peers: PeersOutcome | None = None
) -> RolesProblem:
    """Ask for masters among the copies that are placed, or among those that stay."""
    moves_data = draft.changed.moves_data
    placed = kept_copies(draft.start, draft.asked) if placement is None else placement.nodes
    wanted = roles_problem(
        draft.start,
        draft.asked,
        placed,
        current_masters=draft.masters,
        rules=draft.rules,
        moves_data=moves_data,
        keep_current=not moves_data and not draft.changes.named["maintain"],
    )
    return wanted if peers is None else peers.with_leaders(wanted)


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
    peers: PeersOutcome | None = None,
) -> Plan:
    """Make the plan of copies and masters that are chosen."""
    start, records, placed = draft.start, draft.records, wanted.placed
    may_exchange_slaves = problem is not None and may_exchange(problem) and peers is None
    if problem is not None and placement is not None and placement.moves and may_exchange_slaves:
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
            peers=peers,
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
    version = Version(current.version.epoch, current.version.revision + 1)
    return PartitionMap(
        nodes=start.names,
        keys=current.keys,
        index=(offsets, nodes, codes),
        **(current.attributes | {"version": version}),
    )


def let_signals_in() -> None:
    """Give Python the chance to raise what a signal asks for: engines call this now and then."""

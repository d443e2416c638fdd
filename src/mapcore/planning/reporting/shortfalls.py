"""What a plan could not meet, and why: settings and nodes that conflict, named.

Each finder looks for one kind of shortfall and gives a sentence for each that it finds: what was
asked, what there is, what is missing, and the smallest change that would do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Health, Mode
from mapcore.planning.certificates.peers import count_peers
from mapcore.planning.nodes import ACTIVE, LEAVING, MAINTENANCE
from mapcore.planning.peers.outcome import sufficient_peers
from mapcore.planning.peers.planned import fewest_of
from mapcore.planning.placing.measures import room_to_share
from mapcore.planning.placing.restrictions import unmet_pins
from mapcore.planning.placing.rule_breaks import explain_breaks
from mapcore.planning.reporting.charts import bytes_text
from mapcore.states import PLACEMENT_MASK, Placement

if TYPE_CHECKING:
    from mapcore.planning.facts import PlanFacts

__all__ = ["find_warnings", "some"]


def find_warnings(plan: PlanFacts) -> tuple[str, ...]:
    """Return all that is to be said of a plan, the gravest first."""
    return tuple(sentence for finder in _FINDERS for sentence in finder(plan))


def some(names: Sequence[str], most: int = 5) -> str:
    """Return a few names, and how many more there are."""
    listed = ", ".join(names[:most])
    return listed if len(names) <= most else f"{listed} and {len(names) - most} more"


def _lost_partitions(plan: PlanFacts) -> Iterator[str]:
    """Partitions that had copies, of which none is left in reach."""
    losses = plan.work.start.losses
    if losses:
        nodes = list(dict.fromkeys(name for names in losses.values() for name in names))
        yield (
            f"no live copy is left of {_count(plan.lost, 'partition')} {some(plan.lost)}: they get "
            f"no copy, as there is nothing to fill it from; bring {some(nodes)} back, or take "
            "their copies and the field lost out of the map to start them empty"
        )


def _masterless_partitions(plan: PlanFacts) -> Iterator[str]:
    """Partitions that will be red."""
    if not plan.work.asked.masters:
        return
    masters = _counts(plan, Placement.MASTER)
    red = np.flatnonzero(masters == 0)
    if not len(red):
        return
    copies = np.diff(plan.target.offsets)
    names = [plan.target.keys.name(partition) for partition in red.tolist()]
    if (copies[red] == 0).all():
        why = "they have no copy"
    elif (copies[red] > 0).all():
        why = "all their copies are on nodes in maintenance"
    else:
        why = "they have no copy, or none outside nodes in maintenance"
    yield f"{_count(names, 'partition')} {some(names)} will be red, without a master: {why}"


def _missing_copies(plan: PlanFacts) -> Iterator[str]:
    """Fewer nodes than copies."""
    placement, asked = plan.work.placement, plan.work.asked
    if placement is None or not placement.missing:
        return
    table = plan.work.start.table
    able = int(np.count_nonzero((table.modes == ACTIVE) & table.positive))
    constraints = asked.settings.constraints
    if able < asked.copies:
        missing = asked.copies * plan.target.partition_count - plan.target.copy_count
        gap = asked.copies - able
        fewer = (
            f"lower constraints.slave to {constraints.slave - gap}"
            if constraints.slave >= gap
            else f"lower the constraints to {able} copies"
        )
        yield (
            f"constraints ask for {asked.copies} copies, {able} nodes may hold one: "
            f"{gap} {'copy' if gap == 1 else 'copies'} of every partition missing "
            f"({missing:,} in all); add {gap} {'node' if gap == 1 else 'nodes'} or {fewer}"
        )
    elif not (short := tuple(_full_volumes(plan))):
        yield (
            f"{placement.missing} copies found no node that may hold them: settings.require, "
            "forbidden or limits of copies leave too few; add nodes that fit, or ask for less"
        )
    else:
        yield from short


def _full_volumes(plan: PlanFacts) -> Iterator[str]:
    """Copies that the volumes have no room for."""
    problem, placement = plan.work.placement_problem, plan.work.placement
    if problem is None or placement is None or problem.measures is None:
        return
    measures = problem.measures
    if measures.room is None:
        return
    lacking = problem.copy_counts - np.count_nonzero(placement.nodes >= 0, axis=1)
    short = np.flatnonzero(lacking > 0)
    usable = problem.eligible & (measures.room.capacity < np.iinfo(np.int64).max)
    size = measures.scale
    asked = int((measures.bytes * problem.copy_counts).sum()) * size
    held = int(measures.room.capacity[usable].sum()) * size
    missing = int((lacking * measures.bytes).sum()) * size
    names = [plan.target.keys.name(partition) for partition in short.tolist()]
    needed = missing if held >= asked else max(missing, asked - held)
    yield (
        f"{placement.missing} copies ({bytes_text(missing)}) of {_count(names, 'partition')} "
        f"{some(names)} found no room: the copies asked for take {bytes_text(asked)}, the volumes "
        f"of {int(usable.sum())} nodes hold {bytes_text(held)}; add {bytes_text(needed)} of "
        "volumes, or ask for fewer copies"
    )
    largest = int(measures.room.largest[problem.eligible].max(initial=0))
    above = [plan.target.keys.name(p) for p in short.tolist() if measures.bytes[p] > largest]
    if above:
        yield (
            f"{_count(above, 'partition')} {some(above)} fit on no volume: "
            f"the largest holds {bytes_text(largest * size)}; split them, or add larger volumes"
        )


def _missing_masters(plan: PlanFacts) -> Iterator[str]:
    """Partitions with a master, but fewer than asked."""
    asked = plan.work.asked.masters
    masters = _counts(plan, Placement.MASTER)
    short = np.flatnonzero((masters < asked) & (masters > 0))
    if len(short):
        names = [plan.target.keys.name(partition) for partition in short.tolist()]
        yield (
            f"{_count(names, 'partition')} {some(names)} will have fewer than the {asked} masters "
            "of constraints.master: too few copies may lead"
        )


def _crowded_places(plan: PlanFacts) -> Iterator[str]:
    """Spread that could not be had."""
    placement, asked = plan.work.placement, plan.work.asked
    if placement is None:
        return
    table = plan.work.start.table
    due = (table.modes <= MAINTENANCE) & table.positive
    for depth, level, excess in zip(
        asked.depths, asked.settings.spread_levels, placement.spread_excess, strict=True
    ):
        if excess:
            numbers, values = table.level_values(depth)
            sizes = np.bincount(numbers[due], minlength=len(values))
            used = np.flatnonzero(sizes)
            even = -(-asked.copies // max(1, len(used)))
            small = [f"{values[v]} ({sizes[v]})" for v in used.tolist() if sizes[v] < even]
            why = f"; too few nodes in {some(small)}" if small else ""
            yield (
                f"spread by {level}: {excess} copies stand above the even share of {even} a "
                f"{level}, as {asked.copies} copies over {len(used)} {level}s allow no better{why}"
            )


def _uneven_loads(plan: PlanFacts) -> Iterator[str]:
    """Nodes outside their share, though all was tried."""
    problem, placement = plan.work.placement_problem, plan.work.placement
    if placement is None or problem is None or not placement.imbalance:
        return
    lacking, to_ceiling = room_to_share(problem, placement.nodes)
    names = plan.target.nodes.names
    above = np.flatnonzero(to_ceiling < 0)
    below = np.flatnonzero(lacking > 0)
    words = [
        f"{len(which)} {'node holds' if len(which) == 1 else 'nodes hold'} {word} their share "
        f"({some([names[node] for node in which.tolist()], 3)})"
        for which, word in ((above, "more than"), (below, "less than"))
        if len(which)
    ]
    if words:
        measures = problem.measures
        why = "as counts and spread allow no better"
        if measures is not None:
            why = "as no move or exchange of copies makes it better"
        unit = "copies" if measures is None else measures.unit
        yield f"balance of {unit}: {' and '.join(words)}, {why}"


def _too_many_peers(plan: PlanFacts) -> Iterator[str]:
    """Nodes that exchange data with more others than `maxPeers`, or uneven loads because of it."""
    asked, peers = plan.work.asked, plan.work.peers
    limit = asked.settings.peer_limit
    if limit is None:
        return
    every_pair = limit.after == "failover" or asked.masters != 1
    counts = count_peers(plan.target, after_failover=every_pair)
    most = int(counts.max(initial=0))
    names = [plan.target.nodes.names[n] for n in np.flatnonzero(counts > limit.count).tolist()]
    what = (
        f"settings.maxPeers {limit.count}: {some(names, 3)} "
        f"{'exchanges' if len(names) == 1 else 'exchange'} data with up to {most} others"
    )
    if peers is None:
        if names:
            yield f"{what}: no data moves in this plan"
        return
    outside = peers.problem.copies_outside(plan.loads_after())
    if not names and not outside:
        return
    if not names:
        what = (
            f"settings.maxPeers {limit.count}: {outside} copies stand outside of the shares of "
            "their nodes"
        )
    fewest = fewest_of(peers.problem)
    if fewest.count > limit.count:
        node = plan.target.nodes.names[fewest.node]
        what += f"; by shares and spread {node} needs {fewest.count} peers"
    else:
        what += "; nothing better was found"
    at_least = max(limit.count + 1, fewest.count)
    enough = sufficient_peers(peers.problem, at_least, len(counts) - 1)
    yield what if enough is None else f"{what}; maxPeers {enough} would do"


def _kept_out_of_place(plan: PlanFacts) -> Iterator[str]:
    """Copies that a plan without data moves leaves where they should not be."""
    if plan.work.placement is not None:
        return
    table, loads = plan.work.start.table, plan.loads_after()
    leaving = np.flatnonzero((table.modes == LEAVING) & (loads > 0))
    if len(leaving):
        names = [plan.target.nodes.names[node] for node in leaving.tolist()]
        yield (
            f"{some(names)} {'is' if len(names) == 1 else 'are'} leaving and still "
            f"{'holds' if len(names) == 1 else 'hold'} copies: no data moves in this plan; "
            "plan with rebuild to move them"
        )
    copies = np.diff(plan.target.offsets)
    copies[list(plan.work.start.losses)] = plan.work.asked.copies
    short = int((copies < plan.work.asked.copies).sum())
    if short:
        have = "partition has" if short == 1 else "partitions have"
        yield (
            f"{short} {have} fewer than the {plan.work.asked.copies} copies asked for: "
            "no data moves in this plan; plan with rebuild to restore them"
        )


def _unmet_pins(plan: PlanFacts) -> Iterator[str]:
    """Pins on nodes that may hold nothing, or that no data moved to."""
    target = plan.target
    unmet = unmet_pins(
        plan.work.start,
        plan.work.asked.settings,
        lambda partition, node: bool(target.state(partition, node)),
    )
    names = [
        f"{target.keys.name(partition)} on {target.nodes.names[node]}" for partition, node in unmet
    ]
    if names:
        yield f"settings.pinned is not met for {some(names)}: the nodes may not hold them now"


def _sums_not_balanced(plan: PlanFacts) -> Iterator[str]:
    """Other maps, where sizes, weights or rules decide."""
    problem, others = plan.work.placement_problem, plan.work.others
    if problem is not None and problem.measures is not None and others is not None:
        yield (
            f"{plan.map_name} was balanced by itself, and not in sum with the other maps on its "
            "nodes: that is only done where partitions are equal and there are no rules"
        )


def _settings_not_honoured(plan: PlanFacts) -> Iterator[str]:
    """Settings that the planner does not know how to follow."""
    settings = plan.work.asked.settings
    problem = plan.work.placement_problem
    measures = None if problem is None else problem.measures
    if measures is not None and measures.unit != "copies" and settings.balance is not None:
        yield (
            f"settings.balance.slack {settings.balance.slack} was not taken into account: "
            f"balance counts {measures.unit}, slack counts copies"
        )
    if settings.num_partitions not in (None, plan.current.partition_count):
        yield (
            f"settings.numPartitions is {settings.num_partitions}, the map has "
            f"{plan.current.partition_count} partitions: a plan "
            "does not change their number; mapcore.resized does, and `mapcore split` or `merge`"
        )


def _odd_documents(plan: PlanFacts) -> Iterator[str]:
    """What a document says that may not be meant."""
    entry = plan.work.changed.entry
    if entry.current is None and entry.target is not None:
        yield (
            "there is a target map but no current map: planned as if nothing were placed yet, "
            "without regard to that target"
        )
    red = [
        node.name
        for node in plan.cluster.nodes
        if node.health is Health.RED and node.mode is Mode.ACTIVE
    ]
    if red:
        yield (
            f"health of {some(red)} is red in mode active: planned as if in reach; "
            "fail takes a node out"
        )


def _counts(plan: PlanFacts, placement: Placement) -> NDArray[np.int64]:
    target = plan.target
    chosen = (target.copy_codes & PLACEMENT_MASK) == placement
    before = np.concatenate([[0], np.cumsum(chosen)])
    counts: NDArray[np.int64] = np.diff(before[target.offsets])
    return counts


def _count(names: Sequence[str], noun: str) -> str:
    return f"{len(names)} {noun}s" if len(names) != 1 else noun


_FINDERS: Final[tuple[Callable[[PlanFacts], Iterator[str]], ...]] = (
    _lost_partitions,
    _masterless_partitions,
    _missing_copies,
    _missing_masters,
    explain_breaks,
    _crowded_places,
    _uneven_loads,
    _too_many_peers,
    _kept_out_of_place,
    _unmet_pins,
    _sums_not_balanced,
    _settings_not_honoured,
    _odd_documents,
)

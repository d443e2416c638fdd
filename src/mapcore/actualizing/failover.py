"""Failover: which lost nodes may lose their masters, to whom, and what was refused and why.

A slave becomes master where no other master is left, if the old one's node is known not to serve
any more: declared gone, or fenced by its lease. Of the copies in sync the most advanced one is
taken. Guard rails keep an automatic failover from making things worse:

- a node that only cannot be reached, but may still serve, is not failed over;
- no more than `maxAutomaticFailovers` nodes are, until an operator has looked; of several, those
  that lead most come first;
- none is while less than a majority of the nodes can be reached: it may be us who are cut off;
- a node is not where more than `maxLostUpdates` updates of a partition would be lost, or where
  nobody knows how many;
- the last copy of a partition is never given up: the partition waits for its node, or for an
  operator who accepts the loss (`next_steps(accept_loss=...)`).

What an operator declares gone passes the guards on numbers and majority, not the others.

    decision = failover(live, nodes=cluster.nodes, fenced=expired, config=cluster.config)
    steps = next_steps(live, target, gone=decision.gone, preferred=decision.preferred, ...)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from mapcore.actualizing.live import LiveMap
from mapcore.cluster import Config, Health, Mode, Node
from mapcore.maps import Copy, PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK, REPLICATION_PAUSED, Placement

__all__ = ["Failover", "Promotion", "Refusal", "failover"]

_IN_SYNC = (Placement.SLAVE, Placement.PENDING_SLAVE)


@dataclass(frozen=True, slots=True)
class Promotion:
    """A slave that becomes master.

    Attributes:
        partition: the partition's name.
        previous: the node that led it.
        node: the node that leads it from now on.
        lost_updates: how many updates only the previous master had; None where it is not known.
    """

    partition: str
    previous: str
    node: str
    lost_updates: int | None = None

    def __str__(self) -> str:
        lost = "" if self.lost_updates is None else f", {self.lost_updates:,} updates lost"
        return f"partition {self.partition}: master {self.previous} -> {self.node}{lost}"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A failover that is not done: of a whole node, or of one of its partitions."""

    node: str
    reason: str
    partition: str | None = None

    def __str__(self) -> str:
        what = self.node if self.partition is None else f"{self.node}, partition {self.partition}"
        return f"no failover of {what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Failover:
    """What was decided.

    Attributes:
        gone: the nodes that are failed over; what `next_steps` takes.
        preferred: who becomes master of each partition that they led; what `next_steps` takes.
        promotions: the same, with what is lost.
        refused: what is not done, and why.
    """

    gone: frozenset[str] = frozenset()
    preferred: Mapping[str, str] = field(default_factory=dict)
    promotions: tuple[Promotion, ...] = ()
    refused: tuple[Refusal, ...] = ()

    def report(self) -> str:
        """Return the decision as text, a line for each part of it."""
        lines = [f"failed over: {', '.join(sorted(self.gone)) or 'no node'}"]
        return "\n".join(lines + [str(item) for item in (*self.promotions, *self.refused)])


def failover(
    current: PartitionMap | LiveMap,
    *,
    nodes: Iterable[Node],
    fenced: Collection[str] = (),
    failed_over: Collection[str] = (),
    sequence_numbers: Mapping[tuple[str, str], int] | None = None,
    config: Config | None = None,
) -> Failover:
    """Decide which nodes are failed over, and who takes their masters.

    Args:
        current: what is.
        nodes: the nodes of the cluster. Those of mode gone were declared so by an operator; those
            of health red cannot be reached.
        fenced: the unreachable nodes whose lease has run out, so that they serve no more.
        failed_over: the nodes that were failed over automatically before. Those that cannot be
            reached yet stay failed over, and count.
        sequence_numbers: the last update that each copy is known to have, by (partition, node).
        config: the guard rails.

    Linear in the copies of the map.
    """
    config = config or Config()
    guards = _Guards(tuple(nodes), frozenset(fenced), frozenset(failed_over), config)
    held = current.snapshot() if isinstance(current, LiveMap) else current
    lost = guards.declared | guards.unreachable | guards.fenced
    heirs = _Heirs(held, lost, sequence_numbers or {})
    gone, refused = set(guards.declared | guards.done), list(guards.refused)
    for name in sorted(guards.candidates, key=heirs.rank):
        reason = heirs.losing_too_much(name, config.max_lost_updates)
        if reason:
            refused.append(Refusal(name, reason))
        elif len(gone - guards.declared) >= config.max_automatic_failovers:
            count = config.max_automatic_failovers
            refused.append(Refusal(name, f"{count} nodes at most are failed over automatically"))
        else:
            gone.add(name)
    promotions = [promotion for name in sorted(gone) for promotion in heirs.promotions(name)]
    for name in sorted(gone):
        refused += [
            Refusal(name, "it has the last copy in sync", partition)
            for partition in heirs.last_copies(name)
        ]
    return Failover(
        frozenset(gone),
        {promotion.partition: promotion.node for promotion in promotions},
        tuple(promotions),
        tuple(refused),
    )


class _Guards:
    """The nodes that may be failed over, as far as that can be said without looking at the map."""

    def __init__(
        self,
        nodes: tuple[Node, ...],
        fenced: frozenset[str],
        failed_over: frozenset[str],
        config: Config,
    ) -> None:
        members = [node for node in nodes if node.mode is not Mode.GONE]
        self.declared = frozenset(node.name for node in nodes if node.mode is Mode.GONE)
        self.unreachable = frozenset(
            node.name for node in members if node.health is Health.RED or node.name in fenced
        )
        self.fenced = fenced & self.unreachable
        self.done = failed_over & self.unreachable
        self.refused: list[Refusal] = []
        self.candidates: list[str] = []
        reachable = len(members) - len(self.unreachable)
        for name in sorted(self.unreachable - self.done):
            if name not in fenced:
                self.refused.append(Refusal(name, "its lease runs: it may still serve"))
            elif config.failover_needs_majority and 2 * reachable <= len(members):
                self.refused.append(
                    Refusal(name, f"only {reachable} of {len(members)} nodes can be reached")
                )
            else:
                self.candidates.append(name)


class _Heirs:
    """Who takes the masters of lost nodes."""

    def __init__(
        self,
        held: PartitionMap,
        lost: Collection[str],
        sequence_numbers: Mapping[tuple[str, str], int],
    ) -> None:
        self._held = held
        self._sequence_numbers = sequence_numbers
        self._promotions: dict[str, list[Promotion]] = {}
        self._last_copies: dict[str, list[str]] = {}
        is_lost = np.array([name in lost for name in held.nodes.names], dtype=bool)
        live = (held.copy_codes & PLACEMENT_MASK) > Placement.DEAD
        rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
        for partition in np.unique(rows[live & is_lost[held.copy_nodes]]).tolist():
            self._look_at(partition, lost)

    def promotions(self, node: str) -> list[Promotion]:
        """Return who takes the masters of a node."""
        return self._promotions.get(node, [])

    def last_copies(self, node: str) -> list[str]:
        """Return the partitions of which no copy in sync is left but on lost nodes."""
        return self._last_copies.get(node, [])

    def rank(self, node: str) -> tuple[int, str]:
        """Return what failovers are ordered by: those that give most partitions a master first."""
        return -len(self.promotions(node)), node

    def losing_too_much(self, node: str, most: int | None) -> str:
        """Return why a failover of the node would lose too many updates, or an empty text."""
        if most is None:
            return ""
        for promotion in self.promotions(node):
            lost = promotion.lost_updates
            if lost is None:
                return f"nobody knows how many updates of partition {promotion.partition} are lost"
            if lost > most:
                return (
                    f"{lost:,} updates of partition {promotion.partition} would be lost, "
                    f"more than {most:,}"
                )
        return ""

    def _look_at(self, partition: int, lost: Collection[str]) -> None:
        name = self._held.keys.name(partition)
        copies = self._held.copies(partition)
        leaders = [copy.node for copy in copies if copy.placement in LEADING]
        live = [copy.node for copy in copies if copy.placement > Placement.DEAD]
        if all(node in lost for node in live):
            for node in live:
                self._last_copies.setdefault(node, []).append(name)
            return
        if not leaders or any(node not in lost for node in leaders):
            return
        able = [copy for copy in copies if copy.placement in _IN_SYNC and copy.node not in lost]
        best = self._most_advanced(name, able)
        ends = [self._sequence_numbers.get((name, node)) for node in (leaders[0], best.node)]
        behind = None if None in ends else max(0, (ends[0] or 0) - (ends[1] or 0))
        self._promotions.setdefault(leaders[0], []).append(
            Promotion(name, leaders[0], best.node, behind)
        )

    def _most_advanced(self, partition: str, copies: Sequence[Copy]) -> Copy:
        """Return the copy that has come farthest; a paused one only if it is known to be that."""
        known = [self._sequence_numbers.get((partition, copy.node)) for copy in copies]
        follows = [not copy.code & REPLICATION_PAUSED for copy in copies]
        reached = [-1 if number is None else number for number in known]
        ranks = list(
            zip(follows, reached, strict=True)
            if None in known
            else zip(reached, follows, strict=True)
        )
        return copies[ranks.index(max(ranks))]

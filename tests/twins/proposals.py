"""What the kernels of proposals and admission do, slowly."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mapcore.actualizing.proposals import Action, Hold, NodeFlag, Priority, RowFlag, Situation
from mapcore.states import (
    PERSISTENCE_PAUSED,
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    RUNNING,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
    placement_of,
    running_of,
)

Cell = tuple[int, int]
Proposal = tuple[int, ...]


class Copy(NamedTuple):
    node: int
    code: int
    wanted: int
    goal: Placement
    gone: bool
    unreachable: bool
    busy: bool
    early: bool

    @property
    def place(self) -> Placement:
        return placement_of(self.code)

    @property
    def running(self) -> Running:
        return running_of(self.code)

    @property
    def holds_data(self) -> bool:
        return self.place > Placement.DEAD

    @property
    def live(self) -> bool:
        return self.holds_data and not self.gone

    @property
    def in_sync(self) -> bool:
        return self.live and not self.unreachable

    @property
    def leads(self) -> bool:
        return self.place.devolved is Placement.MASTER

    @property
    def pending(self) -> bool:
        return self.place.devolved is not self.place

    @property
    def wanted_live(self) -> bool:
        return self.goal > Placement.DEAD

    @property
    def reachable(self) -> bool:
        return not self.gone and not self.unreachable

    @property
    def wait(self) -> Hold:
        if self.unreachable:
            return Hold.UNREACHABLE
        if self.gone:
            return Hold.GONE
        return Hold.IN_FLIGHT if self.busy else Hold.FREE

    def placed(self, place: Placement) -> int:
        return self.code & ~PLACEMENT_MASK | place


class Row:
    """One partition: its copies, and what follows from them."""

    def __init__(self, situation: Situation, partition: int, busy: set[Cell]) -> None:
        self.situation = situation
        self.partition = partition
        self.flags = RowFlag(int(situation.row_flags[partition]))
        self.busy = busy
        self.out: list[Proposal] = []
        self.copies = self.merged()
        self.asked = sum(copy.wanted_live for copy in self.copies)
        self.in_sync = sum(copy.in_sync for copy in self.copies)
        self.masters = sum(copy.leads and not copy.gone for copy in self.copies)
        self.wanted_masters = sum(copy.goal is Placement.MASTER for copy in self.copies)
        self.unfilled = [
            copy
            for copy in self.copies
            if copy.wanted_live and not copy.holds_data and copy.reachable
        ]
        self.streams = any(
            copy.in_sync and not copy.pending and copy.running is not Running.STOPPED
            for copy in self.copies
        )
        unwanted = [c.node for c in self.copies if c.place and not c.wanted_live]
        self.because = unwanted[0] if unwanted else -1

    def merged(self) -> list[Copy]:
        current, target = self.situation.current, self.situation.target
        numbers = current.nodes.numbers
        now = {numbers[copy.node]: copy.code for copy in current.copies(self.partition)}
        then = {numbers[copy.node]: copy.code for copy in target.copies(self.partition)}
        copies = []
        for node in [*now, *(node for node in then if node not in now)]:
            goal = placement_of(then.get(node, 0)).devolved
            if goal is Placement.MASTER and self.flags & RowFlag.STAGED:
                goal = Placement.SLAVE
            flags = NodeFlag(int(self.situation.node_flags[node]))
            gone = NodeFlag.GONE in flags
            cell = self.partition, node
            copies.append(
                Copy(
                    node,
                    now.get(node, 0),
                    then.get(node, 0),
                    goal,
                    gone,
                    NodeFlag.UNREACHABLE in flags and not gone,
                    cell in self.busy,
                    node in now and cell in self.situation.too_early,
                )
            )
        return copies

    def emit(
        self,
        action: Action,
        copy: Copy,
        after: int,
        priority: Priority,
        hold: Hold = Hold.FREE,
        other: int = -1,
    ) -> None:
        self.out.append(
            (
                self.partition,
                copy.node,
                other,
                self.because,
                action,
                copy.code,
                after,
                priority,
                hold,
                self.in_sync,
            )
        )

    def emit_run(
        self, copy: Copy, wanted: Running, priority: Priority, hold: Hold = Hold.FREE
    ) -> None:
        hop = int(RUNNING.hops[copy.running, wanted])
        after = copy.code & ~RUNNING_MASK | hop << RUNNING_SHIFT
        self.emit(Action.RUN, copy, after, priority, hold)

    def emit_role(
        self, action: Action, copy: Copy, priority: Priority, hold: Hold, other: int = -1
    ) -> None:
        place = {
            Action.DEMOTE: Placement.SLAVE,
            Action.DROP: Placement.DEAD,
        }.get(action, Placement.MASTER)
        self.emit(action, copy, copy.placed(place), priority, hold, other)

    def proposals(self) -> list[Proposal]:
        if RowFlag.EXCLUSIVE_IN_FLIGHT in self.flags:
            return []
        pending = [copy for copy in self.copies if copy.pending and not copy.busy]
        for copy in pending:
            hold = Hold.UNREACHABLE if copy.unreachable else Hold.FREE
            after = copy.placed(copy.place.devolved)
            self.emit(Action.DEVOLVE, copy, after, Priority.MASTERLESS, hold)
        if pending:
            return self.out
        if not any(copy.live for copy in self.copies) and RowFlag.HAS_SOURCE not in self.flags:
            self.found()
        else:
            changes_roles = self.roles()
            self.fill()
            self.drop(changes_roles)
        self.upkeep()
        return self.out

    def found(self) -> None:
        lost = [copy for copy in self.copies if copy.holds_data]
        if lost and self.asked and RowFlag.LOSS_ACCEPTED not in self.flags:
            for copy in lost:
                self.emit_role(Action.DROP, copy, Priority.MASTERLESS, Hold.LOST)
            return
        for copy in lost:
            if not copy.busy:
                self.emit_role(Action.DROP, copy, Priority.MASTERLESS, Hold.FREE)
                return
        able = [copy for copy in self.copies if copy.wanted_live and copy.reachable]
        founder = max(able, key=lambda copy: copy.goal, default=None)
        created = self.situation.created_code
        if founder is not None:
            if founder.busy:
                return
            if not founder.place:
                self.emit(Action.CREATE, founder, created, Priority.REDUNDANCY)
            elif founder.running is not Running.RUNNING:
                self.emit_run(founder, Running.RUNNING, Priority.REDUNDANCY)
            else:
                after = founder.placed(Placement.SLAVE)
                self.emit(Action.FOUND, founder, after, Priority.REDUNDANCY)
        for copy in self.copies:
            if copy.wanted_live and copy is not founder:
                action, after = (
                    (Action.FILL, copy.placed(Placement.SLAVE))
                    if copy.place
                    else (Action.CREATE, created)
                )
                hold = Hold.NO_SOURCE if copy.reachable else copy.wait
                self.emit(action, copy, after, Priority.REDUNDANCY, hold)

    def roles(self) -> bool:
        if self.asked == 0:
            return self.retire()
        if RowFlag.STAGED in self.flags:
            return False
        if self.masters == 0:
            return self.wanted_masters > 0 and self.promote()
        wait = Hold.IN_FLIGHT if RowFlag.ADDITIVE_IN_FLIGHT in self.flags else Hold.FREE
        idle = [copy for copy in self.copies if not copy.busy]
        masters = [copy for copy in idle if copy.place is Placement.MASTER]
        unwanted = [copy for copy in masters if copy.goal is not Placement.MASTER]
        lost = [copy for copy in unwanted if copy.gone][-1:]
        leaders = [copy for copy in unwanted if not copy.gone][:1]
        heirs = [
            copy
            for copy in idle
            if copy.place is Placement.SLAVE
            and copy.goal is Placement.MASTER
            and copy.in_sync
            and (copy.running is not Running.STOPPED or running_of(copy.wanted) is Running.STOPPED)
            and not copy.code & ~copy.wanted & REPLICATION_PAUSED
        ][:1]
        if self.situation.single_master and self.masters > 1:
            for copy in leaders or [copy for copy in masters if copy.reachable][-1:]:
                hold = Hold.UNREACHABLE if copy.unreachable else wait
                self.emit_role(Action.DEMOTE, copy, Priority.URGENT, hold)
            return True
        if lost and heirs:
            self.emit_role(Action.FAILOVER, heirs[0], Priority.URGENT, wait, lost[0].node)
            return True
        if lost:
            self.emit_role(Action.DROP, lost[0], Priority.CLEAN_UP, wait)
            return True
        if heirs and self.masters < self.wanted_masters:
            self.emit_role(Action.PROMOTE, heirs[0], Priority.ROLES, wait)
            return True
        if not leaders:
            return False
        leader = leaders[0]
        released = self.situation.node_flags[leader.node] & NodeFlag.RELEASED
        priority = Priority.URGENT if released else Priority.ROLES
        hold = Hold.UNREACHABLE if leader.unreachable else wait
        if heirs:
            self.emit_role(Action.TAKEOVER, heirs[0], priority, hold, leader.node)
            return True
        if self.masters > max(self.wanted_masters, 1):
            self.emit_role(Action.DEMOTE, leader, priority, hold)
            return True
        if self.wanted_masters == 0:
            self.emit_role(Action.DEMOTE, leader, Priority.ROLES, Hold.LAST_MASTER)
        return False

    def promote(self) -> bool:
        able = [
            copy
            for copy in self.copies
            if copy.in_sync and copy.place is Placement.SLAVE and not copy.busy
        ]
        best = max(
            able,
            key=lambda copy: (
                copy.node == self.situation.preferred[self.partition],
                not copy.code & REPLICATION_PAUSED,
                copy.running is not Running.STOPPED,
                copy.goal is Placement.MASTER,
                copy.wanted_live,
            ),
            default=None,
        )
        lost = [c.node for c in self.copies if c.gone and c.place is Placement.MASTER]
        if best is not None and lost:
            self.emit_role(Action.FAILOVER, best, Priority.MASTERLESS, Hold.FREE, lost[0])
        elif best is not None:
            self.emit_role(Action.PROMOTE, best, Priority.MASTERLESS, Hold.FREE)
        elif self.in_sync == 0:
            for copy in [c for c in self.copies if c.holds_data and c.unreachable][:1]:
                self.emit_role(Action.PROMOTE, copy, Priority.MASTERLESS, Hold.UNREACHABLE)
        return True

    def retire(self) -> bool:
        if sum(copy.live for copy in self.copies) != self.masters:
            return False
        for copy in self.copies:
            if copy.place is Placement.MASTER and not copy.busy and not copy.gone:
                in_flight = RowFlag.ADDITIVE_IN_FLIGHT in self.flags
                hold = Hold.IN_FLIGHT if in_flight else Hold.FREE
                hold = Hold.UNREACHABLE if copy.unreachable else hold
                self.emit_role(Action.DEMOTE, copy, Priority.CLEAN_UP, hold)
                return True
        return False

    def fill(self) -> None:
        outer = RowFlag.HAS_SOURCE in self.flags
        lacks = self.in_sync < self.asked and RowFlag.STAGED not in self.flags
        priority = Priority.REDUNDANCY if lacks else Priority.BALANCE
        for copy in self.copies:
            if not copy.wanted_live or copy.holds_data or copy.busy:
                continue
            filled = copy.placed(Placement.SLAVE)
            if not copy.place:
                hold = copy.wait or (Hold.FREE if self.in_sync or outer else Hold.NO_SOURCE)
                self.emit(Action.CREATE, copy, self.situation.created_code, priority, hold)
            elif copy.wait:
                self.emit(Action.FILL, copy, filled, priority, copy.wait)
            elif copy.running is not Running.RUNNING:
                self.emit_run(copy, Running.RUNNING, priority)
            elif copy.code & REPLICATION_PAUSED:
                after = copy.code & ~REPLICATION_PAUSED
                self.emit(Action.REPLICATION, copy, after, priority)
            else:
                hold = Hold.FREE if self.streams or outer else Hold.NO_SOURCE
                self.emit(Action.FILL, copy, filled, priority, hold)

    def drop(self, changes_roles: bool) -> None:
        dropped = changes_roles or RowFlag.ADDITIVE_IN_FLIGHT in self.flags
        for copy in self.copies:
            if copy.place is not Placement.SLAVE or copy.wanted_live or copy.busy:
                continue
            hold = Hold.FREE
            if dropped:
                hold = Hold.IN_FLIGHT
            elif copy.unreachable:
                hold = Hold.UNREACHABLE
            elif not copy.gone and self.unfilled:
                hold = Hold.UNFILLED
            elif not copy.gone and self.in_sync - 1 < self.asked:
                hold = Hold.NEEDED
            self.emit_role(Action.DROP, copy, Priority.CLEAN_UP, hold)
            dropped = dropped or not hold

    def upkeep(self) -> None:
        wake = bool(self.unfilled) and not self.streams
        for copy in self.copies:
            if copy.busy or copy.pending or not copy.place:
                continue
            if copy.place is Placement.DEAD and copy.goal is Placement.NULL:
                self.collect(copy)
            elif copy.live and wake:
                if copy.reachable and copy.running is not Running.RUNNING:
                    self.emit_run(copy, Running.RUNNING, Priority.REDUNDANCY)
            elif copy.wanted_live if copy.live else copy.place is copy.goal and not copy.gone:
                differs = copy.code ^ copy.wanted
                if differs & RUNNING_MASK:
                    self.emit_run(copy, running_of(copy.wanted), Priority.ROLES, copy.wait)
                for action, bit in (
                    (Action.PERSISTENCE, PERSISTENCE_PAUSED),
                    (Action.REPLICATION, REPLICATION_PAUSED),
                ):
                    if differs & bit:
                        self.emit(action, copy, copy.code ^ bit, Priority.ROLES, copy.wait)
        for copy in self.copies:
            if not copy.place and copy.goal is Placement.DEAD and not copy.busy:
                code = self.situation.created_code
                self.emit(Action.CREATE, copy, code, Priority.CLEAN_UP, copy.wait)

    def collect(self, copy: Copy) -> None:
        cools = self.situation.warms_up and not copy.gone and copy.running is not Running.STOPPED
        if copy.unreachable:
            self.emit(Action.COLLECT, copy, 0, Priority.CLEAN_UP, Hold.UNREACHABLE)
        elif copy.early:
            self.emit(Action.COLLECT, copy, 0, Priority.CLEAN_UP, Hold.GRACE)
        elif cools:
            self.emit_run(copy, Running.STOPPED, Priority.CLEAN_UP)
        else:
            self.emit(Action.COLLECT, copy, 0, Priority.CLEAN_UP)


def propose(situation: Situation, busy: set[Cell]) -> list[Proposal]:
    """Return all proposals, in order; `row_flags` say what is in flight, `busy` where."""
    return [
        proposal
        for partition in range(situation.current.partition_count)
        for proposal in Row(situation, partition, busy).proposals()
    ]


def admit(
    order: Any,
    needs: Any,
    is_exclusive: Any,
    source_offsets: Any,
    source_needs: Any,
    source_ranks: Any,
    source_loads: Any,
    used: Any,
    room: Any,
    chosen: Any,
    blockers: Any,
) -> None:
    """Do what the kernel of the same name does."""

    def lacking(wanted: Any) -> int | None:
        for kind, resource in enumerate(wanted.tolist()):
            if resource >= 0 and used[resource] >= room[resource]:
                return kind
        return None

    kinds = needs.shape[1]
    for candidate in order.tolist():
        own = needs[candidate]
        blocker = lacking(own)
        if blocker is None and is_exclusive[candidate]:
            blocker = 0 if used[own[0]] > 0 else None
        sources = range(int(source_offsets[candidate]), int(source_offsets[candidate + 1]))
        best = -1
        if blocker is None and len(sources):
            lacks = {source: lacking(source_needs[source]) for source in sources}
            able = [source for source in sources if lacks[source] is None]
            if able:
                best = min(
                    able,
                    key=lambda source: (
                        source_ranks[source],
                        source_loads[source]
                        + (used[source_needs[source, 0]] if source_needs[source, 0] >= 0 else 0),
                    ),
                )
            else:
                blocker = kinds + (lacks[sources[-1]] or 0)
        blockers[candidate] = -1 if blocker is None else blocker
        chosen[candidate] = -2 if blocker is not None else best
        if blocker is None:
            taken = [*own.tolist(), *(source_needs[best].tolist() if best >= 0 else [])]
            for resource in own.tolist():
                used[resource] += resource >= 0
            if is_exclusive[candidate] and own[0] >= 0:
                used[own[0]] = max(used[own[0]], room[own[0]])
            for resource in taken[kinds:]:
                used[resource] += resource >= 0


def spread_masters(
    order: Any,
    leaders: Any,
    heirs: Any,
    is_exempt: Any,
    masters: Any,
    goals: Any,
    may_go: Any,
) -> None:
    """Do what the kernel of the same name does."""
    for takeover in order.tolist():
        leader, heir = leaders[takeover], heirs[takeover]
        goes = (
            bool(is_exempt[takeover])
            or masters[heir] < goals[heir]
            or masters[heir] + 1 < masters[leader]
        )
        may_go[takeover] = goes
        masters[heir] += goes


def random_admission(random: np.random.Generator) -> dict[str, Any]:
    """Return arguments for `admit` at random, down to no candidate and no source at all."""
    candidates, resources = int(random.integers(0, 12)), int(random.integers(3, 9))
    counts = random.integers(0, 4, size=candidates)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]).astype(np.int64)
    sources = int(offsets[-1])
    needs = random.integers(-1, resources, size=(candidates, 3)).astype(np.int32)
    needs[:, 0] = np.maximum(needs[:, 0], 0)
    return {
        "order": random.permutation(candidates).astype(np.int64),
        "needs": needs,
        "is_exclusive": (random.random(candidates) < 0.3).astype(np.uint8),
        "source_offsets": offsets,
        "source_needs": random.integers(-1, resources, size=(sources, 2)).astype(np.int32),
        "source_ranks": random.integers(0, 3, size=sources).astype(np.int32),
        "source_loads": random.integers(0, 4, size=sources).astype(np.float64),
        "used": random.integers(0, 3, size=resources).astype(np.int32),
        "room": random.integers(1, 5, size=resources).astype(np.int32),
        "chosen": np.zeros(candidates, np.int64),
        "blockers": np.zeros(candidates, np.int32),
    }

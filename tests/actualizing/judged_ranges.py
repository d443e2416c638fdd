"""Ranges that are split and merged, and hash maps that are resized, under a stranger's eyes.

A plain dict of copies follows every step. At every moment each key has one partition that answers
for it, with as many copies in sync as it had or shall have, whichever is less, and a document that
is written then and loaded by a successor goes on from there.
"""

from __future__ import annotations

import json
import random

import mapcore
from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps
from mapcore.cluster import Cluster, ClusterMap
from mapcore.errors import MapError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import merge, split
from mapcore.planning.partitioning.resizing import resized
from mapcore.states import (
    PERSISTENCE_PAUSED,
    REPLICATION_PAUSED,
    Placement,
    Running,
    placement_of,
    state_code,
)
from tests.actualizing.executor import Copy, Executor, Row
from tests.actualizing.judged import World as Surroundings

KEYS = ["", "a", "bear", "c", "czar", "d", "eel", "hzz", "i", "zebra"]
PAUSES = {"persistence": PERSISTENCE_PAUSED, "replication": REPLICATION_PAUSED}
MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)


class World(Surroundings):
    """A live map whose partitions change."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.random = random.Random(seed)
        self.single = self.random.random() < 0.7
        self.nodes = {name: node | {"mode": "active"} for name, node in self.nodes.items()}
        self.config |= {"warmsUp": self.random.random() < 0.2}
        self.has_ranges = self.random.random() < 0.6
        keys = (
            RangeKeys(KeyRange.from_name(name) for name in ("-c", "d-h", "i-"))
            if self.has_ranges
            else HashKeys(self.random.choice([1, 2, 4]))
        )
        self.goal = self.reached = self.moved(
            PartitionMap.from_copies([[]] * len(keys), self.names, keys=keys)
        )
        self.live = LiveMap(self.in_odd_states(self.goal) if self.odd_states else self.goal)
        self.executor = Executor(
            rows_of(self.live.snapshot()),
            self.asked,
            self.single,
            self.gone,
            self.unreachable,
            limits=self.limits(),
            warms_up=bool(self.config["warmsUp"]),
        )

    def in_odd_states(self, held: PartitionMap) -> PartitionMap:
        """Return the map with copies that do not run, or are paused."""

        def odd(code: int) -> int:
            paused = self.random.random() < 0.3, self.random.random() < 0.3
            return state_code(
                placement_of(code),
                self.random.choice(list(Running)),
                persistence_paused=paused[0],
                replication_paused=paused[1],
            )

        rows = [
            [(copy.node, odd(copy.code)) for copy in held.copies(number)]
            for number in range(held.partition_count)
        ]
        return PartitionMap.from_copies(rows, held.nodes, keys=held.keys)

    def moved(self, held: PartitionMap, chance: float = 1.0) -> PartitionMap:
        """Return the map with copies elsewhere."""
        well = [name for name in self.names if name not in self.gone]
        rows = []
        for number in range(held.partition_count):
            names = self.random.sample(well, self.random.randint(1, min(3, len(well))))
            masters = 1 if self.single else self.random.randint(1, len(names))
            row = [(name, MASTER if i < masters else SLAVE) for i, name in enumerate(names)]
            lost = any(copy.node in self.gone for copy in held.copies(number))
            stays = held.copies(number) and not lost and self.random.random() > chance
            rows.append(held.copies(number) if stays else row)
        return PartitionMap.from_copies(rows, self.names, keys=held.keys)

    def changed(self, held: PartitionMap) -> PartitionMap:
        """Return the map with a range split, ranges merged, or another number of partitions."""
        if not self.has_ranges:
            count = held.partition_count
            wanted = self.random.choice([count, 2 * count, 4 * count, max(1, count // 2)])
            if wanted > 16 or wanted == count:
                return held
            if wanted > count:
                return resized(held, wanted)
            rows = [held.copies(number) for number in range(wanted)]
            return PartitionMap.from_copies(rows, held.nodes, keys=HashKeys(wanted))
        names = list(held.keys.names())
        first = self.random.randrange(len(names))
        if first + 1 < len(names) and self.random.random() < 0.5:
            rows = [held.copies(number) for number in range(len(names))]
            rows[first + 1] = rows[first]
            together = PartitionMap.from_copies(rows, held.nodes, keys=held.keys)
            return merge(together, names[first : first + 2])
        assert isinstance(held.keys, RangeKeys)
        inside = held.keys.ranges[first]
        cuts = [cut for cut in "bcdefghkpt" if cut in inside and cut.encode() != inside.start]
        chosen = self.random.sample(cuts, min(len(cuts), self.random.randint(1, 2)))
        return split(held, names[first], chosen) if chosen else held

    def asked(self, partition: str) -> int:
        """How many copies there shall be of what the target has; of what serves, all there are."""
        try:
            number = self.goal.keys.number(partition)
        except KeyError:
            if self.has_ranges:
                is_known = partition in self.executor.rows
                return 99 if is_known and self.executor.masters(partition) else 0
        if not self.has_ranges:
            counts = len(self.goal.keys), len(self.executor.rows)
            if counts[0] > counts[1]:
                return 99
            number = int(partition) % counts[0]
        return sum(copy.placement > Placement.DEAD for copy in self.goal.copies(number))

    def ask(self) -> NextSteps:
        cluster = self.cluster()
        for step in self.live.follow(self.goal, self.now):
            self.executor.in_flight.pop(step.id)
        return next_steps(
            self.live,
            self.goal,
            config=cluster.config,
            now=self.now,
            nodes=cluster.nodes,
            settings=cluster.settings,
            accept_loss=self.given_up,
        )

    def cluster(self) -> Cluster:
        nodes = {
            name: node
            | {"health": "red" if name in self.unreachable else "green"}
            | ({"mode": "gone"} if name in self.gone else {})
            for name, node in self.nodes.items()
        }
        settings = {"assignment": "masterSlave" if self.single else "multiMaster"}
        tree = {"settings": settings, "config": self.config, "nodes": nodes, "maps": {}}
        return mapcore.loads(json.dumps(tree))

    def turn(self, *, share: float = 1.0) -> int:
        found = self.ask()
        for step in found.cancel:
            self.fail(step.id)
        steps = list(found)
        self.random.shuffle(steps)
        steps = steps[: round(len(steps) * share)]
        for step in steps:
            for partition in {step.partition, *(step.serve or ())}:
                self.executor.rows.setdefault(partition, {})
            self.executor.start(step.to_json())
            self.live.start(step, self.now)
        return len(steps) + len(found.cancel)

    def complete(self, step_id: str) -> None:
        before = self.answers()
        self.executor.complete(step_id)
        self.live.complete(step_id, self.now)
        self.compare()
        after = self.answers()
        for key, (name, live) in before.items():
            now, still = after[key]
            assert still >= min(live, self.asked(now)) or name == now, (key, before, after)

    def fail(self, step_id: str) -> None:
        self.executor.fail(step_id)
        self.live.fail(step_id, self.now)

    def compare(self) -> None:
        self.live.check()
        rows = rows_of(self.live.snapshot())
        mine = {name: row for name, row in self.executor.rows.items() if row or name in rows}
        assert {name: row for name, row in rows.items() if row} == {
            name: row for name, row in mine.items() if row
        }
        self.executor.rows = {name: mine.get(name, {}) for name in rows}

    def answers(self) -> dict[str, tuple[str, int]]:
        """Return for each key the one partition that answers for it, and its copies in sync."""
        held = self.live.snapshot()
        found = {}
        for key in KEYS:
            numbers = (
                held.keys.covering(key)
                if isinstance(held.keys, RangeKeys)
                else [held.keys.partition(key)]
            )
            names = [held.keys.name(number) for number in numbers]
            leading = [name for name in names if self.executor.masters(name)]
            if not leading:
                assert not any(self.executor.live(name) for name in names) or self.gone, (
                    key,
                    names,
                )
                continue
            assert len(leading) == 1, (key, leading)
            found[key] = (leading[0], self.executor.live(leading[0]))
        if not self.gone:
            assert len(found) == len(KEYS)
        return found

    def happen(self) -> None:
        under_way = list(self.live.in_flight)
        what = self.random.random()
        name = self.random.choice(self.names)
        if under_way and what < 0.65:
            self.complete(self.random.choice(under_way))
        elif under_way and what < 0.72:
            self.fail(self.random.choice(under_way))
        elif what < 0.76:
            for step in self.live.restart(name, self.now):
                self.executor.fail(step.id)
        elif what < 0.82:
            self.succeed()
        elif what < 0.86:
            self.aim_at(self.changed(self.goal))
        elif what < 0.88:
            self.aim_at(self.moved(self.goal, 0.5))
        elif what < 0.89:
            self.aim_at(self.reached)
        elif self.calm:
            pass
        elif what < 0.91 and len(self.names) - len(self.gone) > 2:
            self.gone.add(name)
            self.unreachable.discard(name)
            self.aim_at(self.moved(self.goal, 0.0))
        elif what < 0.94 and name not in self.gone:
            self.unreachable ^= {name}
        self.now += self.random.random()
        self.compare()
        self.answers()

    def succeed(self) -> None:
        """Let another conductor take over, from a document, with or without what is under way."""
        held = self.live.snapshot()
        settings = mapcore.Settings(key_func="range" if self.has_ranges else "hash-crc32")
        nodes = tuple(mapcore.Node(name=name) for name in self.names)
        text = mapcore.dumps(Cluster(nodes=nodes, maps={"map": ClusterMap(settings, held)}))
        loaded = mapcore.loads(text).current
        assert loaded is not None
        assert loaded.on_nodes(held.nodes) == held
        kept = self.random.random() < 0.5
        in_flight = self.live.in_flight.values() if kept else ()
        if not kept:
            self.executor.in_flight.clear()
        self.live = LiveMap(loaded, dead_since=self.live.dead_since, in_flight=in_flight)

    def aim_at(self, goal: PartitionMap) -> None:
        before, self.goal = self.goal, goal
        try:
            steps = self.ask()
        except MapError:
            # What serves now cuts across it.
            self.goal = before
            steps = self.ask()
        for step in steps.cancel:
            self.fail(step.id)
        self.compare()

    def is_done(self) -> bool:
        return self.live.snapshot() == self.goal.on_nodes(self.live.snapshot().nodes)

    def settle(self) -> None:
        self.unreachable.clear()
        self.aim_at(self.moved(self.goal, 0.0))
        self.given_up = [
            name for name in self.live.snapshot().keys.names() if not self.executor.live(name)
        ]
        self.drive()

    def drive(self) -> None:
        idle = 0
        for _ in range(1500):
            started = self.turn()
            if self.live.in_flight:
                self.complete(self.random.choice(list(self.live.in_flight)))
            elif not started:
                # What still waits can only wait for time to pass.
                idle += 1
                if idle > 5:
                    break
                self.now += 10**6
        self.live.follow(self.goal)
        assert self.is_done(), (rows_of(self.live.snapshot()), rows_of(self.goal))
        left = self.ask()
        assert (list(left), left.cancel, left.held_back_count) == ([], (), 0)
        assert len(self.live.snapshot().keys) == len(self.goal.keys)


def rows_of(held: PartitionMap) -> dict[str, Row]:
    return {
        name: {
            copy.node: Copy(
                placement_of(copy.code).label,
                copy.running.label,
                frozenset(name for name, bit in PAUSES.items() if copy.code & bit),
            )
            for copy in held.copies(number)
        }
        for number, name in enumerate(held.keys.names())
    }

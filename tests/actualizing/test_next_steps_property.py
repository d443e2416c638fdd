"""From any map to any target, whatever happens on the way."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable

import pytest

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import next_steps
from mapcore.actualizing.steps import Step
from mapcore.cluster import Assignment, Config, Health, Mode, Node, Settings
from mapcore.maps import PartitionMap
from mapcore.states import (
    PERSISTENCE_PAUSED,
    REPLICATION_PAUSED,
    Placement,
    Running,
    placement_of,
    running_of,
    state_code,
)
from tests.actualizing.executor import Copy, Executor, Limits, Row

PLACES = [Placement.NULL, Placement.DEAD, Placement.SLAVE, Placement.MASTER]
PENDING = [Placement.PENDING_SLAVE, Placement.PENDING_MASTER]
SEEDS = range(int(os.environ.get("MAPCORE_RUNS", "120")))


def as_copy(code: int) -> Copy:
    pauses = {
        name
        for name, bit in (("persistence", PERSISTENCE_PAUSED), ("replication", REPLICATION_PAUSED))
        if code & bit
    }
    return Copy(placement_of(code).label, running_of(code).label, frozenset(pauses))


def as_rows(held: PartitionMap) -> dict[str, Row]:
    return {
        name: {copy.node: as_copy(copy.code) for copy in held.copies(number)}
        for number, name in enumerate(held.keys.names())
    }


class World:
    """A cluster to which things happen, from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = [f"n{i}" for i in range(self.random.randint(2, 6))]
        self.partition_count = self.random.randint(1, 4)
        self.single = self.random.random() < 0.6
        self.settings = Settings(
            assignment=Assignment.MASTER_SLAVE if self.single else Assignment.MULTI_MASTER
        )
        self.config = self.random_config()
        self.now = 0.0
        self.gone: set[str] = set()
        self.unreachable: set[str] = set()
        self.odd_states = self.random.random() < 0.3
        self.live = LiveMap(self.random_current())
        self.target = self.random_target()
        self.given_up: set[str] = set()
        self.executor = Executor(
            as_rows(self.live.snapshot()),
            self.asked,
            self.single,
            self.gone,
            self.unreachable,
            limits=Limits(
                into=self.config.max_streams_into_node,
                out_of=self.config.max_streams_out_of_node,
                joint=self.config.max_streams_per_node,
                backfills=self.config.max_backfills,
                steps=self.config.max_steps,
            ),
        )

    def random_config(self) -> Config:
        def limit() -> int | None:
            return self.random.choice([None, 1, 2])

        return Config(
            max_streams_into_node=limit(),
            max_streams_out_of_node=limit(),
            max_streams_per_node=limit(),
            max_backfills=limit(),
            max_changes_per_partition=limit(),
            warms_up=self.random.random() < 0.3,
            dead_grace_seconds=self.random.choice([0.0, 5.0]),
        )

    def code(self, placement: Placement) -> int:
        if not self.odd_states or self.random.random() < 0.6:
            return state_code(placement)
        return state_code(
            placement,
            self.random.choice(list(Running)),
            persistence_paused=self.random.random() < 0.3,
            replication_paused=self.random.random() < 0.3,
        )

    def random_current(self) -> PartitionMap:
        rows = []
        for _ in range(self.partition_count):
            row, has_master = [], False
            for name in self.names:
                placement = self.random.choice(PLACES * 3 + PENDING)
                if placement in (Placement.MASTER, Placement.PENDING_MASTER):
                    if has_master and self.single:
                        placement = Placement.SLAVE
                    has_master = True
                if placement:
                    row.append((name, self.code(placement)))
            rows.append(row)
        return PartitionMap.from_copies(rows, self.names)

    def random_target(self) -> PartitionMap:
        well = [name for name in self.names if name not in self.gone]
        rows = []
        for _ in range(self.partition_count):
            chosen = self.random.sample(well, self.random.randint(1, min(3, len(well))))
            masters = 1 if self.single else self.random.randint(1, len(chosen))
            rows.append(
                [
                    (name, self.code(Placement.MASTER if i < masters else Placement.SLAVE))
                    for i, name in enumerate(chosen)
                ]
            )
        return PartitionMap.from_copies(rows, self.names)

    def asked(self, partition: str) -> int:
        return sum(
            copy.placement in (Placement.SLAVE, Placement.MASTER)
            for copy in self.target.copies(int(partition))
        )

    def nodes(self) -> list[Node]:
        return [
            Node(
                name=name,
                mode=Mode.GONE if name in self.gone else Mode.ACTIVE,
                health=Health.RED if name in self.unreachable else Health.GREEN,
            )
            for name in self.names
        ]

    def steps(self) -> list[Step]:
        found = next_steps(
            self.live,
            self.target,
            config=self.config,
            now=self.now,
            nodes=self.nodes(),
            settings=self.settings,
            accept_loss=self.given_up,
        )
        for step in found.cancel:
            self.fail(step.id)
        return list(found)

    def start(self, steps: Iterable[Step]) -> None:
        for step in steps:
            self.executor.start(step.to_json())
            self.live.start(step, self.now)

    def complete(self, step_id: str) -> None:
        self.executor.complete(step_id)
        self.live.complete(step_id, self.now)

    def fail(self, step_id: str) -> None:
        self.executor.fail(step_id)
        self.live.fail(step_id, self.now)

    def restart(self, node: str) -> None:
        for step in self.live.restart(node, self.now):
            self.executor.fail(step.id)

    def lose_a_node(self) -> None:
        well = [name for name in self.names if name not in self.gone]
        if len(well) < 3:
            return
        name = self.random.choice(well)
        self.gone.add(name)
        self.unreachable.discard(name)
        self.change_target()

    def change_target(self) -> None:
        """Set another target; what leads elsewhere is cancelled before anything else happens."""
        self.target = self.random_target()
        self.steps()

    def happen(self) -> None:
        """Let one random thing happen."""
        under_way = list(self.live.in_flight)
        what = self.random.random()
        if under_way and what < 0.65:
            self.complete(self.random.choice(under_way))
        elif under_way and what < 0.75:
            self.fail(self.random.choice(under_way))
        elif what < 0.80:
            self.restart(self.random.choice(self.names))
        elif what < 0.83:
            self.lose_a_node()
        elif what < 0.86:
            self.change_target()
        elif what < 0.89:
            name = self.random.choice(self.names)
            if name not in self.gone:
                self.unreachable ^= {name}
        self.now += self.random.random()
        self.compare()

    def compare(self) -> None:
        """Hold the live map to itself and to the executor's plain dict."""
        self.live.check()
        assert as_rows(self.live.snapshot()) == self.executor.rows

    def masters_are_there(self) -> None:
        """Check that whoever can lead does, once nothing is under way and nothing may start."""
        for partition in self.executor.rows:
            if self.executor.live(partition):
                assert self.executor.masters(partition), partition


def run(seed: int) -> None:
    world = World(seed)
    for _ in range(world.random.randint(0, 60)):
        if world.random.random() < 0.7:
            steps = world.steps()
            world.random.shuffle(steps)
            world.start(steps[: world.random.randint(0, len(steps))])
        world.happen()
    world.unreachable.clear()
    world.given_up.update(world.executor.rows)
    for _ in range(600):
        steps = world.steps()
        world.start(steps)
        if not world.live.in_flight:
            if world.now > 10**6:
                break
            # What still waits can only wait for time to pass.
            world.now += 10**6
            continue
        world.complete(world.random.choice(list(world.live.in_flight)))
        world.compare()
    world.masters_are_there()
    assert world.live.snapshot() == world.target
    assert not world.live.in_flight


@pytest.mark.parametrize("seed", SEEDS)
def test_any_map_reaches_any_target_and_breaks_no_promise_on_the_way(seed: int) -> None:
    run(seed)

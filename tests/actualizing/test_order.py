"""What goes first, and how the load is spread, in clusters with much to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import mapcore
from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import NextSteps, next_steps
from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.view import NodeView
from mapcore.cluster import Cluster, ClusterMap, Config, Constraints, Node, Settings
from mapcore.maps import Copy
from mapcore.planning.plans import Plan

NODES, PARTITIONS = 100, 4096


def planned() -> Cluster:
    settings = Settings(
        constraints=Constraints(master=1, slave=2), num_partitions=PARTITIONS, levels=("zone",)
    )
    nodes = tuple(Node(name=f"n{i}", location=f"z{i % 5}/r{i % 20}") for i in range(NODES))
    cluster = Cluster(nodes=nodes, maps={"map": ClusterMap(settings)}, settings=settings)
    plan = mapcore.plan(cluster)
    return plan.cluster.with_current(plan.target)


class Run:
    """A change carried out in rounds: all streams of a round end together, the rest at once."""

    def __init__(self, cluster: Cluster, plan: Plan, config: Config | None = None) -> None:
        assert cluster.current is not None
        self.config = config or cluster.config
        self.plan = plan
        self.live = LiveMap(cluster.current)
        self.live.follow(plan.target)
        self.view = NodeView(plan.cluster.nodes, [self.live.snapshot(), plan.target])
        self.rounds: list[list[Step]] = []

    def ask(self) -> NextSteps:
        return next_steps(self.live, self.plan.target, config=self.config, nodes=self.view)

    def start(self) -> None:
        """Start what may start, until only streams are under way."""
        while steps := self.ask():
            for step in steps:
                self.live.start(step)
            for step in steps:
                if step.kind is not Kind.STREAM:
                    self.live.complete(step.id)

    def to_the_end(self) -> Run:
        self.start()
        while self.live.in_flight:
            self.rounds.append([entry.step for entry in self.live.in_flight.values()])
            for step_id in list(self.live.in_flight):
                self.live.complete(step_id)
            self.start()
        assert self.live.snapshot() == self.plan.target.on_nodes(self.view.index)
        return self


def streams_out(rounds: Sequence[Sequence[Step]]) -> Counter[str]:
    return Counter(step.source.node for steps in rounds for step in steps if step.source)


def test_step_by_step_is_nearly_as_short_as_the_best_schedule() -> None:
    cluster = planned()
    for plan in (
        mapcore.plan(cluster, remove=[f"n{i}" for i in range(5)]),
        mapcore.plan(cluster, add={f"x{i}": f"z{i % 5}/r{i}" for i in range(5)}),
    ):
        run = Run(cluster, plan).to_the_end()
        schedule = mapcore.schedule(plan)
        assert schedule.bound <= len(run.rounds) <= schedule.bound + 1


def test_all_copies_of_a_cluster_share_in_filling_others() -> None:
    cluster = planned()
    plan = mapcore.plan(cluster, remove=[f"n{i}" for i in range(5)])
    given = streams_out(Run(cluster, plan).to_the_end().rounds)
    assert max(given.values()) <= 1.5 * sum(given.values()) / len(given)


def test_the_nearest_copy_is_read_wherever_there_is_one_nearer_than_others() -> None:
    cluster = planned()
    plan = mapcore.plan(cluster, remove=["n0", "n1"])
    config = Config(
        source_choice="nearest", max_streams_into_node=None, max_streams_out_of_node=None
    )
    run = Run(cluster, plan, config)
    places = {node.name: node.path for node in plan.cluster.nodes}

    def distance(a: str, b: str) -> int:
        return sum(x != y for x, y in zip(places[a], places[b], strict=True))

    run.start()
    held = run.live.snapshot()
    streams = [entry.step for entry in run.live.in_flight.values()]
    assert streams
    for step in streams:
        assert step.source is not None
        assert step.target is not None
        copies = held.copies(held.keys.number(step.partition))
        live = [copy.node for copy in copies if copy.placement.label in ("master", "slave")]
        nearest = min(distance(node, step.target.node) for node in live)
        assert distance(step.source.node, step.target.node) == nearest


def test_lost_redundancy_is_made_good_before_anything_is_moved_for_balance() -> None:
    cluster = planned()
    lost = mapcore.plan(cluster, fail=["n0", "n1"], rebuild=True)
    both = mapcore.plan(lost.cluster, add={f"x{i}": f"z{i % 5}/r{i}" for i in range(5)})
    config = Config(max_backfills=30, max_streams_into_node=None, max_streams_out_of_node=None)
    run = Run(cluster, both, config).to_the_end()
    lacking = {
        name
        for number, name in enumerate(both.target.keys.names())
        if any(copy.node in ("n0", "n1") for copy in cluster_copies(cluster, number))
    }
    is_recovery = [[step.partition in lacking for step in steps] for steps in run.rounds]
    first = [all(steps) for steps in is_recovery]
    assert sum(first) >= len(lacking) // 30
    assert first == sorted(first, reverse=True)


def cluster_copies(cluster: Cluster, partition: int) -> list[Copy]:
    assert cluster.current is not None
    return list(cluster.current.copies(partition))

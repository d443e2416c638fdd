"""From a change that an operator asks for to the cluster that has it, planned and carried out."""

from __future__ import annotations

import mapcore
from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import next_steps
from mapcore.cluster import Cluster, ClusterMap, Constraints, Node, Settings
from mapcore.planning.plans import Plan
from mapcore.states import Placement
from tests.actualizing.executor import Executor
from tests.actualizing.test_next_steps_property import as_rows

SETTINGS = Settings(constraints=Constraints(master=1, slave=2), num_partitions=48, levels=("zone",))


def planned_cluster() -> Cluster:
    nodes = tuple(Node(name=f"n{i}", location=f"z{i % 3}") for i in range(9))
    cluster = Cluster(nodes=nodes, maps={"map": ClusterMap(SETTINGS)}, settings=SETTINGS)
    return with_current(cluster, mapcore.plan(cluster))


def with_current(cluster: Cluster, plan: Plan) -> Cluster:
    return plan.cluster.with_current(plan.target)


def carried_out(cluster: Cluster, plan: Plan) -> Cluster:
    """Carry a plan out under the eyes of an executor that knows only tables and counts."""
    assert cluster.current is not None
    live = LiveMap(cluster.current)
    live.follow(plan.target)
    executor = Executor(
        as_rows(live.snapshot()),
        lambda partition: sum(
            copy.placement > Placement.DEAD for copy in plan.target.copies(int(partition))
        ),
        gone={node.name for node in plan.cluster.nodes if node.mode.value == "gone"},
    )
    while steps := next_steps(live, plan.target, nodes=plan.cluster.nodes):
        for step in steps:
            executor.start(step.to_json())
            live.start(step)
        for step in steps:
            executor.complete(step.id)
            live.complete(step.id)
    assert not mapcore.diff(live.snapshot(), plan.target)
    return with_current(cluster, plan)


def masters(cluster: Cluster, node: str) -> int:
    assert cluster.current is not None
    return int(cluster.current.loads(Placement.MASTER)[cluster.current.nodes.number(node)])


def test_after_maintenance_the_map_is_what_it_was_before() -> None:
    before = planned_cluster()
    during = carried_out(before, mapcore.plan(before, maintain=["n4"]))
    assert masters(during, "n4") == 0
    after = carried_out(during, mapcore.plan(during, activate=["n4"]))
    assert before.current is not None
    assert after.current is not None
    assert not mapcore.diff(before.current, after.current)


def test_a_rolling_upgrade_takes_each_node_in_turn() -> None:
    cluster = before = planned_cluster()
    for node in before.nodes:
        cluster = carried_out(cluster, mapcore.plan(cluster, maintain=[node.name]))
        cluster = carried_out(cluster, mapcore.plan(cluster, activate=[node.name]))
    assert before.current is not None
    assert cluster.current is not None
    assert not mapcore.diff(before.current, cluster.current)


def test_a_swap_moves_exactly_what_the_old_node_had() -> None:
    before = planned_cluster()
    after = carried_out(before, mapcore.plan(before, swap={"n2": "fresh"}))
    assert before.current is not None
    assert after.current is not None
    old, new = (
        {
            (partition, copy.placement)
            for partition in range(48)
            for copy in held.copies(partition)
            if copy.node == name
        }
        for held, name in ((before.current, "n2"), (after.current, "fresh"))
    )
    assert old == new


def test_a_lost_node_is_replaced() -> None:
    before = planned_cluster()
    after = carried_out(before, mapcore.plan(before, fail=["n7"], rebuild=True))
    assert masters(after, "n0") > 0
    assert after.current is not None
    assert after.current.loads().sum() == 48 * 3

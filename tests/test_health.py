from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.cluster import Cluster, ClusterMap, Constraints, Health, Mode, Node, Settings
from mapcore.health import cluster_health, map_health, node_health
from mapcore.maps import PartitionMap
from mapcore.states import Placement, Running, placement_of, running_of, state_code
from tests.strategies import maps

MASTER, SLAVE, DEAD = (
    state_code(placement) for placement in (Placement.MASTER, Placement.SLAVE, Placement.DEAD)
)
ONE_AND_ONE = Settings(constraints=Constraints(master=1, slave=1))
NODES = [Node(name=name) for name in "abc"] + [Node(name="red", health=Health.RED)]


def health_of(*copies: tuple[str, int], settings: Settings = ONE_AND_ONE) -> Health:
    held = PartitionMap.from_copies([copies], [node.name for node in NODES])
    return map_health(held, settings, NODES).of(0)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(name="n"), Health.GREEN),
        (Node(name="n", health=Health.YELLOW), Health.YELLOW),
        (Node(name="n", health=Health.RED), Health.RED),
        (Node(name="n", mode=Mode.MAINTENANCE), Health.YELLOW),
        (Node(name="n", mode=Mode.MAINTENANCE, health=Health.RED), Health.RED),
        (Node(name="n", mode=Mode.LEAVING), Health.GREEN),
        (Node(name="n", mode=Mode.GONE), Health.RED),
    ],
)
def test_a_node_is_as_it_says_and_no_better_than_its_mode(node: Node, expected: Health) -> None:
    assert node_health(node) is expected


def test_a_partition_as_asked_is_green() -> None:
    assert health_of(("a", MASTER), ("b", SLAVE)) is Health.GREEN


def test_more_slaves_than_asked_are_green() -> None:
    assert health_of(("a", MASTER), ("b", SLAVE), ("c", SLAVE)) is Health.GREEN


def test_fewer_copies_than_asked_are_yellow() -> None:
    assert health_of(("a", MASTER)) is Health.YELLOW
    assert health_of(("a", MASTER), ("b", DEAD)) is Health.YELLOW
    assert health_of(("a", MASTER), ("red", SLAVE)) is Health.YELLOW
    assert health_of(("a", MASTER), ("b", state_code(Placement.SLAVE, Running.STOPPED))) is (
        Health.YELLOW
    )


def test_two_masters_where_one_is_asked_are_yellow() -> None:
    assert health_of(("a", MASTER), ("b", MASTER)) is Health.YELLOW


def test_no_master_that_can_serve_is_red() -> None:
    assert health_of() is Health.RED
    assert health_of(("a", SLAVE), ("b", SLAVE)) is Health.RED
    assert health_of(("red", MASTER), ("a", SLAVE)) is Health.RED
    assert health_of(("a", state_code(Placement.MASTER, Running.STOPPED))) is Health.RED


def test_pending_copies_count_as_what_they_devolve_to() -> None:
    pending = state_code(Placement.PENDING_MASTER), state_code(Placement.PENDING_SLAVE)
    assert health_of(("a", pending[0]), ("b", pending[1])) is Health.GREEN


def test_copies_on_nodes_outside_the_cluster_do_not_count() -> None:
    held = PartitionMap.from_copies([[("a", MASTER), ("x", SLAVE)]], ["a", "x"])
    assert map_health(held, ONE_AND_ONE, NODES).of(0) is Health.YELLOW


@given(maps(most_nodes=6), st.integers(0, 2), st.integers(0, 2), st.sets(st.sampled_from("035")))
def test_counts_equal_those_taken_copy_by_copy(
    held: PartitionMap, masters: int, slaves: int, failed: set[str]
) -> None:
    settings = Settings(constraints=Constraints(master=masters, slave=slaves))
    nodes = [
        Node(name=name, health=Health.RED if name[1:] in failed else Health.GREEN)
        for name in held.nodes
    ]
    health = map_health(held, settings, nodes)
    for partition in range(held.partition_count):
        live = [
            placement_of(copy.code).devolved
            for copy in held.copies(partition)
            if copy.node[1:] not in failed and running_of(copy.code).is_online
        ]
        assert health.masters[partition] == live.count(Placement.MASTER)
        assert health.slaves[partition] == live.count(Placement.SLAVE)
    assert sum(health.counts.values()) == held.partition_count


def test_a_cluster_is_as_its_worst_partition_with_counts() -> None:
    held = PartitionMap.from_copies([[("a", MASTER), ("b", SLAVE)], [("c", SLAVE)]], "abc")
    empty = ClusterMap(ONE_AND_ONE)
    cluster = Cluster(
        nodes=tuple(NODES), maps={"users": ClusterMap(ONE_AND_ONE, target=held), "new": empty}
    )
    health = cluster_health(cluster)
    assert health.overall is Health.RED
    assert health.to_dict() == {
        "overall": "red",
        "nodes": {"green": 3, "yellow": 0, "red": 1},
        "partitions": {"users": {"green": 1, "yellow": 0, "red": 1}},
    }
    assert health.maps["users"].describe(1) == "red: 0 of 1 masters, 1 of 1 slaves live"


def test_a_cluster_without_maps_is_green() -> None:
    assert cluster_health(Cluster()).overall is Health.GREEN

"""Sizes, weights and volumes: plans balance what partitions weigh, and fill no volume too full."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.cluster import Cluster, ClusterMap, Node, Volume
from mapcore.maps import PartitionMap
from mapcore.planning.plans import Plan
from tests.planning.clusters import MASTER, cluster, even, holders, settings


def unequal(
    nodes: Any = None, partitions: int = 600, slave: int = 2, seed: int = 1, **more: Any
) -> Cluster:
    """A cluster whose partitions have lognormal sizes, without copies so far."""
    sizes = np.random.default_rng(seed).lognormal(16, 1, partitions).astype(np.int64)
    return with_map(nodes, slave=slave, sizes=sizes, **more)


def with_map(nodes: Any = None, *, slave: int = 2, **attributes: Any) -> Cluster:
    partitions = len(next(iter(attributes.values())))
    given = settings(1, slave, partitions)
    return cluster(nodes or even(), given, [{}] * partitions, **attributes)


def volumes(*capacities: int) -> tuple[Volume, ...]:
    return tuple(Volume(type="ssd", capacity=capacity) for capacity in capacities)


def loads(plan: Plan, amounts: Any) -> dict[str, float]:
    held = dict.fromkeys(plan.target.nodes.names, 0.0)
    for row, amount in zip(holders(plan.target), amounts, strict=True):
        for name in row:
            held[name] += amount
    return held


def test_partitions_of_unequal_size_are_balanced_by_bytes() -> None:
    plan = mapcore.plan(unequal())
    held = loads(plan, plan.current.sizes)
    share = sum(held.values()) / len(held)
    assert max(abs(load - share) for load in held.values()) < 0.01 * share
    assert plan.certificate.gap is not None
    assert plan.certificate.gap == pytest.approx(
        max(abs(load - share) for load in held.values()) / share, abs=1e-6
    )
    assert plan.certificate.is_optimal
    assert plan.warnings == ()


def test_nodes_get_bytes_by_their_weight() -> None:
    nodes = [Node(name=f"n{i}", location=f"z{i % 3}", weight=1 + i // 6) for i in range(9)]
    plan = mapcore.plan(unequal(nodes, slave=1))
    held = loads(plan, plan.current.sizes)
    share = sum(held.values()) / 12
    for node in nodes:
        assert held[node.name] == pytest.approx(share * node.weight, rel=0.01)


def test_weights_of_partitions_go_before_their_sizes() -> None:
    weights = np.arange(600) % 7 + 0.5
    plan = mapcore.plan(with_map(weights=weights, sizes=np.arange(600) + 1))
    held = loads(plan, weights)
    share = sum(held.values()) / len(held)
    assert all(load == pytest.approx(share, rel=0.01) for load in held.values())


def test_a_small_zone_takes_what_spread_asks_of_it() -> None:
    nodes = {"a": "z0", "b": "z1", "c": "z1", "d": "z2", "e": "z2", "f": "z2"}
    plan = mapcore.plan(unequal(nodes))
    total = int(plan.current.sizes.sum())  # type: ignore[union-attr]
    held = loads(plan, plan.current.sizes)
    assert held["a"] == total
    assert held["b"] == pytest.approx(total / 2, rel=0.01)
    assert held["d"] == pytest.approx(total / 3, rel=0.01)
    assert plan.certificate.gap is not None
    assert plan.certificate.gap < 0.01


def test_a_node_added_gets_its_share_of_bytes_and_little_else_moves() -> None:
    before = mapcore.plan(unequal())
    plan = mapcore.plan(before.cluster.with_current(before.target), add={"new": "z0"})
    share = int(plan.current.sizes.sum()) / 4  # type: ignore[union-attr]
    held = loads(plan, plan.current.sizes)
    assert held["new"] == pytest.approx(share, rel=0.01)
    assert plan.bytes_moved is not None
    assert plan.bytes_moved < 1.5 * share
    moved = plan.certificate.objectives[3]
    assert moved.name == "bytes moved"
    assert moved.value == plan.bytes_moved
    assert moved.bound is not None
    assert moved.value >= moved.bound > 0.98 * share


def test_planning_again_moves_nothing() -> None:
    before = mapcore.plan(unequal())
    for change in ({"add": {"new": "z0"}}, {"remove": ["n3"]}, {"weights": {"n1": 2.0}}):
        plan = mapcore.plan(before.cluster.with_current(before.target), **change)
        again = mapcore.plan(plan.cluster.with_current(plan.target), rebuild=True)
        assert len(again.moves) == 0


def test_no_node_holds_more_bytes_than_its_volumes() -> None:
    nodes = [
        Node(name=f"n{i}", location=f"z{i % 3}", volumes=volumes(3 << 30, 1 << 30))
        for i in range(6)
    ] + [Node(name=f"n{i}", location=f"z{i % 3}", volumes=volumes(100 << 30)) for i in range(6, 12)]
    plan = mapcore.plan(unequal(nodes, partitions=900))
    held = loads(plan, plan.current.sizes)
    assert all(held[f"n{i}"] <= 4 << 30 for i in range(6))
    assert all(len(row) == 3 for row in holders(plan.target))
    assert plan.certificate.faults == ()


def test_volumes_that_are_too_small_leave_copies_out_and_say_how_much_is_missing() -> None:
    nodes = [Node(name=f"n{i}", location=f"z{i}", volumes=volumes(1000)) for i in range(3)]
    plan = mapcore.plan(with_map(nodes, slave=2, sizes=np.array([600, 500, 300])))
    assert sum(len(row) for row in holders(plan.target)) == 6
    assert plan.certificate.faults == ()
    assert all(holders(plan.target))
    assert plan.warnings[0].startswith("3 copies")
    assert "found no room" in plan.warnings[0]
    assert "take 4.1 KiB, the volumes of 3 nodes hold 2.9 KiB" in plan.warnings[0]


def test_a_partition_larger_than_every_volume_is_named() -> None:
    nodes = [Node(name=f"n{i}", location=f"z{i}", volumes=volumes(500, 500)) for i in range(3)]
    plan = mapcore.plan(with_map(nodes, slave=0, sizes=np.array([600, 500, 300])))
    assert holders(plan.target)[0] == set()
    assert "partition 0 fit on no volume: the largest holds 500 B" in plan.warnings[2]


def test_volumes_limit_the_copies_of_equal_partitions() -> None:
    nodes = [Node(name="n0", location="z0", volumes=volumes(250))]
    nodes += [Node(name=f"n{i}", location=f"z{i % 3}", volumes=volumes(9000)) for i in range(1, 6)]
    plan = mapcore.plan(with_map(nodes, slave=1, sizes=np.full(30, 100)))
    assert sum("n0" in row for row in holders(plan.target)) == 2
    assert all(len(row) == 2 for row in holders(plan.target))
    assert plan.certificate.is_optimal


def test_a_node_in_maintenance_keeps_what_it_holds_and_the_others_stay_even() -> None:
    before = mapcore.plan(unequal())
    plan = mapcore.plan(
        before.cluster.with_current(before.target), maintain=["n0"], add={"new": "z1"}
    )
    kept = [p for p, row in enumerate(holders(before.target)) if "n0" in row]
    assert [p for p, row in enumerate(holders(plan.target)) if "n0" in row] == kept
    assert plan.certificate.faults == ()


def test_empty_partitions_do_not_all_stand_in_one_place() -> None:
    sizes = np.array([0] * 300 + [1 << 20] * 300)
    plan = mapcore.plan(with_map(slave=0, sizes=sizes))
    empty = loads(plan, sizes == 0)
    assert max(empty.values()) <= 60


def test_sizes_too_large_to_add_up_are_no_trouble() -> None:
    sizes = np.array([1 << 61, 1 << 60, 3 << 59, 1 << 58] * 20)
    plan = mapcore.plan(with_map(sizes=sizes))
    assert all(len(row) == 3 for row in holders(plan.target))
    assert plan.certificate.faults == ()


def test_copies_say_that_they_move_for_balance_of_bytes() -> None:
    given = settings(1, 0, 4, zones=False)
    found = cluster(
        {"a": "z0", "b": "z0"}, given, [{"a": MASTER}] * 2 + [{"b": MASTER}] * 2, sizes=[8, 8, 1, 1]
    )
    plan = mapcore.plan(found)
    assert {move.reason for move in plan.moves} == {"balance: a holds above its share"}
    rejected = {r.name for r in plan.explain(partition=2).rejections}
    assert rejected <= {"balance", "move"}


def test_what_other_maps_hold_takes_room_on_the_volumes() -> None:
    nodes = [Node(name=f"n{i}", location="z0", volumes=volumes(1000)) for i in range(4)]
    given = settings(1, 0, 4, zones=False)
    full = PartitionMap.from_copies(
        [[("n0", MASTER)], [("n0", MASTER)], [("n1", MASTER)], []],
        [node.name for node in nodes],
        sizes=[500, 500, 700, 0],
    )
    free = cluster(nodes, given, [{}] * 4, sizes=[400, 300, 200, 100])
    found = Cluster(
        nodes=tuple(nodes),
        settings=given,
        maps={"old": ClusterMap(settings=given, current=full), "new": free.map()},
    )
    plan = mapcore.plan(found, map="new")
    held = loads(plan, [400, 300, 200, 100])
    assert held["n0"] == 0
    assert held["n1"] <= 300
    assert all(holders(plan.target))
    assert any("not in sum with the other maps" in text for text in plan.warnings)

"""How masters fall on other nodes if one fails: as evenly as they can."""

from __future__ import annotations

import random

import numpy as np
import pytest

import mapcore
from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Constraints, Node, Settings
from mapcore.maps import PartitionMap
from mapcore.planning.placing.scatter import measure_scatter, scatter_of
from mapcore.states import Placement
from tests.twins.scatter import measure_slowly

MASTER, SLAVE, DEAD = Placement.MASTER, Placement.SLAVE, Placement.DEAD


def test_masters_pass_evenly_to_the_nodes_that_hold_the_other_copies() -> None:
    copies = PartitionMap.from_copies(
        [
            [("a", MASTER), ("b", SLAVE), ("c", SLAVE)],
            [("a", MASTER), ("b", SLAVE), ("d", SLAVE)],
            [("a", MASTER), ("b", SLAVE)],
            [("b", MASTER), ("a", SLAVE)],
        ],
        ["a", "b", "c", "d"],
    )
    scatter = scatter_of(copies)
    assert scatter.widths.tolist() == [3, 1, 0, 0]
    assert scatter.increases.tolist() == [1, 1, 0, 0]
    assert (scatter.worst_increase, scatter.worst_node, scatter.least_width) == (1, 0, 1)


def test_what_one_node_alone_can_take_over_falls_on_it() -> None:
    copies = PartitionMap.from_copies(
        [[("a", MASTER), ("b", SLAVE)]] * 3 + [[("a", MASTER), ("c", SLAVE)]], ["a", "b", "c"]
    )
    assert scatter_of(copies).increases.tolist() == [3, 0, 0]


def test_masters_without_a_live_copy_elsewhere_are_lost() -> None:
    copies = PartitionMap.from_copies([[("a", MASTER), ("b", DEAD)], [("b", MASTER)]], ["a", "b"])
    scatter = scatter_of(copies)
    assert scatter.lost.tolist() == [1, 1]
    assert (scatter.worst_increase, scatter.least_width) == (0, 0)


def test_nodes_that_may_not_lead_take_nothing_over() -> None:
    copies = PartitionMap.from_copies([[("a", MASTER), ("b", SLAVE)]], ["a", "b"])
    assert scatter_of(copies, np.array([True, False])).lost.tolist() == [1, 0]


def test_a_map_without_masters_has_none_to_lose() -> None:
    copies = PartitionMap.from_copies([[], [("a", SLAVE)]], ["a"])
    assert scatter_of(copies).widths.tolist() == [0]


@pytest.mark.parametrize("block", range(5))
def test_the_kernel_equals_its_slow_twin(block: int) -> None:
    for seed in range(block * 20, block * 20 + 20):
        rng = random.Random(seed)
        node_count = rng.randint(1, 12)
        width = rng.randint(0, min(5, node_count))
        skew = rng.choice([0, 1, 5])
        placed = np.full((rng.randint(0, 60), width), -1, np.int32)
        is_master = np.zeros(placed.shape, np.bool_)
        for row, leads in zip(placed, is_master, strict=True):
            count = rng.randint(0, width)
            ranked = sorted(range(node_count), key=lambda node: rng.random() * (1 + node * skew))
            row[:count] = ranked[:count]
            leads[: min(count, rng.randint(0, 2))] = True
        may_lead = np.array([rng.random() < 0.9 for _ in range(node_count)])
        fast = measure_scatter(placed, is_master, may_lead)
        slow = measure_slowly(placed, is_master, may_lead)
        assert (seed, fast.widths.tolist()) == (seed, slow.widths.tolist())
        assert (seed, fast.increases.tolist()) == (seed, slow.increases.tolist())
        assert (seed, fast.lost.tolist()) == (seed, slow.lost.tolist())


def test_a_plan_tells_the_scatter_of_its_target() -> None:
    settings = Settings(num_partitions=60, constraints=Constraints(master=1, slave=1))
    cluster = Cluster(
        nodes=tuple(Node(name=f"n{number}") for number in range(6)),
        settings=settings,
        maps={SOLE_MAP: ClusterMap(settings=settings)},
    )
    plan = mapcore.plan(cluster)
    assert plan.scatter.increases.tolist() == scatter_of(plan.target).increases.tolist()
    document = plan.to_dict()["scatter"]
    assert document["worstIncrease"] == plan.scatter.worst_increase >= 2
    assert f"would lead {plan.scatter.worst_increase} partitions more" in plan.report()


def test_what_interrupt_raises_ends_the_work() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    copies, is_master = np.array([[0, 1]], np.int32), np.array([[True, False]])
    with pytest.raises(KeyboardInterrupt):
        measure_scatter(copies, is_master, np.ones(2, np.bool_), interrupt=stop)

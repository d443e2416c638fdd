"""All maps of a cluster planned together: each balanced, and their sum."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest

import mapcore
from mapcore.cluster import Cluster, ClusterMap, Node
from mapcore.maps import PartitionMap
from mapcore.planning.certificates.copies import recount_placement
from mapcore.planning.certificates.regrets import Box, Recount
from mapcore.planning.certificates.sums import check_sum
from mapcore.planning.several_maps.plan import ClusterPlan
from tests.planning.clusters import MASTER, SLAVE, settings
from tests.planning.several_maps.test_sums import maps
from tests.twins.joint_oracle import least_costs


def random_maps(seed: int) -> tuple[Cluster, dict[str, Any]]:
    """A small cluster with two to five maps, empty, in order or anyhow; and what is to change."""
    rng = random.Random(seed)
    count, zones = rng.randint(2, 8), rng.randint(1, 3)
    weights = rng.choice([[1], [1], [1, 2], [1, 2, 4]])
    nodes = tuple(
        Node(name=f"n{n}", location=f"z{rng.randrange(zones)}", weight=float(rng.choice(weights)))
        for n in range(count)
    )
    maps = {}
    for number in range(rng.randint(2, 5)):
        slave, partitions = rng.randint(0, 2), rng.randint(1, 8)
        given = settings(1, slave, partitions, zones=rng.random() < 0.7)
        current = None
        if rng.random() < 0.7:
            names = [node.name for node in nodes]
            rows = [rng.sample(names, min(count, 1 + slave)) for _ in range(partitions)]
            copies = [[(n, SLAVE if i else MASTER) for i, n in enumerate(row)] for row in rows]
            current = PartitionMap.from_copies(copies, names, version=(1, 1))
        maps[f"m{number}"] = ClusterMap(settings=given, current=current)
    common = next(iter(maps.values())).settings
    cluster = Cluster(nodes=nodes, settings=common, maps=maps)
    kind = rng.choice(["nothing", "add", "remove"])
    changes: dict[str, Any] = {}
    if kind == "add":
        changes["add"] = {"new": "z0"}
    elif kind == "remove" and count > 2:
        changes["remove"] = ["n1"]
    return cluster, changes


def planned(cluster: Cluster, **changes: Any) -> ClusterPlan:
    """The plans of all maps of a cluster."""
    plans = mapcore.plan(cluster, **changes)
    assert isinstance(plans, ClusterPlan)
    return plans


def adopted(plans: ClusterPlan) -> Cluster:
    """The cluster once every map has reached its target."""
    cluster = plans.cluster
    for name, plan in plans.items():
        cluster = cluster.with_current(plan.target, name)
    return cluster


def sums(plans: ClusterPlan, *placements: mapcore.Placement) -> np.ndarray:
    """What nodes hold of all maps."""
    return np.asarray(sum(plan.target.loads(*placements) for plan in plans.values()))


@pytest.mark.parametrize("first", range(0, 400, 100))
def test_no_plan_is_better_balanced_and_no_bound_is_above_the_optimum(first: int) -> None:
    proven = extra = least = 0
    for seed in range(first, first + 100):
        cluster, changes = random_maps(seed)
        plans = planned(cluster, **changes)
        problems = [plan.work.placement_problem for plan in plans.values()]
        others = plans["m0"].work.others
        assert others is not None
        assert problems[0] is not None
        assert problems[0].sum_lower is not None
        assert problems[0].sum_upper is not None
        share = problems[0].sum_lower + others.copies, problems[0].sum_upper + others.copies
        best = least_costs([problem for problem in problems if problem is not None], share)
        found = {each.name: each for each in plans.certificate.objectives}
        assert plans.certificate.faults == ()
        assert found["copies missing"].value == best[0], seed
        assert found["imbalance of copies"].value == best[2], seed
        assert found["imbalance in sum"].value == best[3], seed
        moves = found["moves"]
        assert moves.value >= best[4] >= (moves.bound or 0), seed
        extra += moves.value - best[4]
        least += best[4]
        proven += plans.certificate.is_optimal
    assert proven >= 50
    assert extra <= least * 0.02


def test_many_small_maps_do_not_burden_the_same_nodes() -> None:
    plans = planned(maps(100, partitions=16, nodes=25, zones=5, slave=2))
    assert np.ptp(sums(plans)) <= 1
    assert np.ptp(sums(plans, mapcore.Placement.MASTER)) <= 1
    assert plans.certificate.is_optimal


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 2, 5]])
def test_every_map_is_balanced_within_its_own_share(weights: list[int]) -> None:
    cluster = maps(6, partitions=20, nodes=9, zones=3, slave=1)
    nodes = tuple(
        Node(name=node.name, location=node.location, weight=float(weights[number // 3]))
        for number, node in enumerate(cluster.nodes)
    )
    plans = planned(replace(cluster, nodes=nodes))
    for plan in plans.values():
        problem, placement = plan.work.placement_problem, plan.work.placement
        assert problem is not None
        assert placement is not None
        assert placement.imbalance == 0


def test_planning_again_changes_nothing() -> None:
    for seed in range(60):
        cluster, changes = random_maps(seed)
        again = planned(adopted(planned(cluster, **changes)))
        assert (again.move_count, again.role_change_count) == (0, 0), seed


def test_a_map_that_is_added_takes_what_is_left_and_moves_no_other() -> None:
    cluster = adopted(planned(maps(5, partitions=12, nodes=9, zones=3)))
    entry = ClusterMap(settings=next(iter(cluster.maps.values())).settings)
    plans = planned(cluster.with_maps({**cluster.maps, "late": entry}))
    assert plans.move_count == len(plans["late"].moves) == 24
    assert np.ptp(sums(plans)) <= 1


def test_a_map_that_is_dropped_moves_as_little_as_the_sum_asks() -> None:
    cluster = adopted(planned(maps(6, partitions=10, nodes=9)))
    left = {name: entry for name, entry in cluster.maps.items() if name != "m2"}
    plans = planned(cluster.with_maps(left))
    assert np.ptp(sums(plans)) <= 1
    assert plans.move_count <= 4


def test_changes_of_nodes_apply_to_all_maps() -> None:
    cluster = adopted(planned(maps(4, partitions=10, nodes=8, zones=4)))
    plans = planned(cluster, remove=["n3"], add={"n8": "z0"})
    assert all(plan.target.loads()[3] == 0 for plan in plans.values())
    assert plans.cluster.node("n3").mode.value == "leaving"
    assert sums(plans)[8] in (10, 11, 12)
    assert all(plans.cluster.maps[name].target is plan.target for name, plan in plans.items())
    gone = planned(adopted(plans), remove=["n3"])
    assert "n3" not in gone.cluster.node_index


@pytest.mark.parametrize(
    ("change", "back"), [({"fail": ["n3"]}, None), ({"maintain": ["n3"]}, {"activate": ["n3"]})]
)
def test_roles_pass_in_all_maps_and_no_data_moves(
    change: dict[str, Any], back: dict[str, Any] | None
) -> None:
    cluster = adopted(planned(maps(4, partitions=9, nodes=8, zones=4)))
    plans = planned(cluster, **change)
    assert plans.move_count == 0
    assert sums(plans, mapcore.Placement.MASTER)[3] == 0
    assert plans.certificate.faults == ()
    if back is not None:
        again = planned(adopted(plans), **back)
        for name, plan in again.items():
            assert not mapcore.diff(plan.target, cluster.maps[name].current or plan.target)


def test_maps_with_rules_and_sizes_of_their_own_count_in_the_sum() -> None:
    cluster = maps(3, partitions=8, nodes=6, zones=3)
    entries = dict(cluster.maps)
    limited = msgspec.structs.replace(entries["m1"].settings, extra={"maxCopiesPerNode": 4})
    entries["m1"] = ClusterMap(settings=limited)
    cluster = cluster.with_maps(entries)
    first: mapcore.Plan = mapcore.plan(cluster, map="m2")
    sized = first.target.replace(sizes=np.array([1, 2, 3, 4, 5, 6, 7, 8], np.int64))
    plans = planned(cluster.with_current(sized, "m2"))
    assert plans.certificate.faults == ()
    assert any(each.name.startswith("m2: ") for each in plans.certificate.objectives)
    assert plans["m1"].target.loads().max() <= 4


def test_report_and_document_tell_of_each_map_and_of_the_sum() -> None:
    plans = planned(maps(3, partitions=8, nodes=6, zones=3))
    report = plans.report()
    for line in ("plan of 3 maps: 24 partitions on 6 nodes, 48 moves", "m0  ", "all maps"):
        assert line in report
    document = json.loads(json.dumps(plans.to_dict()))
    assert list(document["maps"]) == ["m0", "m1", "m2"]
    assert document["moves"] == 48
    assert document["balance"]["copies"]["after"] == {"min": 8, "mean": 8, "max": 8}
    assert document["certificate"]["optimal"]
    assert repr(plans) == "<ClusterPlan of m0, m1, m2: 48 moves, 0 role changes>"


def test_moves_for_the_sum_say_so() -> None:
    cluster = maps(4, partitions=6, nodes=8, slave=0)
    alone = mapcore.plan(cluster.with_maps({"m0": cluster.maps["m0"]})).target
    for name in cluster.maps:
        cluster = cluster.with_current(alone, name)
    plans = planned(cluster)
    reasons = {move.reason for plan in plans.values() for move in plan.moves}
    assert reasons
    assert all("of all maps" in reason for reason in reasons)
    full = np.flatnonzero(alone.loads())[0]
    unmoved = next(plan for plan in plans.values() if plan.target.loads()[full] == 0)
    partition = int(np.flatnonzero(unmoved.moves.sources == full)[0])
    explained = str(unmoved.explain(partition=unmoved.moves[partition].partition))
    assert "the node must hold less of all maps than the ceiling of its share" in explained


def test_a_target_that_is_not_what_was_proven_is_found() -> None:
    plans = planned(maps(2, partitions=8, nodes=6, zones=3))
    swapped = ClusterPlan(
        {"m0": replace(plans["m0"], target=plans["m1"].target), "m1": plans["m1"]}
    )
    assert plans.certificate.faults == ()
    assert swapped.certificate.faults == (
        "m0: the target map does not hold the copies and masters that were proven",
    )


def test_no_prices_of_the_sum_claim_more_than_is_true() -> None:
    for seed in range(40):
        cluster, changes = random_maps(seed)
        plans = planned(cluster, **changes)
        found, share = recounted(plans)
        problems = [plan.work.placement_problem for plan in plans.values()]
        best = least_costs([problem for problem in problems if problem is not None], share)
        rng = np.random.default_rng(seed)
        for scale in (1, 3, 100):
            proof = check_sum(found, share, rng.integers(-scale, scale + 1, (2, len(share[0]))))
            own = len(proof.costs) - 3
            known = [
                cost if bound is None else bound
                for cost, bound in zip(proof.costs, proof.bounds, strict=True)
            ]
            assert (known[0], sum(known[1:own]), *known[own:]) <= best, seed


def recounted(plans: ClusterPlan) -> tuple[list[Recount], Box]:
    found = []
    for plan in plans.values():
        problem, placement, others = (
            plan.work.placement_problem,
            plan.work.placement,
            plan.work.others,
        )
        assert problem is not None
        assert placement is not None
        assert others is not None
        assert problem.sum_lower is not None
        assert problem.sum_upper is not None
        found.append(recount_placement(problem, placement))
        share = problem.sum_lower + others.copies, problem.sum_upper + others.copies
    return found, share

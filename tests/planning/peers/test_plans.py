"""Plans whose nodes exchange data with few others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.errors import PlanError
from mapcore.planning.certificates.peers import count_peers
from mapcore.planning.plans import Plan
from mapcore.planning.several_maps.plan import ClusterPlan


def cluster(
    zone_sizes: Sequence[int],
    max_peers: Any,
    *,
    partitions: int = 256,
    slaves: int = 2,
    nodes: dict[str, dict[str, Any]] | None = None,
    **fields: Any,
) -> mapcore.Cluster:
    """A cluster without a map; `nodes` adds fields to some of its nodes, n0, n1 and so on."""
    zones = [zone for zone, size in enumerate(zone_sizes) for _ in range(size)]
    document = {
        "settings": {
            "numPartitions": partitions,
            "constraints": {"master": 1, "slave": slaves},
            "levels": ["zone"],
            "maxPeers": max_peers,
            **fields,
        },
        "nodes": {
            f"n{number}": {"location": f"z{zone}", **(nodes or {}).get(f"n{number}", {})}
            for number, zone in enumerate(zones)
        },
        "maps": {"m": {}},
    }
    return mapcore.loads(json.dumps(document))


def most_peers(plan: Plan, *, after_failover: bool = True) -> int:
    return int(count_peers(plan.target, after_failover=after_failover).max())


def test_a_number_alone_holds_after_any_failover_with_two_in_reserve() -> None:
    plan = mapcore.plan(cluster((8, 8, 8, 8), 10), map="m")
    assert most_peers(plan) <= 8
    assert plan.warnings == ()
    assert plan.certificate.verify()
    assert np.ptp(plan.loads_after()) == np.ptp(plan.target.loads(mapcore.Placement.MASTER)) == 0


@pytest.mark.parametrize("reserve", [0, 1, 4])
def test_the_reserve_is_as_asked(reserve: int) -> None:
    plan = mapcore.plan(cluster((8, 8, 8, 8), {"count": 10, "reserve": reserve}), map="m")
    assert most_peers(plan) in (10 - reserve, 9 - reserve)


def test_as_planned_only_masters_and_slaves_count() -> None:
    asked = {"count": 6, "after": "plan", "reserve": 0}
    plan = mapcore.plan(cluster((8, 8, 8, 8), asked), map="m")
    assert most_peers(plan, after_failover=False) <= 6 < most_peers(plan)
    assert plan.warnings == ()
    assert np.ptp(plan.loads_after()) == np.ptp(plan.target.loads(mapcore.Placement.MASTER)) == 0


def test_where_all_nodes_may_be_peers_nothing_is_different() -> None:
    with_limit = mapcore.plan(cluster((3, 3), 5), map="m")
    without = mapcore.plan(cluster((3, 3), None), map="m")
    assert with_limit.target == without.target


def test_uneven_zones_have_even_loads() -> None:
    plan = mapcore.plan(cluster((3, 3, 2, 2), 3, partitions=1024), map="m")
    assert most_peers(plan) <= 3
    assert plan.warnings == ()
    assert np.ptp(plan.loads_after()) <= 1


def test_what_cannot_be_had_is_named_with_what_would_do() -> None:
    plan = mapcore.plan(cluster((50, 5, 5), 8), map="m")
    (warning,) = (text for text in plan.warnings if "maxPeers" in text)
    assert warning.startswith("settings.maxPeers 8: ")
    assert warning.endswith("by shares and spread n50 needs 10 peers; maxPeers 11 would do")


def test_masters_of_a_map_after_failover_are_even_where_zones_are_not() -> None:
    plan = mapcore.plan(cluster((9, 7, 6, 4), 10, partitions=520), map="m")
    assert most_peers(plan) <= 10
    assert np.ptp(plan.target.loads(mapcore.Placement.MASTER)) == 0


def test_several_maps_each_keep_to_their_own_limit() -> None:
    one = cluster((6, 6, 6), 8)
    entry = one.map("m")
    plans = mapcore.plan(one.with_maps({"a": entry, "b": entry}))
    assert isinstance(plans, ClusterPlan)
    assert max(most_peers(plans[name]) for name in ("a", "b")) <= 8
    assert np.ptp(plans["a"].loads_after() + plans["b"].loads_after()) <= 1


def test_tags_limits_and_pins_go_before_peers() -> None:
    nodes = {f"n{number}": {"tags": ["ssd"]} for number in range(0, 24, 2)}
    asked = cluster(
        (8, 8, 8),
        8,
        nodes=nodes,
        require={"*": ["ssd"]},
        pinned={"7": ["n0", "n8"]},
        forbidden={"9": ["n2"]},
    )
    plan = mapcore.plan(asked, map="m")
    odd = [number for number in range(24) if number % 2]
    assert plan.loads_after()[odd].sum() == 0
    assert plan.target.state(7, 0)
    assert plan.target.state(7, 8)
    assert not plan.target.state(9, 2)
    assert most_peers(plan) <= 8


def test_rules_go_before_peers() -> None:
    asked = cluster(
        (8, 8),
        8,
        slaves=1,
        rules={"slave": [{"same": "zone"}]},
        nodes={f"n{number}": {"location": f"z{number // 8}/r{number % 4}"} for number in range(16)},
        levels=["zone", "rack"],
    )
    plan = mapcore.plan(asked, map="m")
    assert plan.broken_rules.sum() == 0
    assert most_peers(plan) <= 8


def test_a_policy_has_no_say_where_peers_are_limited() -> None:
    with pytest.raises(PlanError, match=r"found settings\.maxPeers"):
        mapcore.plan(cluster((4, 4), 4), map="m", policy=lambda partition, node: 0.0)


def test_every_pin_is_met_within_the_peers_of_its_nodes() -> None:
    pinned = {str(number): [f"n{number % 6}"] for number in range(48)}
    plan = mapcore.plan(cluster((4, 4, 4), 8, partitions=96, pinned=pinned), map="m")
    assert all(plan.target.state(number, number % 6) for number in range(48))
    assert most_peers(plan) <= 8
    assert np.ptp(plan.loads_after()) == 0


def after(plan: Plan, **changes: Any) -> Plan:
    """Plan again, from where a plan leads."""
    following: Plan = mapcore.plan(plan.cluster.with_current(plan.target, "m"), map="m", **changes)
    return following


@pytest.mark.parametrize("reading", ["plan", "failover"])
def test_changes_stay_within_peers(reading: str) -> None:
    asked = {"count": 10, "after": reading}
    plan = mapcore.plan(cluster((10, 10, 10, 10), asked, partitions=1024), map="m")
    changes: list[dict[str, Any]] = [
        {"add": {"x": "z0"}},
        {"remove": ["n7"]},
        {"swap": {"n12": "y"}},
        {"remove": ["n30", "x"]},
        {"fail": ["n1"], "rebuild": True},
        {"maintain": ["n2"], "rebuild": True},
        {"activate": ["n2"], "rebuild": True},
    ]
    for change in changes:
        plan = after(plan, **change)
        assert most_peers(plan, after_failover=reading == "failover") <= 10
        assert not [text for text in plan.warnings if "maxPeers" in text]
        assert plan.certificate.faults == ()


@pytest.mark.parametrize(
    ("sizes", "max_peers", "slaves"),
    [
        ((9, 7, 5), 8, 2),
        ((5, 5, 5, 5), 3, 2),
        ((8, 4, 2), 3, 2),
        ((10,), 2, 2),
        ((3, 3, 2, 2), 6, 3),
    ],
)
@pytest.mark.parametrize("reading", ["plan", "failover"])
def test_planning_again_changes_nothing(
    sizes: tuple[int, ...], max_peers: int, slaves: int, reading: str
) -> None:
    asked = cluster(sizes, {"count": max_peers, "after": reading}, partitions=512, slaves=slaves)
    plan = mapcore.plan(asked, map="m")
    again = after(plan)
    assert (len(again.moves), len(again.role_changes)) == (0, 0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 8), min_size=1, max_size=5),
    st.integers(0, 3),
    st.integers(1, 9),
    st.sampled_from(["plan", "failover"]),
    st.lists(st.sampled_from([1.0, 2.0, 0.5]), min_size=3, max_size=3),
)
def test_a_plan_is_whole_or_says_what_is_missing(
    sizes: list[int], slaves: int, count: int, after: str, weights: list[float]
) -> None:
    nodes = {f"n{number}": {"weight": weights[number % 3]} for number in range(sum(sizes))}
    asked = cluster(
        sizes, {"count": count, "after": after}, partitions=48, slaves=slaves, nodes=nodes
    )
    plan = mapcore.plan(asked, map="m")
    copies = min(slaves + 1, sum(sizes))
    assert (np.diff(plan.target.offsets) == copies).all()
    most = most_peers(plan, after_failover=after == "failover")
    uneven = plan.work.peers and plan.work.peers.problem.copies_outside(plan.loads_after())
    assert any("maxPeers" in text for text in plan.warnings) == bool(most > count or uneven)
    assert plan.certificate.faults == ()

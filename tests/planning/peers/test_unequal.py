"""Partitions of unequal size within a number of peers."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore._kernels import _peers
from mapcore.planning.certificates.peers import count_peers
from mapcore.planning.placing.placement_problem import summed
from mapcore.planning.plans import Plan
from tests.twins.peers import dealt


def planned(sizes: list[int], *, capacity: int | None = None, max_peers: int = 8) -> Plan:
    """Plan a first map of partitions of these sizes, in MB, over 24 nodes in 4 zones."""
    volumes = {} if capacity is None else {"volumes": [{"type": "ssd", "capacity": capacity}]}
    document = {
        "settings": {
            "constraints": {"master": 1, "slave": 2},
            "levels": ["zone"],
            "maxPeers": max_peers,
        },
        "nodes": {f"n{n}": {"location": f"z{n % 4}", **volumes} for n in range(24)},
        "maps": {
            "m": {
                "current": {
                    "numPartitions": len(sizes),
                    "keyFunc": "hash-crc32",
                    "partitions": {str(p): {"size": s * 10**6} for p, s in enumerate(sizes)},
                }
            }
        },
    }
    return mapcore.plan(mapcore.loads(json.dumps(document)), map="m")


def bytes_held(plan: Plan) -> np.ndarray:
    sizes = plan.current.sizes
    assert sizes is not None
    rows = np.stack([plan.target.copy_nodes[k::3] for k in range(3)], axis=1)
    return summed(rows, sizes, 24)


def test_nodes_hold_about_as_many_bytes() -> None:
    plan = planned([1 + (p * 37) % 90 for p in range(1024)])
    held = bytes_held(plan)
    assert held.max() <= 1.01 * held.mean()
    assert count_peers(plan.target, after_failover=True).max() <= 8
    assert plan.certificate.faults == ()


def test_volumes_go_before_peers() -> None:
    sizes = [90 if p % 12 == 0 else 1 for p in range(96)]
    fair = 3 * sum(sizes) * 10**6 // 24
    plan = planned(sizes, capacity=int(1.2 * fair), max_peers=4)
    assert (np.diff(plan.target.offsets) == 3).all()
    assert bytes_held(plan).max() <= 1.2 * fair
    if count_peers(plan.target, after_failover=True).max() > 4:
        assert any("maxPeers" in text for text in plan.warnings)


@given(st.data())
def test_partitions_are_dealt_out_as_the_slow_twin_does(data: st.DataObject) -> None:
    nodes = data.draw(st.integers(1, 6))
    width = data.draw(st.integers(1, nodes))
    count = data.draw(st.integers(0, 12))
    row = st.permutations(range(nodes)).map(lambda order: list(order[:width]))
    rows = data.draw(st.lists(row | st.just([-1] * width), min_size=count, max_size=count))
    loads = data.draw(st.lists(st.integers(0, 50), min_size=count, max_size=count))
    loads.sort(reverse=True)
    lacking = data.draw(st.lists(st.integers(-20, 80), min_size=nodes, max_size=nodes))
    row_of = np.zeros(count, np.int32)
    _peers.deal_out(
        np.array(rows, np.int32).reshape(count, width),
        np.array(loads, np.int64),
        np.array(lacking, np.int64),
        row_of,
        None,
    )
    assert row_of.tolist() == dealt(rows, loads, lacking)

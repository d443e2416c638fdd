"""Moves made, and copies not placed elsewhere, to keep within `maxPeers`."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore import PartitionMap, Placement, state_code
from mapcore.cluster import MaxPeers, Settings
from mapcore.planning.certificates.peers import count_peers
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.peers.planned import Peers
from mapcore.planning.problem import Asked
from tests.planning.fanout.clusters import cluster_in_zones

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
NODES = "abcdef"

rows = st.permutations(range(len(NODES))).flatmap(
    lambda order: st.integers(1, 3).map(lambda count: order[:count])
)


def map_of(chosen: list[list[int]]) -> PartitionMap:
    return PartitionMap.from_copies(
        [
            [(NODES[node], MASTER if place == 0 else SLAVE) for place, node in enumerate(row)]
            for row in chosen
        ],
        NODES,
    )


@given(
    st.lists(rows, min_size=1, max_size=6),
    st.sampled_from(["plan", "failover"]),
    st.integers(1, 5),
    st.data(),
)
def test_a_copy_in_the_place_of_another_exceeds_the_limit_if_the_map_with_it_does(
    chosen: list[list[int]], after: Reading, limit: int, data: st.DataObject
) -> None:
    """Against counting the peers of the map with the copy added, in the same role."""
    target = map_of(chosen)
    settings = Settings(max_peers=MaxPeers(count=limit, after=after))
    peers = Peers.of(target, Asked(settings, 3, 1, ()))
    assert peers is not None
    assert (
        peers.degrees.tolist() == count_peers(target, after_failover=after == "failover").tolist()
    )
    partition = data.draw(st.integers(0, len(chosen) - 1))
    out = data.draw(st.sampled_from(chosen[partition]))
    node = data.draw(st.sampled_from([n for n in range(6) if n not in chosen[partition]]))
    found = peers.would_exceed(
        np.array([node]), peers.others_of(np.array([partition]), np.array([out]))
    )
    changed = [[node if n == out else n for n in chosen[partition]]]
    before = count_peers(target, after_failover=after == "failover")
    counts = count_peers(map_of(chosen + changed), after_failover=after == "failover")
    assert bool(found[0]) == bool(((counts > limit) & (counts > before)).any())


def test_without_a_limit_there_is_nothing_to_say() -> None:
    assert Peers.of(map_of([[0, 1]]), Asked(Settings(), 2, 1, ())) is None


@pytest.fixture(scope="module")
def limited() -> mapcore.Plan:
    """A map that was balanced without a limit, planned again with one."""
    plain = cluster_in_zones((6, 6, 6), partitions=512)
    placed = plain.with_current(mapcore.plan(plain).target)
    entry = placed.maps["map"]
    settings = msgspec.structs.replace(entry.settings, max_peers=6)
    planned: mapcore.Plan = mapcore.plan(
        placed.with_maps({"map": replace(entry, settings=settings)})
    )
    return planned


def test_moves_that_keep_the_limit_say_so(limited: mapcore.Plan) -> None:
    reasons = {move.reason.partition(":")[0] for move in limited.moves}
    assert "maxPeers" in reasons
    move = next(move for move in limited.moves if move.reason.startswith("maxPeers"))
    assert move.reason.endswith("in its place, nodes have too many peers")


def test_moves_for_other_reasons_do_not(limited: mapcore.Plan) -> None:
    """Where nobody has too many peers, a node that is taken out is the reason."""
    plan = mapcore.plan(limited.cluster.with_current(limited.target), remove=["n0-0"])
    given_up = [drop for drop in plan.drops if drop.node == "n0-0"]
    assert {drop.reason for drop in given_up} == {"n0-0 is leaving"}
    assert "n0-0 is leaving" in {move.reason for move in plan.moves}


def test_nodes_that_would_get_too_many_peers_are_told_apart() -> None:
    tight = cluster_in_zones((6, 6, 6), partitions=512, max_peers=MaxPeers(count=4, reserve=0))
    plan = mapcore.plan(tight)
    explained = plan.explain(partition=0)
    rejections = {rejection.name: rejection for rejection in explained.rejections}
    assert not rejections["peers"].is_hard
    assert "maxPeers" in rejections["peers"].sentence
    held = {copy.node for copy in plan.target.copies(0)}
    assert not held & {*rejections["peers"].nodes}
    assert plan.peers is not None
    assert (plan.peers.degrees <= 4).all()


def test_a_plan_without_a_limit_gives_no_such_reason() -> None:
    plain = cluster_in_zones((6, 6, 6), partitions=512)
    plan = mapcore.plan(plain)
    assert plan.peers is None
    assert "peers" not in {r.name for r in plan.explain(partition=0).rejections}


def test_the_report_tells_peers_and_the_bound(limited: mapcore.Plan) -> None:
    assert "expected at most 6 after any single failover" in limited.report()
    assert "no map with balanced copies and masters has fewer than 2" in limited.report()
    found = limited.to_dict()["peers"]
    assert found == {
        "maxPeers": 6,
        "after": "failover",
        "most": found["most"],
        "fewest": 2,
        "temporary": found["temporary"],
    }
    assert found["most"] <= 6


def test_without_a_limit_the_report_says_nothing_of_peers() -> None:
    plan = mapcore.plan(cluster_in_zones((2, 2, 2), partitions=16))
    assert "peers" not in plan.report()
    assert plan.to_dict()["peers"] is None

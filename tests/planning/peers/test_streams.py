"""New copies are filled by peers, and streams between others are counted apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import mapcore
from mapcore.planning.peers.streams import temporary_streams
from tests.planning.peers.test_plans import cluster


def changed(after: str) -> mapcore.Plan:
    first = mapcore.plan(
        cluster((10, 10, 10, 10), {"count": 8, "after": after}, partitions=1024), map="m"
    )
    entry = replace(first.cluster.maps["m"], current=first.target, target=None)
    held = first.cluster.with_maps({"m": entry})
    return mapcore.plan(held, map="m", remove=["n3"])


@pytest.mark.parametrize("after", ["plan", "failover"])
def test_sources_are_peers_wherever_a_peer_has_the_data(after: str) -> None:
    plan = changed(after)
    peers = plan.peers
    assert peers is not None
    held = plan.current
    for partition, node, source in zip(
        plan.moves.partitions.tolist(),
        plan.moves.nodes.tolist(),
        plan.moves.sources.tolist(),
        strict=True,
    ):
        holders = held.copy_nodes[held.offsets[partition] : held.offsets[partition + 1]].tolist()
        assert source in holders
        near = [each for each in holders if peers.are_peers(np.array([each]), np.array([node]))[0]]
        assert source in near or not near


def test_streams_between_nodes_that_are_no_peers_afterwards_are_told() -> None:
    plan = changed("failover")
    assert plan.peers is not None
    apart = temporary_streams(plan.peers, plan.moves.nodes, plan.moves.sources)
    expected = {
        (source, node)
        for source, node in zip(plan.moves.sources.tolist(), plan.moves.nodes.tolist(), strict=True)
        if not any({source, node} <= set(row) for row in rows(plan.target))
    }
    assert set(zip(apart.sources.tolist(), apart.nodes.tolist(), strict=True)) == expected
    assert 0 < apart.copies.sum() < len(plan.moves)
    assert apart.most <= 8
    assert f"each node with up to {apart.most} others" in plan.report()
    assert plan.to_dict()["peers"]["temporary"] == {
        "streams": int(apart.copies.sum()),
        "most": apart.most,
    }


def rows(held: mapcore.PartitionMap) -> list[list[int]]:
    return [
        held.copy_nodes[begin:end].tolist()
        for begin, end in zip(held.offsets[:-1], held.offsets[1:], strict=True)
    ]

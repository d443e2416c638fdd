"""The fewest peers of a cluster's balanced maps, by counting alone."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import mapcore
from mapcore.cluster import ClusterMap
from mapcore.errors import PlanError
from mapcore.planning.fanout.smallest import smallest_max_peers
from tests.planning.fanout.clusters import cluster_in_zones


@pytest.mark.parametrize(
    ("sizes", "copies", "expected"),
    [
        ((4, 4, 4), 3, 2),  # cells of three
        ((3, 3, 2, 2), 3, 3),  # no cells of three
        ((1, 1, 8), 3, 9),  # the two small zones are in every partition, one node each
        ((5, 5), 2, 1),
        ((6,), 1, 0),
    ],
)
def test_the_bound_of_known_clusters(sizes: tuple[int, ...], copies: int, expected: int) -> None:
    found = smallest_max_peers(cluster_in_zones(sizes, copies=copies))
    assert found.count == expected
    assert (found.node >= 0) == (expected > 0)


def test_masters_to_slaves_need_no_more_than_all_pairs() -> None:
    cluster = cluster_in_zones((7, 1, 1, 1))
    planned = smallest_max_peers(cluster, after="plan")
    assert 2 <= planned.count <= smallest_max_peers(cluster).count


def test_heavy_nodes_need_more_peers() -> None:
    plain = cluster_in_zones((8,), copies=2)
    heavy = (msgspec.structs.replace(plain.nodes[0], weight=4.0), *plain.nodes[1:])
    found = smallest_max_peers(plain.with_nodes(heavy))
    assert found == type(found)(4, 0, "failover")


def test_of_unequal_partitions_only_the_other_copies_count() -> None:
    plain = cluster_in_zones((1, 1, 8), partitions=16)
    empty = mapcore.plan(plain).current
    sized = plain.with_current(empty.replace(sizes=np.arange(1, 17)))
    assert smallest_max_peers(plain).count == 9
    assert smallest_max_peers(sized).count == 2


def test_the_limit_in_the_settings_changes_nothing() -> None:
    plain = cluster_in_zones((3, 3, 2, 2))
    settings = msgspec.structs.replace(plain.settings, max_peers=1)
    limited = plain.with_maps({"map": ClusterMap(settings=settings)})
    assert smallest_max_peers(limited) == smallest_max_peers(plain)


def test_what_cannot_be_asked_is_an_error() -> None:
    cluster = cluster_in_zones((2,))
    with pytest.raises(ValueError, match="expected plan or failover"):
        smallest_max_peers(cluster, after="lunch")  # type: ignore[arg-type]
    two = cluster.with_maps({"a": cluster.maps["map"], "b": cluster.maps["map"]})
    with pytest.raises(PlanError, match="found 2 maps, expected the name of one"):
        smallest_max_peers(two)

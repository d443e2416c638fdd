from __future__ import annotations

import dataclasses

import pytest

from mapcore.cluster import (
    SOLE_MAP,
    Cluster,
    ClusterMap,
    Constraints,
    Node,
    Settings,
    SpreadLevel,
)
from mapcore.errors import MapError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap
from mapcore.states import Placement, state_code

MASTER = state_code(Placement.MASTER)
ON_A = PartitionMap.from_copies([[("a", MASTER)]], "ab")
ON_B = PartitionMap.from_copies([[("b", MASTER)]], "ab")


def cluster_of(*names: str) -> Cluster:
    entries = {name: ClusterMap(Settings(), current=ON_A) for name in names}
    return Cluster(nodes=(Node(name="a"), Node(name="b")), maps=entries)


@pytest.mark.parametrize(
    ("location", "path"), [("", ()), ("z1", ("z1",)), ("z1/r2/s3", ("z1", "r2", "s3"))]
)
def test_a_location_has_parts(location: str, path: tuple[str, ...]) -> None:
    assert Node(name="a", location=location).path == path


def test_nodes_are_found_by_name() -> None:
    cluster = cluster_of(SOLE_MAP)
    assert cluster.node("b") == Node(name="b")
    assert cluster.node_index.names == ("a", "b")
    with pytest.raises(KeyError):
        cluster.node("c")


def test_two_nodes_of_one_name_are_an_error() -> None:
    twins = Cluster(nodes=(Node(name="a"), Node(name="a")))
    with pytest.raises(MapError, match="'a' twice"):
        _ = twins.node_index


def test_constraints_count_masters_and_slaves_together() -> None:
    assert Constraints(master=2, slave=3).copy_count == 5


@pytest.mark.parametrize(
    ("spread", "levels"), [(None, ("zone", "rack")), ((), ()), (("rack", "zone"), ("zone", "rack"))]
)
def test_spread_is_over_all_levels_unless_said_outermost_first(
    spread: tuple[str, ...] | None, levels: tuple[str, ...]
) -> None:
    items = None if spread is None else tuple(SpreadLevel(level=level) for level in spread)
    assert Settings(levels=("zone", "rack"), spread=items).spread_levels == levels


def test_the_only_map_needs_no_name() -> None:
    assert cluster_of("m").map() == cluster_of("m").map("m")
    assert cluster_of("m").current == ON_A
    assert cluster_of("m").target is None


@pytest.mark.parametrize(
    ("names", "wanted", "message"),
    [
        ((), None, r"found 0 maps \(none\)"),
        (("m", "n"), None, r"found 2 maps \(m, n\)"),
        (("m", "n"), "x", "no map called 'x', expected one of m, n"),
    ],
)
def test_a_map_that_is_not_there_is_an_error(
    names: tuple[str, ...], wanted: str | None, message: str
) -> None:
    with pytest.raises(MapError, match=message):
        cluster_of(*names).map(wanted)


def test_the_key_function_is_that_of_the_maps_or_of_the_settings() -> None:
    assert ClusterMap(Settings(num_partitions=8), current=ON_A).keys == HashKeys(1)
    assert ClusterMap(Settings(num_partitions=8), target=ON_A).keys == HashKeys(1)
    assert ClusterMap(Settings(num_partitions=8)).keys == HashKeys(8)
    for settings in (Settings(), Settings(num_partitions=8, key_func="range")):
        with pytest.raises(MapError, match="expected one of them to say"):
            _ = ClusterMap(settings).keys


def test_replacing_a_map_leaves_the_cluster_as_it_was() -> None:
    before = cluster_of("m", "n")
    after = before.with_target(ON_B, "n")
    assert (after.map("n").target, after.map("n").current) == (ON_B, ON_A)
    assert before.map("n").target is None
    assert after.map("m") == before.map("m")
    assert before.with_current(ON_B, "m").map("m").current == ON_B


def test_clusters_are_equal_by_the_cells_of_their_maps() -> None:
    assert cluster_of("m") == cluster_of("m")
    assert cluster_of("m") != cluster_of("n")
    assert cluster_of("m").with_current(ON_B) != cluster_of("m")
    assert dataclasses.replace(cluster_of("m"), extra={"x": 1}) != cluster_of("m")
    assert cluster_of("m").with_nodes((Node(name="a", weight=2), Node(name="b"))) != cluster_of("m")


def test_equality_looks_at_what_is_said_not_at_the_form_of_the_document() -> None:
    cluster = cluster_of(SOLE_MAP)
    assert dataclasses.replace(cluster, is_short_form=False, lists_nodes=False) == cluster
    entry = dataclasses.replace(cluster.map(), own_settings={"assignment": "masterSlave"})
    assert cluster.with_map(entry) == cluster

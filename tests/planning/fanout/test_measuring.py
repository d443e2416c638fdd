"""Who exchanges partitions with whom, against plain counting."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore import PartitionMap, Placement, state_code
from mapcore.errors import MapError
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.fanout.measuring import fanout

MASTER, SLAVE, DEAD = map(state_code, (Placement.MASTER, Placement.SLAVE, Placement.DEAD))
NODES = "abcdef"

copies = st.lists(
    st.tuples(st.sampled_from(NODES), st.sampled_from([MASTER, SLAVE, DEAD])),
    max_size=4,
    unique_by=lambda copy: copy[0],
)
maps = st.lists(copies, min_size=1, max_size=8).map(
    lambda rows: PartitionMap.from_copies(rows, NODES)
)


def counted(held: PartitionMap, after: Reading) -> np.ndarray:
    matrix = np.zeros((len(NODES), len(NODES)), np.int64)
    for partition in range(held.partition_count):
        live = [copy for copy in held.copies(partition) if copy.placement is not Placement.DEAD]
        for x in live:
            for y in live:
                is_planned = (x.placement, y.placement) == (Placement.MASTER, Placement.SLAVE)
                if x.node != y.node and (after == "failover" or is_planned):
                    matrix[NODES.index(x.node), NODES.index(y.node)] += 1
    return matrix


@given(maps, st.sampled_from(["plan", "failover"]))
def test_the_matrix_counts_the_partitions_of_each_pair(held: PartitionMap, after: Reading) -> None:
    measured = fanout(held, after=after)
    matrix = counted(held, after)
    assert np.array_equal(measured.dense(), matrix)
    assert measured.fan_out.tolist() == (matrix > 0).sum(axis=1).tolist()
    assert measured.fan_in.tolist() == (matrix > 0).sum(axis=0).tolist()
    assert measured.scatter_width.tolist() == ((matrix + matrix.T) > 0).sum(axis=1).tolist()


@given(maps)
def test_the_sets_of_nodes_that_hold_a_partition_are_counted(held: PartitionMap) -> None:
    live = (
        [copy.node for copy in held.copies(partition) if copy.placement is not Placement.DEAD]
        for partition in range(held.partition_count)
    )
    sets = Counter(tuple(sorted(map(NODES.index, nodes))) for nodes in live if nodes)
    assert fanout(held).copy_sets == sets


def test_sets_of_many_nodes_are_told_apart() -> None:
    """So many copies that the numbers of their nodes do not fit into one of 64 bits."""
    names = [f"n{number}" for number in range(100)]
    rows = [[(name, SLAVE) for name in names[first : first + 12]] for first in (0, 1, 0)]
    sets = fanout(PartitionMap.from_copies(rows, names)).copy_sets
    assert sets == {tuple(range(12)): 2, tuple(range(1, 13)): 1}


@given(maps, st.integers(1, len(NODES)))
def test_the_chance_of_loss_is_that_of_all_sets_of_lost_nodes(
    held: PartitionMap, count: int
) -> None:
    live = [
        {copy.node for copy in held.copies(partition) if copy.placement is not Placement.DEAD}
        for partition in range(held.partition_count)
    ]
    lost = [
        any(members and members <= set(gone) for members in live)
        for gone in combinations(NODES, count)
    ]
    found = fanout(held).loss_chance(count)
    exact = sum(lost) / len(lost)
    if found.is_exact:
        assert found.chance == pytest.approx(exact)
    else:
        assert found.chance >= exact - 1e-12


def test_fewer_peers_make_loss_less_likely() -> None:
    wide = [[(NODES[i], MASTER), (NODES[j], SLAVE)] for i in range(6) for j in range(6) if i != j]
    narrow = [[(NODES[i], MASTER), (NODES[i ^ 1], SLAVE)] for i in range(6)]
    chances = [
        fanout(PartitionMap.from_copies(rows, NODES)).loss_chance(2) for rows in (wide, narrow)
    ]
    assert [chance.chance for chance in chances] == [1.0, pytest.approx(3 / 15)]
    assert all(chance.is_exact for chance in chances)


def test_the_report_says_sums_and_chances() -> None:
    held = PartitionMap.from_copies([[("a", MASTER), ("b", SLAVE)], [("b", MASTER)]], "abc")
    assert fanout(held, after="plan").report(lose=(1,)).splitlines() == [
        "pairs of nodes that exchange partitions as planned: 1",
        "fan-out: 0 / 0.3333 / 1 (min / mean / max of the nodes)",
        "fan-in: 0 / 0.3333 / 1 (min / mean / max of the nodes)",
        "scatter width: 0 / 0.6667 / 1 (min / mean / max of the nodes)",
        "partitions of a pair: 1 / 1 / 1 (min / mean / max)",
        "sets of nodes that hold all copies of a partition: 2",
        "losing one node loses a partition: 0.333",
        "",
        "peers  nodes that replicate to so many",
        "    0  ######################################## 2",
        "    1  #################### 1",
    ]
    assert list(fanout(held, after="plan").rows()) == ["a -> b:1", "b -> -", "c -> -"]


def test_an_empty_map_has_nothing_to_report() -> None:
    empty = PartitionMap.from_copies([[]], "")
    assert fanout(empty).report() == "no nodes"


def test_what_cannot_be_asked_is_an_error() -> None:
    held = PartitionMap.from_copies([[("a", MASTER)]], "ab")
    with pytest.raises(ValueError, match="found 3 nodes, expected 1 to 2"):
        fanout(held).loss_chance(3)
    with pytest.raises(ValueError, match="expected plan or failover"):
        fanout(held, after="lunch")  # type: ignore[arg-type]
    many = PartitionMap.from_copies([[]], [f"n{number}" for number in range(2_001)])
    with pytest.raises(MapError, match="expected at most 2,000"):
        fanout(many).dense()


def test_the_heat_map_is_a_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    held = PartitionMap.from_copies([[("a", MASTER), ("b", SLAVE)]], "ab")
    fanout(held).plot(tmp_path / "r.png")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")

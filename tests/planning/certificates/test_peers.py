"""Peers are counted from maps alone."""

from __future__ import annotations

import numpy as np
import pytest

from mapcore.keys import HashKeys
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.planning.certificates.peers import count_peers
from mapcore.states import Placement, state_code
from tests.twins.peers import peers_of

MASTER, SLAVE, DEAD = (
    state_code(each) for each in (Placement.MASTER, Placement.SLAVE, Placement.DEAD)
)


def map_of(rows: list[list[tuple[int, int]]], nodes: int) -> PartitionMap:
    """Make a map of (node, code) by partition."""
    return PartitionMap(
        nodes=NodeIndex(f"n{number}" for number in range(nodes)),
        keys=HashKeys(len(rows)),
        index=(
            np.cumsum([0, *map(len, rows)]),
            np.array([node for row in rows for node, _ in row], np.int32),
            np.array([code for row in rows for _, code in row], np.uint8),
        ),
    )


def test_after_failover_all_copies_are_peers() -> None:
    copies = map_of([[(0, MASTER), (1, SLAVE), (2, SLAVE)], [(0, SLAVE), (1, MASTER)]], 4)
    assert count_peers(copies, after_failover=True).tolist() == [2, 2, 2, 0]


def test_as_planned_slaves_are_no_peers_of_each_other() -> None:
    copies = map_of([[(0, SLAVE), (1, MASTER), (2, SLAVE)]], 3)
    assert count_peers(copies, after_failover=False).tolist() == [1, 2, 1]


def test_dead_copies_have_no_peers() -> None:
    copies = map_of([[(0, MASTER), (1, DEAD), (2, SLAVE)]], 3)
    assert count_peers(copies, after_failover=True).tolist() == [1, 0, 1]


@pytest.mark.parametrize("every_pair", [True, False])
def test_a_random_map_has_the_peers_that_its_slow_twin_counts(every_pair: bool) -> None:
    random = np.random.default_rng(7)
    rows = np.array([random.permutation(12)[:4] for _ in range(40)], np.int32)
    copies = map_of(
        [
            sorted((node, MASTER if node == row[0] else SLAVE) for node in row)
            for row in rows.tolist()
        ],
        12,
    )
    expected = [len(peers) for peers in peers_of(rows, every_pair, 12)]
    assert count_peers(copies, after_failover=every_pair).tolist() == expected

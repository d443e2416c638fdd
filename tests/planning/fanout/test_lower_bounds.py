"""The fewest peers by counting: never above what any map of these loads has, and often reached."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore import PartitionMap, Placement, state_code
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.fanout.lower_bounds import Loads, fewest_peers

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
NODES = [f"n{number}" for number in range(7)]
ZONES = [0, 0, 0, 1, 1, 2, 2]


def spread_rows(copies: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """Rows with as few copies in a zone as can be, the first of each leading."""
    cap = -(-copies // 3)
    while sum(min(cap, ZONES.count(zone)) for zone in range(3)) < copies:
        cap += 1
    fitting = [
        row
        for row in combinations(range(7), copies)
        if max(np.bincount([ZONES[node] for node in row])) <= cap
    ]
    return st.lists(st.sampled_from(fitting).flatmap(st.permutations), min_size=1, max_size=9).map(
        lambda rows: [tuple(row) for row in rows]
    )


@given(st.integers(2, 7).flatmap(spread_rows), st.sampled_from(["plan", "failover"]))
def test_no_map_has_fewer_peers_than_the_bound_for_its_loads(
    rows: list[tuple[int, ...]], after: Reading
) -> None:
    table = np.array(rows)
    loads, masters = (np.bincount(nodes, minlength=7) for nodes in (table.ravel(), table[:, 0]))
    levels = np.array([ZONES], np.int32)
    bound = fewest_peers(
        Loads(len(rows), table.shape[1], loads, loads, masters, masters, levels), after
    )
    held = PartitionMap.from_copies(
        [
            [(NODES[node], MASTER if place == 0 else SLAVE) for place, node in enumerate(row)]
            for row in rows
        ],
        NODES,
    )
    found = mapcore.fanout(held, after=after)
    assert bound.count <= int(found.scatter_width.max())
    assert bound.count >= table.shape[1] - 1 or after == "plan"
    assert bound.node < 0 or loads[bound.node] > 0

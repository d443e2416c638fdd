"""The next placement within a number of peers, after one that there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.planning.peers.changing import change_peers, rows_that_stay
from mapcore.planning.peers.fresh import PeersPlacement, place_fresh
from mapcore.planning.peers.problem import PeersProblem
from mapcore.planning.placing.placement import place, spread_excess
from tests.planning.peers.clusters import changed_problem, problem_of
from tests.twins.peers import least_change, peers_of

Rows = NDArray[np.int32]


def first_rows(
    sizes: Sequence[int], partitions: int, copies: int, max_peers: int, **options: object
) -> tuple[Rows, list[int]]:
    """Return a first placement within so many peers, and the zone of each node."""
    found = place_fresh(problem_of(sizes, partitions, copies, max_peers, **options))  # type: ignore[arg-type]
    assert (found.excess_peers, found.strain) == (0, 0)
    return found.nodes, np.repeat(np.arange(len(sizes)), sizes).tolist()


def change(problem: PeersProblem) -> PeersPlacement:
    return change_peers(problem, problem.placement.current[:, :1])


def moves(before: Rows, after: Rows) -> int:
    return sum(
        len({*new} - {*old, -1}) for old, new in zip(before.tolist(), after.tolist(), strict=True)
    )


def most_peers(rows: Rows, nodes: int, every_pair: bool = True) -> int:
    return max(len(peers) for peers in peers_of(rows, every_pair, nodes))


def check(problem: PeersProblem, found: PeersPlacement) -> None:
    """Recount what is claimed, and that counts and spread are those of a plan without peers."""
    rows, nodes = found.nodes, len(problem.placement.eligible)
    asked = problem.classes.copies[problem.classes.numbers]
    for row, copies in zip(rows.tolist(), asked.tolist(), strict=True):
        held = [node for node in row if node >= 0]
        assert len(held) == len(set(held)) == copies
        assert problem.placement.eligible[held].all()
    assert spread_excess(problem.placement, rows) <= spread_excess(
        problem.placement, problem.relaxed
    )
    excess = sum(
        max(0, len(peers) - problem.max_peers)
        for peers in peers_of(rows, problem.every_pair, nodes)
    )
    load = np.bincount(rows[rows >= 0], minlength=nodes)
    strain = (np.maximum(problem.least - load, 0) + np.maximum(load - problem.most, 0)).sum()
    assert (found.excess_peers, found.strain) == (excess, strain)


def moves_over_bound(problem: PeersProblem, found: PeersPlacement) -> float:
    """Return the moves, over those of an optimal plan without a limit on peers."""
    bound = place(problem.placement).moves
    return moves(problem.placement.current, found.nodes) / max(1, bound)


@pytest.mark.parametrize("every_pair", [True, False])
def test_what_is_as_asked_stays(every_pair: bool) -> None:
    rows, zones = first_rows((5, 5, 5), 256, 3, 6, every_pair=every_pair)
    found = change(changed_problem(rows, zones, 6, every_pair=every_pair))
    assert moves(rows, found.nodes) == 0
    assert (found.excess_peers, found.strain) == (0, 0)


@pytest.mark.parametrize(
    ("sizes", "max_peers", "reserve", "most"),
    [
        ((5, 5, 5, 5), 10, 2, 1.1),
        ((20,), 10, 2, 1.1),
        ((10,) * 5, 16, 2, 1.1),
        ((25, 25), 16, 2, 1.1),
        ((5, 5, 5, 5), 10, 0, 1.6),
        ((10,) * 5, 16, 0, 1.6),
        ((25, 25), 10, 0, 1.6),
        ((17, 17, 16), 16, 0, 2.5),
    ],
)
def test_a_new_node_costs_few_moves_more_than_without_limit(
    sizes: tuple[int, ...], max_peers: int, reserve: int, most: float
) -> None:
    rows, zones = first_rows(sizes, 1024, 3, max_peers - reserve)
    problem = changed_problem(rows, [*zones, 0], max_peers)
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert moves_over_bound(problem, found) <= most


@pytest.mark.parametrize(
    ("sizes", "max_peers", "reserve", "most"),
    [
        ((5, 5, 5, 5), 10, 2, 1.4),
        ((10,) * 5, 16, 2, 1.4),
        ((25, 25), 16, 2, 1.4),
        ((5, 5, 5, 5), 10, 0, 1.6),
        ((10,) * 5, 10, 0, 1.6),
        ((17, 17, 16), 16, 0, 2.5),
    ],
)
def test_a_lost_node_costs_few_moves_more_than_without_limit(
    sizes: tuple[int, ...], max_peers: int, reserve: int, most: float
) -> None:
    rows, zones = first_rows(sizes, 1024, 3, max_peers - reserve)
    problem = changed_problem(rows, zones, max_peers, gone=[len(zones) // 2])
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert moves_over_bound(problem, found) <= most


def test_few_pairs_change_however_many_nodes_there_are() -> None:
    changed = []
    for nodes in (50, 200):
        rows, zones = first_rows((nodes // 5,) * 5, 20 * nodes, 3, 8)
        found = change(changed_problem(rows, [*zones, 0], 10))
        before, after = (peers_of(r, True, nodes + 1) for r in (rows, found.nodes))
        changed.append(sum(len(a ^ b) for a, b in zip(before, after, strict=True)))
    assert changed[1] <= 2 * changed[0] <= 2 * 20 * 10


def test_slack_costs_fewer_moves() -> None:
    rows, zones = first_rows((10,) * 5, 1024, 3, 10)
    even, slack = (changed_problem(rows, [*zones, 0], 10, slack=each) for each in (0, 1))
    assert moves(rows, change(slack).nodes) < 0.9 * moves(rows, change(even).nodes)


@pytest.mark.parametrize("every_pair", [True, False])
def test_a_lost_zone_is_made_up_for_by_the_others(every_pair: bool) -> None:
    rows, zones = first_rows((8, 8, 8, 8), 512, 3, 8, every_pair=every_pair)
    gone = [node for node, zone in enumerate(zones) if zone == 2]
    problem = changed_problem(rows, zones, 10, gone=gone, every_pair=every_pair)
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)


def test_a_zone_that_comes_gets_its_even_share_of_every_partition() -> None:
    rows, zones = first_rows((8, 8), 256, 3, 10)
    problem = changed_problem(rows, [*zones, *[2] * 8], 12)
    found = change(problem)
    check(problem, found)
    assert found.excess_peers == 0


def test_changed_weights_move_load() -> None:
    rows, zones = first_rows((6, 6, 6, 6), 512, 3, 8)
    weights = [2.0 if node % 7 == 0 else 1.0 for node in range(24)]
    problem = changed_problem(rows, zones, 10, weights=weights)
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert moves_over_bound(problem, found) <= 2.5


def test_several_changes_at_once() -> None:
    rows, zones = first_rows((9, 9, 9, 9), 1024, 3, 8)
    problem = changed_problem(rows, [*zones, 0, 1, 2, 3, 0], 10, gone=[3, 12, 30])
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert moves_over_bound(problem, found) <= 1.6


def test_a_map_made_without_limit_is_brought_within_it() -> None:
    scattered = place(problem_of((8, 8, 8), 512, 3, 23).placement).nodes
    problem = changed_problem(scattered, [0] * 8 + [1] * 8 + [2] * 8, 8)
    assert most_peers(scattered, 24) > 8
    found = change(problem)
    check(problem, found)
    assert found.excess_peers == 0


def test_masters_are_even_where_roles_decide_who_is_a_peer() -> None:
    rows, zones = first_rows((8, 8, 8, 8), 512, 3, 6, every_pair=False)
    problem = changed_problem(rows, [*zones, 1], 8, gone=[5], every_pair=False)
    found = change(problem)
    check(problem, found)
    assert found.excess_peers == 0
    masters = np.bincount(found.nodes[:, 0], minlength=33)
    assert (problem.masters_least <= masters).all()
    assert (masters <= problem.masters_most).all()


def test_masters_stay_first_and_copies_in_the_way_of_spread_go() -> None:
    current = np.array([[1, 0, 2], [0, 1, -1], [2, 0, 1]], np.int32)
    problem = changed_problem(current, [0, 0, 1, 2], 3, gone=[1])
    kept = rows_that_stay(problem, np.array([[2], [0], [-1]], np.int32))
    assert kept.tolist() == [[2, 0, -1], [0, -1, -1], [2, 0, -1]]


def test_a_node_that_comes_takes_the_place_of_one_that_goes() -> None:
    rows, zones = first_rows((9, 9, 9, 9), 1024, 3, 10)
    problem = changed_problem(rows, [*zones, 2, 0], 10, gone=[4, 20])
    found = change(problem)
    check(problem, found)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert moves(rows, found.nodes) == np.count_nonzero(np.isin(rows, [4, 20]))


def test_many_changes_in_a_row_end_no_worse_than_they_began() -> None:
    generator = np.random.default_rng(4)
    rows, zones = first_rows((10, 10, 10, 10), 256, 3, 8)
    costs, begin = [], cells(rows)
    for _ in range(200):
        sizes = np.bincount(zones, minlength=4)
        comes = generator.random() < (0.7 if len(zones) < 36 else 0.5 if len(zones) < 44 else 0.3)
        gone = []
        if comes:
            zones = [*zones, int(sizes.argmin())]
        else:
            gone = [int(generator.choice(np.flatnonzero(np.array(zones) == sizes.argmax())))]
        problem = changed_problem(rows, zones, 10, gone=gone)
        found = change(problem)
        check(problem, found)
        assert (found.excess_peers, found.strain) == (0, 0)
        costs.append(moves_over_bound(problem, found))
        stays = np.ones(len(zones), np.bool_)
        stays[gone] = False
        rows = (np.cumsum(stays) - 1).astype(np.int32)[found.nodes]
        zones = [zone for zone, kept in zip(zones, stays, strict=True) if kept]
    assert np.mean(costs[-50:]) <= 1.1 * np.mean(costs[:50])
    assert cells(rows).std() <= begin.std()
    assert np.ptp(cells(rows)) <= np.ptp(begin)


def cells(rows: Rows) -> NDArray[np.int64]:
    """Return how many partitions each two peers share."""
    counts = Counter(pair for row in rows.tolist() for pair in combinations(sorted(row), 2))
    return np.array(list(counts.values()))


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_little_is_lost_against_the_best_of_all_small_changes(data: st.DataObject) -> None:
    sizes = data.draw(st.sampled_from([(3, 2), (5,), (2, 2, 1), (4,), (1, 1, 2, 1)]), "zones")
    copies = data.draw(st.integers(2, 3), "copies")
    max_peers = data.draw(st.integers(copies, 4), "peers")
    rows = place_fresh(problem_of(sizes, data.draw(st.integers(1, 4)), copies, max_peers)).nodes
    zones = np.repeat(np.arange(len(sizes)), sizes).tolist()
    gone = data.draw(st.sets(st.integers(0, len(zones) - 1), max_size=1), "gone")
    zones += data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=1), "new")
    problem = changed_problem(rows, zones, max_peers, gone=sorted(gone))
    found = change(problem)
    check(problem, found)
    legal = legal_rows(problem, copies)
    assume(len(legal) ** len(rows) <= 20_000)
    best = least_change(
        rows.tolist(), [legal] * len(rows), problem.least.tolist(), problem.most.tolist(), max_peers
    )
    assert best is not None
    assert found.excess_peers == 0
    strain, moved = found.strain, moves(rows, found.nodes)
    assert best <= (strain, moved)
    assert strain <= best[0] + len(zones)
    assert strain > best[0] or moved <= best[1] + 2


def legal_rows(problem: PeersProblem, copies: int) -> list[tuple[int, ...]]:
    """Return the sets of nodes that may hold a partition, with no more excess than must be."""
    able = np.flatnonzero(problem.placement.eligible).tolist()
    share, zones = int(problem.class_shares[0, 0]), problem.placement.levels[0].tolist()
    excess = {
        row: sum(max(0, held - share) for held in Counter(zones[node] for node in row).values())
        for row in combinations(able, copies)
    }
    return [row for row, found in excess.items() if found == min(excess.values())]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_whatever_changes_counts_and_spread_hold_and_the_rest_is_told(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 8), min_size=1, max_size=5), "zones")
    copies = data.draw(st.integers(1, 4), "copies")
    partitions = data.draw(st.integers(1, 60), "partitions")
    every_pair = data.draw(st.booleans(), "every pair")
    nodes = sum(sizes)
    max_peers = data.draw(st.integers(1, nodes), "peers")
    start = place_fresh(
        problem_of(sizes, partitions, copies, max_peers, every_pair=every_pair)
    ).nodes
    zones = np.repeat(np.arange(len(sizes)), sizes).tolist()
    zones += data.draw(st.lists(st.integers(0, len(sizes)), max_size=3), "new")
    gone = data.draw(st.sets(st.integers(0, nodes - 1), max_size=min(3, nodes - 1)), "gone")
    weights = None
    if data.draw(st.booleans(), "weighted"):
        weights = data.draw(
            st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=len(zones), max_size=len(zones)),
            "weights",
        )
    problem = changed_problem(
        start, zones, max_peers, gone=sorted(gone), every_pair=every_pair, weights=weights
    )
    check(problem, change(problem))


def test_what_interrupts_it_is_raised() -> None:
    rows, zones = first_rows((10,) * 5, 1024, 3, 10)
    problem = changed_problem(rows, [*zones, 0], 10)

    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        change_peers(problem, rows[:, :1], interrupt=stop)

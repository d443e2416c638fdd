"""First placements within a number of peers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcore._kernels import _peers
from mapcore.planning.peers.fresh import place_fresh
from mapcore.planning.peers.problem import DUE_ONE, limits_of
from mapcore.planning.peers.rings import ring_order, whole_shares
from mapcore.planning.placing.placement import spread_excess
from tests.planning.peers.clusters import problem_of
from tests.twins.peers import peers_of, swept

zone_sizes = st.lists(st.integers(1, 7), min_size=1, max_size=5).filter(lambda s: sum(s) > 1)


def degrees(rows: np.ndarray, nodes: int, *, every_pair: bool = True) -> list[int]:
    return [len(peers) for peers in peers_of(rows, every_pair, nodes)]


def loads(rows: np.ndarray, nodes: int) -> np.ndarray:
    return np.bincount(rows[rows >= 0], minlength=nodes)


@pytest.mark.parametrize(
    ("sizes", "copies", "max_peers"),
    [
        ((4, 4, 4), 3, 6),
        ((25, 25, 25, 25), 3, 8),
        ((3, 3, 2, 2), 3, 3),
        ((3, 3, 2, 2), 4, 5),
        ((50, 5, 5), 3, 11),
        ((50, 6, 5), 3, 12),
        ((16, 12, 8, 4), 3, 4),
        ((5, 3, 2), 3, 5),
        ((100, 60, 40), 3, 5),
        ((10, 10), 2, 1),
        ((12,), 3, 2),
        ((200,), 2, 2),
    ],
)
def test_even_loads_are_reached_with_so_few_peers(
    sizes: tuple[int, ...], copies: int, max_peers: int
) -> None:
    problem = problem_of(sizes, 1024, copies, max_peers)
    found = place_fresh(problem)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert max(degrees(found.nodes, sum(sizes))) <= max_peers
    held = loads(found.nodes, sum(sizes))
    assert ((problem.least <= held) & (held <= problem.most)).all()
    assert spread_excess(problem.placement, found.nodes) == spread_excess(
        problem.placement, problem.relaxed
    )


@pytest.mark.parametrize("every_pair", [True, False])
def test_two_peers_are_left_in_reserve(every_pair: bool) -> None:
    problem = problem_of((20, 20, 20), 2048, 3, 10, reserve=2, every_pair=every_pair)
    found = place_fresh(problem)
    assert found.peers_aimed_at == 8
    assert max(degrees(found.nodes, 60, every_pair=every_pair)) <= 8
    assert (found.excess_peers, found.strain) == (0, 0)


def test_the_reserve_is_used_where_fewer_peers_do_not_suffice() -> None:
    found = place_fresh(problem_of((50, 5, 5), 1024, 3, 12, reserve=2))
    assert (found.peers_aimed_at, found.excess_peers) == (11, 0)


def test_as_planned_fewer_peers_suffice_than_after_failover() -> None:
    """A master between its two slaves has two peers, where slaves are no peers of each other."""
    problem = problem_of((4, 4, 4), 240, 3, 2, every_pair=False)
    found = place_fresh(problem)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert max(degrees(found.nodes, 12, every_pair=False)) == 2


def test_nodes_of_any_weight_keep_their_shares() -> None:
    problem = problem_of((20, 20, 20), 4096, 3, 14, weights=(1.0, 2.0, 4.0))
    found = place_fresh(problem)
    assert (found.excess_peers, found.strain) == (0, 0)
    assert max(degrees(found.nodes, 60)) <= 14


@pytest.mark.parametrize(("sizes", "max_peers"), [((7, 3), 4), ((12, 9, 6), 6), ((9, 7), 5)])
def test_as_planned_masters_are_even_by_what_is_placed(
    sizes: tuple[int, ...], max_peers: int
) -> None:
    problem = problem_of(sizes, 480, 3, max_peers, every_pair=False)
    found = place_fresh(problem)
    led = np.bincount(found.nodes[:, 0], minlength=sum(sizes))
    assert (found.excess_peers, found.strain) == (0, 0)
    assert ((problem.masters_least <= led) & (led <= problem.masters_most)).all()


def test_of_placements_that_are_whole_one_with_more_peers_is_taken() -> None:
    """Pairs of nodes that hold the same partitions would do: one would take all when one fails."""
    found = place_fresh(problem_of((20, 10, 8, 7, 5), 1024, 2, 4, reserve=2))
    assert (found.excess_peers, found.strain) == (0, 0)
    assert min(degrees(found.nodes, 50)) == 2


def test_too_few_peers_leave_spread_and_counts_whole() -> None:
    problem = problem_of((50, 5, 5), 256, 3, 4)
    found = place_fresh(problem)
    assert found.excess_peers == sum(max(0, each - 4) for each in degrees(found.nodes, 60)) > 0
    assert (found.nodes >= 0).all()
    assert spread_excess(problem.placement, found.nodes) == (0,)


def test_pairs_share_about_as_many_partitions() -> None:
    found = place_fresh(problem_of((30, 30, 30, 30), 8192, 3, 10))
    led = found.nodes[:, :1].astype(np.int64) * 120 + found.nodes[:, 1:]
    counts = np.unique(led, return_counts=True)[1]
    assert counts.max() - counts.min() <= 4  # of 27 and more


def test_a_node_with_most_partitions_holds_none_twice() -> None:
    problem = problem_of((3,), 48, 2, 1, weights=(1.0, 2.0, 1.0))
    found = place_fresh(problem)
    assert (found.nodes[:, 0] != found.nodes[:, 1]).all()
    assert (found.nodes >= 0).all()


@settings(max_examples=60, deadline=None)
@given(zone_sizes, st.integers(1, 40), st.integers(1, 4), st.integers(1, 8), st.booleans())
def test_what_is_reported_is_what_is_counted(
    sizes: list[int], partitions: int, copies: int, max_peers: int, every_pair: bool
) -> None:
    problem = problem_of(sizes, partitions, copies, max_peers, every_pair=every_pair)
    found = place_fresh(problem)
    nodes = sum(sizes)
    held = loads(found.nodes, nodes)
    excess = sum(max(0, d - max_peers) for d in degrees(found.nodes, nodes, every_pair=every_pair))
    outside = np.maximum(held - problem.most, 0) + np.maximum(problem.least - held, 0)
    assert (found.excess_peers, found.strain) == (excess, int(outside.sum()))
    for row in found.nodes:
        there = row[row >= 0].tolist()
        assert len(set(there)) == len(there) == min(copies, nodes)
    assert spread_excess(problem.placement, found.nodes) == spread_excess(
        problem.placement, problem.relaxed
    )


@settings(max_examples=40, deadline=None)
@given(zone_sizes, st.integers(1, 40), st.integers(1, 4), st.integers(1, 6), st.booleans())
def test_mending_makes_nothing_worse(
    sizes: list[int], partitions: int, copies: int, max_peers: int, every_pair: bool
) -> None:
    problem = problem_of(sizes, partitions, copies, max_peers, every_pair=every_pair)
    nodes = sum(sizes)
    rows = problem.relaxed.copy()
    before = sum(max(0, d - max_peers) for d in degrees(rows, nodes, every_pair=every_pair))
    excess, strain = _peers.mend(limits_of(problem, max_peers), every_pair, rows, None)
    assert excess <= before
    assert strain == 0 or excess < before
    assert spread_excess(problem.placement, rows) == spread_excess(
        problem.placement, problem.relaxed
    )


@settings(max_examples=80, deadline=None)
@given(
    zone_sizes,
    st.integers(0, 40),
    st.integers(1, 4),
    st.integers(0, 6),
    st.integers(0, 6),
)
def test_a_sweep_is_what_its_slow_twin_does(
    sizes: list[int], partitions: int, copies: int, ahead: int, behind: int
) -> None:
    problem = problem_of(sizes, max(1, partitions), copies, 5)
    order = ring_order(problem.placement.levels, np.arange(sum(sizes)))
    zones = problem.placement.levels[0][order]
    copies = int(problem.classes.copies[0])
    share = int(problem.class_shares[0, 0])
    masters = whole_shares(problem.masters_due[order], partitions)
    slaves = np.maximum(problem.copies_due[order] - masters * DUE_ONE, 0)
    bound = {int(zone) for zone in zones if sizes[zone] == min(sizes)}
    must_hold = np.isin(problem.placement.levels[0], list(bound)).astype(np.uint8)
    rows = np.full((max(1, partitions), copies), -1, np.int32)
    _peers.sweep(
        limits_of(problem, 5),
        order,
        masters,
        slaves,
        ahead,
        behind,
        np.arange(partitions, dtype=np.int32),
        copies,
        must_hold,
        share * len(bound),
        rows,
        None,
    )
    expected = swept(
        zones.tolist(), share, masters.tolist(), slaves.tolist(), ahead, behind, copies, bound
    )
    assert [[int(order[n]) if n >= 0 else -1 for n in row] for row in expected] == rows[
        :partitions
    ].tolist()


@given(st.data())
def test_peers_are_counted_as_the_slow_twin_counts_them(data: st.DataObject) -> None:
    nodes, width = data.draw(st.integers(1, 7)), data.draw(st.integers(0, 4))
    row = st.permutations([*range(nodes), *[-1] * width]).map(lambda order: list(order[:width]))
    drawn = data.draw(st.lists(row, max_size=8))
    rows = np.array(drawn, np.int32).reshape(len(drawn), width)
    peers = np.ones(nodes, np.int32)
    every_pair = data.draw(st.booleans())
    _peers.count_peers(rows, every_pair, peers)
    assert peers.tolist() == degrees(rows, nodes, every_pair=every_pair)


def test_the_same_problem_has_the_same_placement() -> None:
    first, second = (place_fresh(problem_of((9, 7, 5), 512, 3, 6)) for _ in range(2))
    assert np.array_equal(first.nodes, second.nodes)


def test_an_interrupt_stops_the_work() -> None:
    class StopWorkError(Exception):
        pass

    def stop() -> None:
        raise StopWorkError

    with pytest.raises(StopWorkError):
        place_fresh(problem_of((50, 5, 5), 4096, 3, 4), interrupt=stop)


def test_places_alternate_on_the_ring() -> None:
    zones = np.repeat(np.arange(3, dtype=np.int32), (4, 2, 2))
    assert zones[ring_order(zones[None, :], np.arange(8))].tolist() == [0, 1, 2, 0, 0, 1, 2, 0]


def test_whole_shares_sum_up_and_are_floors_or_ceilings() -> None:
    shares = whole_shares(np.array([3, 3, 3, 1], np.int64), 7)
    assert shares.sum() == 7
    assert (np.abs(shares - np.array([2.1, 2.1, 2.1, 0.7])) < 1).all()

"""How many partitions each node replicates to each: sums, evenness and its proof."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore import fanout_graph
from mapcore._kernels import _fanout
from mapcore.errors import PlanError
from mapcore.planning.fanout.counts import FanoutCounts, fanout_counts
from mapcore.planning.fanout.cuts import Cut, sums_of
from mapcore.planning.fanout.graph import FanoutGraph

pytest.importorskip("ortools.graph.python.max_flow")

from tests.twins.fanout_counts import flow_exists, least_difference


def graph_of(*sizes: int, max_peers: int) -> FanoutGraph:
    zones = [zone for zone, size in enumerate(sizes) for _ in range(size)]
    return fanout_graph([f"n{node}" for node in range(len(zones))], zones, max_peers)


def shares(total: int, count: int) -> list[int]:
    return [total // count + (node < total % count) for node in range(count)]


def assert_sums(counts: FanoutCounts, masters: list[int], slaves: list[int]) -> None:
    matrix = counts.dense()
    assert matrix.sum(axis=0).tolist() == slaves
    each = sum(slaves) // max(1, sum(masters))
    assert matrix.sum(axis=1).tolist() == [led * each for led in masters]
    assert (matrix <= np.array(masters)[:, None]).all()
    assert not (matrix[counts.graph.dense() == 0]).any()


@st.composite
def demands(draw: st.DrawFn) -> tuple[FanoutGraph, list[int], list[int]]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3).filter(lambda s: sum(s) > 1))
    graph = graph_of(*sizes, max_peers=draw(st.integers(1, 5)))
    count = len(graph.names)
    masters = draw(st.lists(st.integers(0, 6), min_size=count, max_size=count))
    each = draw(st.integers(1, 2))
    slaves = [0] * count
    for _ in range(sum(masters) * each):
        slaves[draw(st.integers(0, count - 1))] += 1
    if draw(st.booleans()):
        slaves = shares(sum(masters) * each, count)
    return graph, masters, slaves


@given(demands())
def test_cells_differ_by_no_more_than_they_have_to(
    demand: tuple[FanoutGraph, list[int], list[int]],
) -> None:
    graph, masters, slaves = demand
    least = least_difference(graph.targets.tolist(), masters, slaves)
    if least is None:
        with pytest.raises(PlanError, match="no flow along the graph"):
            fanout_counts(graph, masters, slaves)
        return
    counts = fanout_counts(graph, masters, slaves)
    assert_sums(counts, masters, slaves)
    low, high = counts.cell_range
    assert high - low == least == counts.least_difference
    assert counts.is_as_even_as_can_be


@given(st.data())
def test_a_flow_is_found_where_there_is_one_and_else_a_cut(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=3))
    graph = graph_of(*sizes, max_peers=data.draw(st.integers(1, 4)))
    count, degree = graph.targets.shape
    cells = st.lists(st.integers(0, 4), min_size=count * degree, max_size=count * degree)
    first, second = (np.array(data.draw(cells), np.int64).reshape(count, -1) for _ in range(2))
    least, most = np.minimum(first, second), np.maximum(first, second)
    any_flow = np.array(data.draw(cells), np.int64).reshape(count, -1)
    sent = any_flow.sum(axis=1)
    received = np.bincount(graph.targets.ravel(), any_flow.ravel(), count).astype(np.int64)
    found = least.copy()
    sides = np.zeros((2, count), np.uint8)
    exists = _fanout.flow(graph.targets, sent, received, least, most, found, *sides)
    arguments = (graph.targets, sent, received, least, most)
    assert exists == flow_exists(*(argument.tolist() for argument in arguments))
    if exists:
        assert ((found >= least) & (found <= most)).all()
        assert (found.sum(axis=1) == sent).all()
        assert (np.bincount(graph.targets.ravel(), found.ravel(), count) == received).all()
    else:
        sources, sinks = sides.astype(bool)
        enters, leaves = (
            np.outer(~sources, sinks)[np.arange(count)[:, None], graph.targets],
            np.outer(sources, ~sinks)[np.arange(count)[:, None], graph.targets],
        )
        surplus = sent[sources].sum() - received[sinks].sum()
        assert surplus > most[leaves].sum() - least[enters].sum()


@pytest.mark.parametrize("sizes", [(10,) * 3, (40,) * 5, (3, 3, 2, 2), (20, 15, 15), (40, 35, 25)])
@pytest.mark.parametrize("max_peers", [3, 7])
def test_cells_of_equal_nodes_differ_by_one(sizes: tuple[int, ...], max_peers: int) -> None:
    graph = graph_of(*sizes, max_peers=max_peers)
    count = len(graph.names)
    # As many to each peer, to within one, is what the sums allow at this number of partitions.
    masters, slaves = shares(count * max_peers * 3, count), shares(count * max_peers * 6, count)
    counts = fanout_counts(graph, masters, slaves)
    assert_sums(counts, masters, slaves)
    assert counts.cell_range == (6, 6)
    masters, slaves = (
        shares(count * max_peers * 3 + 5, count),
        shares(count * max_peers * 6 + 10, count),
    )
    counts = fanout_counts(graph, masters, slaves)
    assert_sums(counts, masters, slaves)
    assert counts.is_as_even_as_can_be


def test_a_node_of_twice_the_weight_sends_and_takes_twice_as_much() -> None:
    graph = graph_of(6, 6, max_peers=4)
    masters = [40 if node in (0, 6) else 20 for node in range(12)]
    counts = fanout_counts(graph, masters, masters)
    assert_sums(counts, masters, masters)
    assert counts.is_as_even_as_can_be
    assert counts.cell_range[1] == 10  # 40 copies over four peers


def test_the_report_names_what_stands_against_more_even_cells() -> None:
    graph = FanoutGraph(
        ("n0", "n1", "n2"), np.arange(3, dtype=np.int32), np.array([[1], [2], [0]], np.int32), 1, 0
    )
    counts = fanout_counts(graph, [1, 3, 5], [5, 1, 3])
    assert counts.cell_range == (1, 5)
    assert counts.report().splitlines() == [
        "9 copies over 3 pairs: 1 to 5 each",
        "not 1 to 4 each: n2 would send 4, expected 5",
        "not 2 to 5 each: n0 would send 2, expected 1",
        "not 1 to 4 each: n0 would receive 4, expected 5",
        "not 2 to 5 each: n1 would receive 2, expected 1",
    ]


def test_a_proof_with_a_cut_left_out_proves_less() -> None:
    counts = fanout_counts(graph_of(1, 1, max_peers=1), [1, 5], [5, 1])
    assert counts.is_as_even_as_can_be
    assert not replace(counts, cuts=()).is_as_even_as_can_be


def test_rows_are_lines_of_text() -> None:
    graph = graph_of(1, 1, max_peers=1)
    assert list(fanout_counts(graph, [2, 3], [3, 2]).rows()) == ["n0 -> n1:2", "n1 -> n0:3"]


def test_without_nodes_or_partitions_there_is_nothing() -> None:
    nobody = fanout_graph([], [], 3)
    assert fanout_counts(nobody, [], []).cell_range == (0, 0)
    idle = fanout_counts(graph_of(2, 2, max_peers=2), [0] * 4, [0] * 4)
    assert idle.cell_range == (0, 0)
    assert idle.is_as_even_as_can_be


def test_a_cut_without_edges_asks_for_what_can_never_be() -> None:
    counts = fanout_counts(graph_of(1, 1, max_peers=1), [2, 2], [2, 2])
    nobody, everyone = np.zeros(2, bool), np.ones(2, bool)
    sums = sums_of(Cut(everyone, nobody), counts.demand)
    assert sums.most_needed(np.array([0])).tolist() == [2]
    assert sums_of(Cut(nobody, nobody), counts.demand).most_needed(np.array([0])).tolist() == [0]


@pytest.mark.parametrize(
    ("masters", "slaves", "message"),
    [
        ([1], [1, 1], "masters: found 1, expected one for each of 2 nodes"),
        ([1, 1], [1], "slaves: found 1, expected one for each of 2 nodes"),
        ([1, -1], [0, 0], "masters: found -1 for 'n1', expected 0 or more"),
        ([1, 1], [2, 1], "slaves: found 3 in all, expected a multiple of 2 masters"),
        ([0, 0], [1, 0], "slaves: found 1 in all, expected a multiple of 0 masters"),
        (
            [2, 0],
            [1, 1],
            "no flow along the graph has these sums: n0 would send others than n1 0 copies more",
        ),
    ],
)
def test_wrong_sums_are_named(masters: list[int], slaves: list[int], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        fanout_counts(graph_of(1, 1, max_peers=1), masters, slaves)


def test_a_search_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    count = 20_000
    graph = graph_of(*[count // 4] * 4, max_peers=20)
    random = np.random.default_rng(1)
    masters = np.bincount(random.integers(0, count, 500_000), minlength=count)
    slaves = np.bincount(random.integers(0, count, 1_000_000), minlength=count)
    with pytest.raises(KeyboardInterrupt):
        fanout_counts(graph, masters, slaves, interrupt=stop)

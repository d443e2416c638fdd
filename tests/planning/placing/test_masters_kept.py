"""Of moves that are as good, those that take slaves: masters stay, and nothing else changes."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

import mapcore
from mapcore.planning.certificates.copies import check_placement
from mapcore.planning.placing.masters_kept import keep_masters
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from tests.planning.clusters import MASTER, SLAVE, cluster, masters, settings
from tests.planning.random_clusters import random_mixed_problem, random_problem


def masters_of(problem: PlacementProblem, seed: int) -> NDArray[np.int32]:
    """Any of the nodes that hold a partition now leads it."""
    rng = random.Random(seed)
    rows = [[node for node in row if node >= 0] for row in problem.current.tolist()]
    return np.array([[rng.choice(row) if row else -1] for row in rows], np.int32)


def lost(problem: PlacementProblem, led: NDArray[np.int32], nodes: NDArray[np.int32]) -> int:
    """The masters whose copy is given up, though their node could keep it."""
    wanted = (led >= 0) & problem.eligible[led]
    return int((wanted[:, 0] & ~(nodes == led).any(axis=1)).sum())


@pytest.mark.parametrize("depth", [0, 1, 2])
@pytest.mark.parametrize("make", [random_problem, random_mixed_problem])
def test_a_placement_stays_as_good_and_takes_no_more_masters(
    make: Callable[[int, int], PlacementProblem], depth: int
) -> None:
    traded = 0
    for seed in range(60):
        problem = make(seed, depth)
        led = masters_of(problem, seed)
        before = place(problem)
        after = keep_masters(problem, before, led, np.ones(len(problem.eligible), np.bool_))
        proof, kept_proof = check_placement(problem, before), check_placement(problem, after)
        assert kept_proof.fault is None
        assert (kept_proof.costs, kept_proof.bounds) == (proof.costs, proof.bounds)
        held, kept = (np.sort(made.nodes[made.nodes >= 0]) for made in (before, after))
        assert np.array_equal(held, kept)
        gained = lost(problem, led, before.nodes) - lost(problem, led, after.nodes)
        assert gained >= 0
        traded += gained
    assert traded


def test_a_new_node_takes_slaves_where_it_can() -> None:
    rows = [{"a": MASTER, "b": SLAVE}, {"b": MASTER, "a": SLAVE}] * 6
    given = cluster(
        {"a": "", "b": "", "c": ""}, settings(slave=1, partitions=12, zones=False), rows
    )
    plan = mapcore.plan(given)
    kept = sum(
        was == now for was, now in zip(masters(plan.current), masters(plan.target), strict=True)
    )
    assert (len(plan.moves), kept) == (8, 8)

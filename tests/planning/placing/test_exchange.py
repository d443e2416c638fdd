"""Choosing among equal plans: exchanges that cost nothing and help."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import mapcore
from mapcore.planning.placing.exchange import even_out_slaves
from mapcore.planning.placing.placement import place
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.roles import Roles, RolesProblem, assign_roles
from mapcore.planning.placing.shares import share_bounds
from tests.planning.clusters import cluster, even, settings
from tests.twins.exchange import Scatter, pair_counts


def random_case(seed: int) -> tuple[PlacementProblem, RolesProblem, Roles]:
    """A placement of which some is new, in zones and racks, with classes and pins now and then."""
    rng = random.Random(seed)
    node_count, partitions = rng.randint(1, 12), rng.randint(0, 60)
    copies = rng.randint(1, min(4, node_count))
    zone = np.array([rng.randrange(3) for _ in range(node_count)], np.int32)
    racks = zone * 2 + np.array([rng.randrange(2) for _ in range(node_count)], np.int32)
    levels = np.stack([zone, racks])[: rng.randint(0, 2)].reshape(-1, node_count).astype(np.int32)
    current = np.full((partitions, rng.randint(0, copies)), -1, np.int32)
    for row in current:
        held = rng.sample(range(node_count), rng.randint(0, len(row)))
        row[: len(held)] = held
    eligible = np.array([rng.random() < 0.9 for _ in range(node_count)])
    eligible[0] = True
    counts = np.full(partitions, copies, np.int32)
    more: dict[str, Any] = {}
    if rng.random() < 0.3:
        allows = np.array([[rng.random() < 0.8 for _ in range(node_count)] for _ in range(2)])
        allows[:, 0] = True
        classes = np.array([rng.randrange(2) for _ in range(partitions)], np.int32)
        more = {"partition_class": classes, "class_eligible": allows}
    elif rng.random() < 0.3:
        more = {"pinned": np.where(np.arange(partitions) % 3 == 0, 0, -1)[:, None].astype(np.int32)}
    total = partitions * min(copies, int(eligible.sum()))
    lower, upper = share_bounds(total, (1.0,), np.zeros(node_count, int), eligible, partitions)
    problem = PlacementProblem(current, counts, eligible, lower, upper, levels, **more)
    placed = place(problem).nodes
    lower, upper = share_bounds(partitions, (1.0,), np.zeros(node_count, int), eligible, partitions)
    leads = rng.randint(0, 2)
    roles_problem = RolesProblem(
        placed,
        current[:, :leads].copy(),
        np.full(partitions, rng.randint(0, 2), np.int32),
        eligible,
        lower,
        upper,
    )
    return problem, roles_problem, assign_roles(roles_problem)


def squares(placed: NDArray[np.int32], roles: Roles) -> tuple[int, int]:
    counts = pair_counts(placed, roles.is_master)
    return sum(count**2 for count in counts.values()), max(counts.values(), default=0)


@pytest.mark.parametrize("block", range(6))
def test_the_kernel_equals_its_slow_twin_and_only_improves(block: int) -> None:
    for seed in range(block * 40, block * 40 + 40):
        problem, roles_problem, roles = random_case(seed)
        before = roles_problem.placed.copy()
        slow = Scatter(problem, roles_problem, roles).run()
        exchanges = even_out_slaves(problem, roles_problem, roles)
        after = roles_problem.placed
        assert (seed, after.tolist()) == (seed, slow.tolist())
        assert (seed, bool(exchanges)) == (seed, not np.array_equal(before, after))
        for was, now in zip(squares(before, roles), squares(after, roles), strict=True):
            assert (seed, now) <= (seed, was)
        kept = (before[:, :, None] == problem.current[:, None, :]).any(axis=2)
        assert np.array_equal(before[kept], after[kept])
        assert np.array_equal(before[roles.is_master], after[roles.is_master])


def test_slaves_of_a_node_are_spread_over_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    found = cluster(even(16, 8), settings(1, 1, 1024))
    plan = mapcore.plan(found)
    counts = pair_counts(plan.work.roles_problem.placed, plan.work.roles.is_master)
    assert max(counts.values()) == plan.scatter.worst_increase == 5  # 64 masters over 14 nodes
    assert plan.certificate.is_optimal
    assert not mapcore.plan(plan.cluster.with_current(plan.target)).moves
    monkeypatch.setattr("mapcore.planning.drafting.even_out_slaves", lambda *_, **__: 0)
    assert mapcore.plan(found).scatter.worst_increase > 5


def test_the_search_ends_after_so_many_attempts() -> None:
    for seed in range(40):
        problem, roles_problem, roles = random_case(seed)
        slow = Scatter(problem, roles_problem, roles).run(25)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mapcore.planning.placing.exchange.most_attempts", lambda *_: 25)
            even_out_slaves(problem, roles_problem, roles)
        assert (seed, roles_problem.placed.tolist()) == (seed, slow.tolist())


def test_copies_that_stay_are_not_exchanged() -> None:
    before = mapcore.plan(cluster(even(8, 2), settings(1, 1, 256)))
    plan = mapcore.plan(before.cluster.with_current(before.target), remove=["n0"])
    assert plan.certificate.is_optimal
    assert len(plan.moves) == 64


def test_what_interrupt_raises_ends_the_exchanges() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    problem, roles_problem, roles = random_case(3)
    with pytest.raises(KeyboardInterrupt):
        even_out_slaves(problem, roles_problem, roles, interrupt=stop)

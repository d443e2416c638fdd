"""What choosing among equal plans costs, by scatter or by a policy: plans with and without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from bench.test_planning import COPIES, changes_of, cluster_of


def plan_as_it_comes(cluster: mapcore.Cluster, kind: str) -> mapcore.Plan:
    """Plan without looking for a better scatter."""
    with mock.patch("mapcore.planning.drafting.even_out_slaves", return_value=0):
        planned: mapcore.Plan = mapcore.plan(cluster, **changes_of(kind, cluster))
    return planned


@pytest.mark.parametrize("kind", ["fresh", "add 1 % of nodes"])
@pytest.mark.parametrize(("node_count", "partition_count"), [(1_000, 65_536), (40_000, 1_048_576)])
def test_scatter(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    node_count: int,
    partition_count: int,
    kind: str,
) -> None:
    nodes, partitions = scale(node_count), scale(partition_count)
    cluster = cluster_of(nodes, partitions)
    if kind != "fresh":
        cluster = cluster.with_current(plan_as_it_comes(cluster, "fresh").target)
    as_it_comes = plan_as_it_comes(cluster, kind).scatter
    evened_out = mapcore.plan(cluster, **changes_of(kind, cluster)).scatter
    compare(
        benchmark,
        row=f"plan with even scatter, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes_of(kind, cluster)),
        peer=lambda: plan_as_it_comes(cluster, kind),
        peer_name="the same plan without exchanges",
        rounds=5,
        note=(
            f"worst increase {evened_out.worst_increase}, without {as_it_comes.worst_increase}; "
            f"mean {evened_out.increases.mean():.2f}, without {as_it_comes.increases.mean():.2f}"
        ),
    )


def with_free_memory(partition: int, node: int, free: Any) -> float:
    return float(free[node])


def with_any_partition(partition: int, node: int) -> float:
    return float((partition * 7_919 + node * 104_729) % 1_009)


@pytest.mark.parametrize("kind", ["fresh", "add 1 % of nodes"])
@pytest.mark.parametrize("function", [with_free_memory, with_any_partition])
def test_policy(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], function: Any, kind: str
) -> None:
    pytest.importorskip("numba", reason="needs Numba (extra: policy)")
    nodes, partitions = scale(40_000), scale(65_536)
    cluster = cluster_of(nodes, partitions)
    if kind != "fresh":
        cluster = cluster.with_current(mapcore.plan(cluster).target)
    changes = changes_of(kind, cluster)
    free = np.random.default_rng(1).random(nodes + len(changes.get("add", ())))
    arrays = (free,) if function is with_free_memory else ()
    policy = mapcore.policy(function, *arrays)
    outcome = mapcore.plan(cluster, policy=policy, **changes).work.policy
    assert outcome is not None
    compare(
        benchmark,
        row=f"plan {function.__name__.replace('_', ' ')}, {nodes:,} nodes × {partitions:,} × "
        f"{COPIES}: {kind}",
        ours=lambda: mapcore.plan(cluster, policy=policy, **changes),
        peer=lambda: mapcore.plan(cluster, **changes),
        peer_name="the same plan without a policy",
        rounds=3,
        note=f"score {outcome.after:,.0f}, without a policy {outcome.before:,.0f}",
    )

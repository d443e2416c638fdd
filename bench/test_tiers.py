"""A router tier planned whole, against a sort of as many numbers as clients have proxies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare

ZONES, MOST = 8, 16


@pytest.mark.parametrize("kind", ["fresh", "lose a proxy"])
def test_plan_tiers(benchmark: BenchmarkFixture, scale: Callable[[int], int], kind: str) -> None:
    count, proxy_count = scale(40_000), scale(400)
    clients = {f"client{number}": f"z{number % ZONES}" for number in range(count)}
    proxies = {f"proxy{number}": f"z{number % ZONES}" for number in range(proxy_count)}
    previous = None
    if kind != "fresh":
        previous = mapcore.plan_tiers(clients, proxies, count, MOST)
        del proxies["proxy3"]

    def planned() -> mapcore.TierPlan:
        return mapcore.plan_tiers(clients, proxies, count, MOST, previous=previous)

    tiers = planned()
    connections = tiers.connections
    numbers = np.random.default_rng(1).integers(0, 2**63 - 1, connections.clients_to_proxies)
    compare(
        benchmark,
        row=f"plan_tiers, {count:,} clients, {proxy_count:,} proxies, {count:,} nodes: {kind}",
        ours=planned,
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="stable argsort of as many int64 as clients have proxies",
        rounds=7,
        note=(
            f"{connections.direct:,} connections become {connections.total:,}; "
            f"{connections.opened:,} opened"
        ),
    )

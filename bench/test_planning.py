"""Whole calls of `plan`, placement and masters, against a sort of as many numbers, and a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from mapcore.cluster import ClusterMap, Constraints, Rule

ZONES, COPIES = 8, 3


def cluster_of(node_count: int, partition_count: int) -> mapcore.Cluster:
    """Return an even cluster in eight zones without a map."""
    nodes = tuple(
        mapcore.Node(name=f"node{number:05d}", location=f"z{number % ZONES}")
        for number in range(node_count)
    )
    settings = mapcore.Settings(
        num_partitions=partition_count,
        constraints=Constraints(master=1, slave=COPIES - 1),
        levels=("zone",),
    )
    return mapcore.Cluster(
        nodes=nodes, settings=settings, maps={"map": ClusterMap(settings=settings)}
    )


def changes_of(kind: str, cluster: mapcore.Cluster) -> dict[str, Any]:
    """Return the arguments of `plan` for one kind of change."""
    if kind == "add 1 % of nodes":
        added = max(1, len(cluster.nodes) // 100)
        return {"add": {f"new{number:04d}": f"z{number % ZONES}" for number in range(added)}}
    if kind == "lose a zone":
        return {"remove": [node.name for node in cluster.nodes if node.location == "z7"]}
    return {}


@pytest.mark.parametrize(
    ("partition_count", "kind", "target"),
    [
        (65_536, "fresh", 1.0),
        (65_536, "add 1 % of nodes", 0.5),
        (65_536, "lose a zone", 1.0),
        (1_048_576, "fresh", 0.6),
        (1_048_576, "add 1 % of nodes", 0.3),
        (1_048_576, "lose a zone", 0.9),
    ],
)
def test_plan(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    partition_count: int,
    kind: str,
    target: float,
) -> None:
    nodes, partitions = scale(40_000), scale(partition_count)
    cluster = cluster_of(nodes, partitions)
    if kind != "fresh":
        planned = mapcore.plan(cluster).target
        cluster = cluster.with_current(planned)
    changes = changes_of(kind, cluster)
    numbers = np.random.default_rng(1).integers(0, 2**63 - 1, partitions * COPIES)
    compare(
        benchmark,
        row=f"plan, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="stable argsort of as many int64",
        target=target,
        rounds=7,
        note=f"{len(mapcore.plan(cluster, **changes).moves):,} moves",
    )


@pytest.mark.parametrize("node_count", [1_000, 40_000])
@pytest.mark.parametrize("kind", ["fresh", "add 1 % of nodes", "lose a zone"])
def test_plan_of_unequal_partitions(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], node_count: int, kind: str
) -> None:
    nodes, partitions = scale(node_count), scale(65_536)
    plain = cluster_of(nodes, partitions)
    sizes = np.random.default_rng(1).lognormal(20, 1, partitions).astype(np.int64)
    empty = mapcore.plan(plain).current
    sized = plain.with_current(empty.replace(sizes=sizes))
    if kind != "fresh":
        plain = plain.with_current(mapcore.plan(plain).target)
        sized = sized.with_current(mapcore.plan(sized).target)
    changes = changes_of(kind, plain)
    plan = mapcore.plan(sized, **changes)
    moved = plan.certificate.objectives[3]
    compare(
        benchmark,
        row=f"plan by size, {nodes:,} nodes × {partitions:,} × {COPIES}, lognormal: {kind}",
        ours=lambda: mapcore.plan(sized, **changes),
        peer=lambda: mapcore.plan(plain, **changes),
        peer_name="the same plan without sizes",
        rounds=5,
        note=(
            f"all within {plan.certificate.gap or 0:.2%} of a fair share; bytes moved / bound "
            f"{moved.value / max(1, moved.bound or 1):.3f}"
        ),
    )


@pytest.mark.parametrize("kind", ["fresh", "add 1 % of nodes", "lose a zone"])
def test_plan_by_rules(benchmark: BenchmarkFixture, scale: Callable[[int], int], kind: str) -> None:
    nodes, partitions = scale(1_000), scale(16_384)
    racks = tuple(
        replace(node, location=f"{node.location}/r{number // ZONES % 10}")
        for number, node in enumerate(cluster_of(nodes, partitions).nodes)
    )
    settings = replace(cluster_of(nodes, partitions).settings, levels=("zone", "rack"))
    rules = {"slave": (Rule(same="zone", different="rack"), Rule(different="zone"))}

    def placed(given: mapcore.Settings) -> mapcore.Cluster:
        found = mapcore.Cluster(
            nodes=racks, settings=given, maps={"map": ClusterMap(settings=given)}
        )
        return found if kind == "fresh" else found.with_current(mapcore.plan(found).target)

    plain, ruled = placed(settings), placed(replace(settings, rules=rules))
    changes = changes_of(kind, plain)
    if "add" in changes:
        changes["add"] = {name: f"{zone}/r0" for name, zone in changes["add"].items()}
    if "remove" in changes:
        changes["remove"] = [node.name for node in racks if node.location.startswith("z7/")]
    plan = mapcore.plan(ruled, **changes)
    due = plan.loads_after()[plan.loads_after() > 0]
    compare(
        benchmark,
        row=f"plan by rules, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=lambda: mapcore.plan(ruled, **changes),
        peer=lambda: mapcore.plan(plain, **changes),
        peer_name="the same plan without rules",
        rounds=3,
        note=(
            f"{int(plan.broken_rules.sum())} slaves against the rules, "
            f"{due.min()} to {due.max()} copies a node, {len(plan.moves):,} moves"
        ),
    )


@pytest.mark.parametrize("kind", ["a tag for every fourth partition", "maintain one, remove one"])
def test_plan_with_partitions_that_differ(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], kind: str
) -> None:
    nodes, partitions = scale(40_000), scale(65_536)
    cluster = cluster_of(nodes, partitions)
    changes: dict[str, Any] = {}
    if kind == "maintain one, remove one":
        cluster = cluster.with_current(mapcore.plan(cluster).target)
        changes = {"maintain": ["node00001"], "remove": ["node00002"]}
    else:
        tagged = tuple(
            replace(node, tags=("ssd",)) if number % 3 else node
            for number, node in enumerate(cluster.nodes)
        )
        require = {str(partition): ["ssd"] for partition in range(0, partitions, 4)}
        settings = replace(cluster.settings, extra={"require": require})
        cluster = mapcore.Cluster(
            nodes=tagged, settings=settings, maps={"map": ClusterMap(settings=settings)}
        )
    numbers = np.random.default_rng(1).integers(0, 2**63 - 1, partitions * COPIES)
    compare(
        benchmark,
        row=f"plan, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: np.argsort(numbers, kind="stable"),
        peer_name="stable argsort of as many int64",
        rounds=5,
        note=f"{len(mapcore.plan(cluster, **changes).moves):,} moves",
    )


@pytest.mark.parametrize("kind", ["fresh", "lose a zone"])
def test_certificate(benchmark: BenchmarkFixture, scale: Callable[[int], int], kind: str) -> None:
    nodes, partitions = scale(40_000), scale(1_048_576)
    cluster = cluster_of(nodes, partitions)
    plan = mapcore.plan(cluster)
    if kind != "fresh":
        cluster = cluster.with_current(plan.target)
        plan = mapcore.plan(cluster, **changes_of(kind, cluster))
    changes = changes_of(kind, cluster)
    compare(
        benchmark,
        row=f"certificate checked, {nodes:,} nodes × {partitions:,} × {COPIES}: {kind}",
        ours=plan.certificate.verify,
        peer=lambda: mapcore.plan(cluster, **changes),
        peer_name="plan()",
        rounds=3,
        note="proven optimal" if plan.certificate.is_optimal else "not proven",
    )


def test_plan_against_a_minimum_cost_flow(
    benchmark: BenchmarkFixture, scale: Callable[[int], int]
) -> None:
    flow = pytest.importorskip(
        "ortools.graph.python.min_cost_flow", reason="needs OR-tools (extra: test)"
    )
    nodes, partitions = scale(6_400) // 8 * 8, scale(8_192)
    cluster = cluster_of(nodes, partitions)
    cluster = cluster.with_current(mapcore.plan(cluster).target)
    lost = changes_of("lose a zone", cluster)
    current = cluster.current
    assert current is not None

    def by_flow() -> int:
        return flow_moves(flow, current, [node.location for node in cluster.nodes], "z7")

    plan = mapcore.plan(cluster, **lost)
    compare(
        benchmark,
        row=f"plan, {nodes:,} nodes × {partitions:,} × {COPIES}: lose a zone",
        ours=lambda: mapcore.plan(cluster, **lost),
        peer=by_flow,
        peer_name="OR-tools SimpleMinCostFlow, placement alone",
        rounds=3,
        note=f"moves: {len(plan.moves):,} ours, {by_flow():,} by the flow",
    )


def flow_moves(flow: Any, current: mapcore.PartitionMap, zones: list[str], lost: str) -> int:
    """Return the fewest moves off a lost zone: partition, zone, node, and both ends of a share."""
    partitions, nodes = current.shape
    kept = [zone for zone in dict.fromkeys(zones) if zone != lost]
    zone_of = np.array([kept.index(zone) if zone != lost else -1 for zone in zones])
    alive = np.flatnonzero(zone_of >= 0)
    total = partitions * COPIES
    least, most = total // len(alive), -(-total // len(alive))
    solver = flow.SimpleMinCostFlow()
    zone_base = partitions
    hub_base = zone_base + partitions * len(kept)
    node_base = hub_base + len(kept)
    sink = node_base + nodes
    rows = np.repeat(np.arange(partitions), len(kept))
    columns = np.tile(np.arange(len(kept)), partitions)
    in_zone = zone_base + rows * len(kept) + columns
    add = solver.add_arcs_with_capacity_and_unit_cost
    one, zero = np.ones_like(rows), np.zeros_like(rows)
    add(rows, in_zone, one, zero)
    add(in_zone, hub_base + columns, one, one)
    holders = np.repeat(np.arange(partitions), np.diff(current.offsets))
    stays = zone_of[current.copy_nodes] >= 0
    held_nodes = current.copy_nodes[stays].astype(np.int64)
    held_rows = holders[stays]
    add(
        zone_base + held_rows * len(kept) + zone_of[held_nodes],
        node_base + held_nodes,
        np.ones_like(held_nodes),
        np.zeros_like(held_nodes),
    )
    many = np.full(len(alive), partitions)
    add(hub_base + zone_of[alive], node_base + alive, many, np.zeros_like(alive))
    forced = np.full(len(alive), -(10**6))
    add(node_base + alive, np.full(len(alive), sink), np.full(len(alive), least), forced)
    add(
        node_base + alive,
        np.full(len(alive), sink),
        np.full(len(alive), most - least),
        np.zeros_like(alive),
    )
    supplies = np.zeros(sink + 1, dtype=np.int64)
    supplies[:partitions] = COPIES
    supplies[sink] = -total
    solver.set_nodes_supplies(np.arange(sink + 1), supplies)
    assert solver.solve() == solver.OPTIMAL
    return int(solver.optimal_cost() + 10**6 * least * len(alive))


@pytest.mark.parametrize(
    ("map_count", "partition_count", "node_count"), [(3, 65_536, 40_000), (1_000, 64, 100)]
)
@pytest.mark.parametrize("kind", ["fresh", "add 1 % of nodes"])
def test_plan_of_several_maps(
    benchmark: BenchmarkFixture,
    scale: Callable[[int], int],
    map_count: int,
    partition_count: int,
    node_count: int,
    kind: str,
) -> None:
    nodes, partitions = scale(node_count), scale(partition_count)
    one = cluster_of(nodes, partitions)
    entry = one.maps["map"]
    cluster = one.with_maps({f"map{number}": entry for number in range(map_count)})
    if kind != "fresh":
        planned: Any = mapcore.plan(cluster)
        for name, plan in planned.items():
            cluster = cluster.with_current(plan.target, name)
    changes = changes_of(kind, cluster)
    plans: Any = mapcore.plan(cluster, **changes)
    total = sum(plan.target.loads() for plan in plans.values())
    compare(
        benchmark,
        row=f"plan, {map_count:,} maps of {partitions:,} × {COPIES} on {nodes:,} nodes: {kind}",
        ours=lambda: mapcore.plan(cluster, **changes),
        peer=lambda: [mapcore.plan(one, **changes) for _ in range(map_count)],
        peer_name="one such map planned alone, as often",
        target=None,
        rounds=3,
        note=f"{plans.move_count:,} moves; in sum {total.min():,} to {total.max():,} copies a node",
    )

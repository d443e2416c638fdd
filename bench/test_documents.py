from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare

ZONES = 8


def document(partitions: int, nodes: int, *, lists_nodes: bool) -> bytes:
    """Return a hash map with three copies of each partition, on nodes in zones."""
    source = random.Random(1)
    names = [f"node{number:05d}" for number in range(nodes)]
    rows = {}
    for partition in range(partitions):
        master, *slaves = source.sample(names, 3)
        rows[str(partition)] = {"master": [master], "slave": slaves}
    tree: dict[str, object] = {"settings": {"constraints": {"master": 1, "slave": 2}}}
    if lists_nodes:
        tree["nodes"] = {name: {"location": f"z{i % ZONES}"} for i, name in enumerate(names)}
    tree["map"] = {"type": "current", "numPartitions": partitions, "partitions": rows}
    return json.dumps(tree).encode()


@pytest.mark.parametrize("lists_nodes", [True, False], ids=["nodes listed", "nodes not listed"])
def test_loads(benchmark: BenchmarkFixture, scale: Callable[[int], int], lists_nodes: bool) -> None:
    partitions, nodes = scale(65_536), scale(40_000)
    text = document(partitions, nodes, lists_nodes=lists_nodes)
    compare(
        benchmark,
        row=(
            f"load a document, {partitions:,} × 3 on {nodes:,} nodes"
            f"{'' if lists_nodes else ', which it does not list'}"
        ),
        ours=lambda: mapcore.loads(text),
        peer=lambda: json.loads(text),
        peer_name="json.loads of the same bytes",
        target=1,
    )


def test_dumps(benchmark: BenchmarkFixture, scale: Callable[[int], int]) -> None:
    partitions, nodes = scale(65_536), scale(40_000)
    text = document(partitions, nodes, lists_nodes=True)
    cluster, tree = mapcore.loads(text), json.loads(text)
    compare(
        benchmark,
        row=f"write a document, {partitions:,} × 3 on {nodes:,} nodes",
        ours=lambda: mapcore.dumps(cluster),
        peer=lambda: json.dumps(tree),
        peer_name="json.dumps of its tree",
    )

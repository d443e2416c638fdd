"""The same change of the same cluster by `plan` and by others: time, memory, moves and balance."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mapcore
from bench.comparison import compare
from bench.memory import peak_bytes
from bench.test_planning import COPIES, changes_of, cluster_of

SCRIPT = Path(__file__).parent / "peers" / "meta_rebalancer.py"
ADDED = "add 1 % of nodes"

Rows = list[list[str]]


@dataclass(frozen=True)
class Scenario:
    """A cluster in eight zones, 1 % of whose nodes are new and empty.

    Attributes:
        cluster: as it is.
        zones: by the names of all nodes, new ones included.
        rows: the nodes of each partition's copies now.
    """

    cluster: mapcore.Cluster
    zones: dict[str, str]
    rows: Rows

    @classmethod
    def of(cls, nodes: int, partitions: int) -> Scenario:
        empty = cluster_of(nodes, partitions)
        cluster = empty.with_current(mapcore.plan(empty).target)
        zones = {node.name: node.location for node in cluster.nodes}
        return cls(cluster, zones | changes_of(ADDED, cluster)["add"], rows_of(cluster.current))

    def plan(self) -> mapcore.Plan:
        planned: mapcore.Plan = mapcore.plan(self.cluster, **changes_of(ADDED, self.cluster))
        return planned

    def describe(self, rows: Rows) -> str:
        """Say how many copies moved, and how even the result is."""
        moves = sum(len({*new} - {*old}) for new, old in zip(rows, self.rows, strict=True))
        number = {name: at for at, name in enumerate(self.zones)}
        loads = np.bincount([number[name] for row in rows for name in row], minlength=len(number))
        crowded = sum(len(row) - len({self.zones[name] for name in row}) for row in rows)
        text = f"{moves:,} moves, {loads.min()} to {loads.max()} copies a node"
        return text + (f", {crowded:,} in a zone that has one" if crowded else "")


def rows_of(found: mapcore.PartitionMap | None) -> Rows:
    assert found is not None
    names = [found.nodes.names[node] for node in found.copy_nodes.tolist()]
    ends = found.offsets.tolist()
    return [names[start:end] for start, end in pairwise(ends)]


def memory_of(peak: int | None) -> str:
    if peak is None:
        return ""
    return ", under 1 MB" if peak < 1e6 else f", {peak / 1e6:,.0f} MB"


def record(
    benchmark: BenchmarkFixture,
    scenario: Scenario,
    name: str,
    place: Callable[[Sequence[str], int], Rows],
) -> None:
    """Compare with a hash, which moves from its own placement and not from the cluster's."""
    names, partitions = list(scenario.zones), len(scenario.rows)
    nodes = len(scenario.cluster.nodes)
    hashed = replace(scenario, rows=place(names[:nodes], partitions))

    def peer() -> Rows:
        return place(names, partitions)

    plans: list[mapcore.Plan] = []
    ours = peak_bytes(lambda: plans.append(scenario.plan()))
    answers: list[Rows] = []
    theirs = peak_bytes(lambda: answers.append(peer()))
    compare(
        benchmark,
        row=f"plan, {nodes:,} nodes × {partitions:,} × {COPIES}: {ADDED}",
        ours=scenario.plan,
        peer=peer,
        peer_name=name,
        rounds=1,
        note=(
            f"ours {scenario.describe(rows_of(plans[0].target))}{memory_of(ours)}; "
            f"theirs {hashed.describe(answers[0])}{memory_of(theirs)}"
        ),
    )


def hashed_rows(names: Sequence[str], partitions: int) -> Rows:
    """The three nodes of highest weight by a rendezvous hash."""
    seeds = np.array([hash_of(name) for name in names], np.uint64)
    rows = []
    for partition in range(partitions):
        mixed = seeds ^ np.uint64(partition * 0x9E3779B97F4A7C15 % 2**64)
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
        mixed ^= mixed >> np.uint64(33)
        rows.append([names[at] for at in np.argpartition(mixed, -COPIES)[-COPIES:].tolist()])
    return rows


def hash_of(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "little")


def test_against_a_rendezvous_hash(
    benchmark: BenchmarkFixture, scale: Callable[[int], int]
) -> None:
    scenario = Scenario.of(scale(6_400) // 8 * 8, scale(16_384))
    record(benchmark, scenario, "rendezvous hash with numpy, no zones", hashed_rows)


def test_against_a_hash_ring(benchmark: BenchmarkFixture, scale: Callable[[int], int]) -> None:
    uhashring = pytest.importorskip("uhashring", reason="needs uhashring (extra: bench)")

    def ring_rows(names: Sequence[str], partitions: int) -> Rows:
        ring = uhashring.HashRing(list(names))
        return [
            [each["nodename"] for each in ring.range(str(partition), COPIES)]
            for partition in range(partitions)
        ]

    scenario = Scenario.of(scale(1_000) // 8 * 8, scale(4_096))
    record(benchmark, scenario, "uhashring, no zones", ring_rows)


@cache
def python_with_rebalancer() -> str:
    """Return an interpreter that has Meta's rebalancer, made anew where there is none; or skip."""
    folder = Path(os.environ.get("MAPCORE_PEERS", Path(__file__).parent.parent / "build" / "peers"))
    made = folder / "rebalancer" / "bin" / "python"
    if has_rebalancer(str(made)):
        return str(made)
    names = [f"python3.{minor}" for minor in range(12, 16)]
    roots = [Path(sys.base_prefix).parent, Path.home() / ".pyenv" / "versions"]
    others = [str(path) for root in roots for path in sorted(root.glob("3.1[2-9]*/bin/python3"))]
    for python in [sys.executable, *filter(None, map(shutil.which, names)), *others]:
        is_new = "import sys, venv; sys.exit(sys.version_info < (3, 12))"
        if subprocess.run([python, "-c", is_new], capture_output=True).returncode:
            continue
        subprocess.run([python, "-m", "venv", str(made.parent.parent)], capture_output=True)
        install = [str(made), "-m", "pip", "install", "-q", "rebalancer"]
        if not subprocess.run(install, capture_output=True).returncode:
            return str(made)
    pytest.skip("Meta's rebalancer needs Python 3.12 or newer, and access to PyPI: found neither")


def has_rebalancer(python: str) -> bool:
    if not Path(python).exists():
        return False
    return not subprocess.run([python, "-c", "import rebalancer"], capture_output=True).returncode


@pytest.mark.parametrize(("nodes", "partitions"), [(400, 1_024), (4_000, 8_192), (40_000, 65_536)])
def test_against_metas_rebalancer(
    benchmark: BenchmarkFixture, scale: Callable[[int], int], nodes: int, partitions: int
) -> None:
    python = python_with_rebalancer()
    limit = 60 if scale(6_400) == 6_400 else 2
    scenario = Scenario.of(scale(nodes) // 8 * 8, scale(partitions))
    planned = scenario.plan()
    copies, total = len(scenario.rows) * COPIES, len(scenario.zones)
    asked = {
        "zones": scenario.zones,
        "rows": scenario.rows,
        "lower": copies // total,
        "upper": -(-copies // total),
        "seconds": limit,
    }
    run = subprocess.run(
        [python, str(SCRIPT)], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    answer: dict[str, Any] = json.loads(run.stdout)
    ours = peak_bytes(scenario.plan)

    def timed() -> float:
        start = time.perf_counter()
        scenario.plan()
        return time.perf_counter() - start

    compare(
        benchmark,
        row=f"plan, {len(scenario.cluster.nodes):,} nodes × {len(scenario.rows):,} × {COPIES}: "
        f"{ADDED}",
        ours=timed,
        peer=lambda: answer["seconds"],
        peer_name=f"Meta's rebalancer, local search for at most {limit} s",
        target=1 / 2_000 if (nodes, limit) == (40_000, 60) else None,
        rounds=5,
        self_timed=True,
        note=(
            f"ours {scenario.describe(rows_of(planned.target))}{memory_of(ours)}; theirs "
            f"{scenario.describe(answer['rows'])}{memory_of(answer['memory_bytes'])}"
        ),
    )

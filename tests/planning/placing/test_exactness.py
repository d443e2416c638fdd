"""Whole plans against an independent model: the cluster read anew, its best by a minimum-cost flow.

The model shares nothing with the planner: it reads nodes, map and changes by the words of the
documentation, in plain Python, and asks OR-tools for the best score there is.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from math import ceil, floor
from typing import Any

import numpy as np
import pytest

import mapcore
from mapcore.cluster import Assignment, Cluster, ClusterMap, Constraints, Mode, Node, Settings
from mapcore.maps import PartitionMap
from mapcore.planning.placing.placement_problem import PlacementProblem
from tests.planning.clusters import DEAD, LIVE, MASTER, SLAVE, holders
from tests.planning.random_clusters import current_rows, padded, shares
from tests.twins.placement_oracle import best, score

LEVELS = ("zone", "rack")


@dataclass(frozen=True)
class Case:
    """A cluster and what is to change in it."""

    cluster: Cluster
    changes: dict[str, Any]


def random_case(seed: int) -> Case:
    """2 to 40 nodes in 1 to 5 uneven zones, with racks or not; any map, modes and changes."""
    rng = random.Random(seed)
    count, copies = rng.randint(2, rng.choice([6, 12, 40])), rng.randint(1, 5)
    partitions, depth = rng.choice([1, 3, 8, 20, 40]), rng.randint(1, 2)
    sizes = [rng.choice([1, 1, 2, 5]) for _ in range(rng.randint(1, 5))]
    weights = rng.choice([[1], [1, 2, 4], [1, 1, 0], [1, 8], list(range(9))])
    modes = rng.choice([[Mode.ACTIVE], [Mode.ACTIVE] * 5 + list(Mode)])

    def location() -> str:
        zone = rng.choices(range(len(sizes)), sizes)[0]
        return "/".join([f"z{zone}", f"r{rng.randint(0, 2)}"][:depth])

    nodes = [
        Node(f"n{n}", location=location(), weight=rng.choice(weights), mode=rng.choice(modes))
        for n in range(count)
    ]
    nodes[0] = Node("n0", location=nodes[0].location)
    settings = Settings(
        assignment=Assignment.MULTI_MASTER,
        constraints=Constraints(master=1, slave=copies - 1),
        num_partitions=partitions,
        levels=LEVELS[:depth],
    )
    rows = [
        [
            (f"n{node}", MASTER if at == 0 else rng.choice([SLAVE, SLAVE, SLAVE, DEAD]))
            for at, node in enumerate(row)
        ]
        for row in current_rows(rng, count, partitions, copies)
    ]
    current = PartitionMap.from_copies(rows, [node.name for node in nodes])
    entry = ClusterMap(settings=settings, current=current)
    cluster = Cluster(nodes=tuple(nodes), settings=settings, maps={"map": entry})
    return Case(cluster, random_changes(rng, cluster, location))


def random_changes(rng: random.Random, cluster: Cluster, location: Any) -> dict[str, Any]:
    names = [node.name for node in cluster.nodes[1:] if node.mode is Mode.ACTIVE]
    rng.shuffle(names)
    kinds = {"remove", "maintain", "fail", "swap", "add", "weights"}
    chosen: dict[str, list[str]] = {
        kind: [names.pop() for _ in range(min(len(names), rng.choice([0, 0, 1, 1, 2, 4])))]
        for kind in sorted(kinds)
    }
    return {
        "remove": chosen["remove"],
        "maintain": chosen["maintain"],
        "fail": chosen["fail"],
        "swap": {name: f"{name}-new" for name in chosen["swap"]},
        "add": {f"{name}-added": location() for name in chosen["add"]},
        "weights": {name: rng.randint(0, 8) for name in chosen["weights"]},
        "rebuild": True,
    }


def read_anew(case: Case, nodes: tuple[Node, ...], copies: int) -> PlacementProblem:
    """The problem as the documentation words it."""
    numbers = {node.name: number for number, node in enumerate(nodes)}
    mode = {node.name: node.mode for node in nodes}
    mode.update(dict.fromkeys(case.changes["remove"], Mode.LEAVING))
    current = case.cluster.maps["map"].current
    assert current is not None
    held, counts = [], []
    for partition in range(current.partition_count):
        stands = [(copy.node, copy.placement in LIVE) for copy in current.copies(partition)]
        is_gone = [mode.get(name, Mode.LEAVING) is Mode.GONE for name, _ in stands]
        reached = [
            name for (name, lives), gone in zip(stands, is_gone, strict=True) if lives and not gone
        ]
        counts.append(0 if any(is_gone) and not reached else copies)
        swapped = [case.changes["swap"].get(name, name) for name in reached]
        held.append([numbers[name] for name in swapped if name in numbers])
    resting = [node.mode is Mode.MAINTENANCE for node in nodes]
    taking = [node.mode is Mode.ACTIVE and node.weight > 0 for node in nodes]
    pins = [[n for n in row if resting[n]][:copies] for row in held]
    kept = [sum(n in row for row in pins) for n in range(len(nodes))]
    room = [min(count, sum(taking) + len(row)) for count, row in zip(counts, pins, strict=True)]
    lower, upper = fair_shares(nodes, resting, taking, kept, sum(room), len(held))
    return PlacementProblem(
        current=padded(held, 1),
        copy_counts=np.array(counts, np.int32),
        eligible=np.array(taking) | np.array(resting),
        lower=np.array(lower, np.int64),
        upper=np.array(upper, np.int64),
        levels=level_numbers(nodes, len(case.cluster.settings.levels)),
        pinned=padded(pins, 1),
        node_limit=np.array(
            [k if rests else len(held) for k, rests in zip(kept, resting, strict=True)]
        ),
    )


def fair_shares(
    nodes: tuple[Node, ...],
    resting: list[bool],
    taking: list[bool],
    kept: list[int],
    total: int,
    most: int,
) -> tuple[list[int], list[int]]:
    """Floors and ceilings; a node in maintenance whose copies are no fair share stands aside."""
    aside: set[int] = set()
    while True:
        weights = [
            int(node.weight) if n not in aside and (taking[n] or resting[n]) else 0
            for n, node in enumerate(nodes)
        ]
        share = shares(weights, max(0, total - sum(kept[n] for n in aside)), most)
        lower, upper = [floor(s) for s in share], [ceil(s) for s in share]
        wrong = {
            n
            for n, rests in enumerate(resting)
            if rests and n not in aside and not lower[n] <= kept[n] <= upper[n]
        }
        if not wrong:
            break
        aside |= wrong
    for n, rests in enumerate(resting):
        if rests:
            lower[n] = upper[n] = kept[n]
    return lower, upper


def level_numbers(nodes: tuple[Node, ...], depth: int) -> np.ndarray[Any, np.dtype[np.int32]]:
    rows = []
    for level in range(1, depth + 1):
        values = ["/".join(node.location.split("/")[:level]) for node in nodes]
        order = sorted(set(values))
        rows.append([order.index(value) for value in values])
    return np.array(rows, np.int32)


def check(seed: int) -> None:
    case = random_case(seed)
    plan = mapcore.plan(case.cluster, **case.changes)
    nodes = plan.cluster.nodes
    copies = case.cluster.maps["map"].settings.constraints.copy_count
    problem = read_anew(case, nodes, copies)
    numbers = {node.name: number for number, node in enumerate(nodes)}
    rows = padded([[numbers[name] for name in row] for row in holders(plan.target)], copies)
    assert score(problem, rows) == best(problem)[0], seed
    assert plan.certificate.is_optimal, seed


@pytest.mark.parametrize("first", range(0, int(os.environ.get("MAPCORE_CASES", 300)), 50))
def test_no_plan_is_better_than_the_one_made(first: int) -> None:
    for seed in range(first, first + 50):
        check(seed)

"""Placing within a number of peers, slowly: counts of peers, the sweep, and dealing out."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels._peers import DUE_ONE


def peers_of(rows: NDArray[np.int32], every_pair: bool, node_count: int) -> list[set[int]]:
    """Return the peers of each node."""
    peers: list[set[int]] = [set() for _ in range(node_count)]
    for row in rows.tolist():
        for (column, one), (_, other) in combinations(enumerate(row), 2):
            if one >= 0 and other >= 0 and (every_pair or column == 0):
                peers[one].add(other)
                peers[other].add(one)
    return peers


def window(place: int, size: int, ahead: int, behind: int) -> list[int]:
    """Return the places of a window, the nearest first, those ahead before those behind."""
    steps = sorted(
        [*range(1, ahead + 1), *range(-behind, 0)],
        key=lambda step: (abs(step), step < 0),
    )
    return [(place + step) % size for step in steps[: size - 1]]


def swept(
    zones: list[int],
    share: int,
    masters: list[int],
    slaves: list[int],
    ahead: int,
    behind: int,
    copies: int,
    bound_zones: set[int],
) -> list[list[int]]:
    """Return the rows that a sweep fills over nodes that stand on the ring in their order."""
    size, rows = len(zones), []

    def may_follow(row: list[int], node: int) -> bool:
        return node not in row and sum(zones[n] == zones[node] for n in row) < share

    def fits(place: int, other: int) -> bool:
        return share > 1 or zones[place] != zones[other]

    windows = [
        [other for other in window(place, size, ahead, behind) if fits(place, other)]
        for place in range(size)
    ]
    seen = [
        sum(masters[place] for place in range(size) if node in windows[place])
        for node in range(size)
    ]
    rates = [slaves[node] // seen[node] if seen[node] else 0 for node in range(size)]
    behind_due = [0] * size
    for place in range(size):
        taken = dict.fromkeys(windows[place], 0)
        for _ in range(masters[place]):
            row = [place]
            for node in windows[place]:
                behind_due[node] += rates[node]
            for column in range(1, copies):
                lacking = share * len(bound_zones) - sum(zones[n] in bound_zones for n in row)
                must = bool(bound_zones) and lacking >= copies - column
                able = [
                    node
                    for node in windows[place]
                    if may_follow(row, node) and (not must or zones[node] in bound_zones)
                ]
                if able:
                    evenness = DUE_ONE // (4 * (masters[place] + 1))
                    best = max(able, key=lambda n: behind_due[n] - evenness * taken[n])
                    taken[best] += 1
                    behind_due[best] -= DUE_ONE
                    row.append(best)
                    continue
                around = [(place + step) % size for step in range(1, size)]
                legal = [node for node in around if may_follow(row, node)]
                other = [node for node in around if node not in row]
                row.append((legal or other or [-1])[0])
            rows.append(row)
    return rows


def least_change(
    current: list[list[int]],
    rows: list[list[tuple[int, ...]]],
    least: list[int],
    most: list[int],
    max_peers: int,
) -> tuple[int, int] | None:
    """Return the least (copies outside shares, moves), of all placements within so many peers.

    Args:
        current: by partition, who holds a copy now.
        rows: by partition, the sets of nodes that may hold it.
        least: by node, the fewest copies that it shall hold.
        most: by node, the most.
        max_peers: of a node, where all copies of a partition are peers.
    """
    nodes = len(least)
    best: tuple[int, int] | None = None
    for chosen in product(*rows):
        peers: list[set[int]] = [set() for _ in range(nodes)]
        load = [0] * nodes
        for row in chosen:
            for node in row:
                load[node] += 1
                peers[node].update(row)
        if any(len(each) - 1 > max_peers for each in peers):
            continue
        strain = sum(
            max(low - held, held - high, 0)
            for held, low, high in zip(load, least, most, strict=True)
        )
        moves = sum(len({*row} - {*old}) for row, old in zip(chosen, current, strict=True))
        if best is None or (strain, moves) < best:
            best = strain, moves
    return best


def dealt(rows: list[list[int]], loads: list[int], lacking: list[int]) -> list[int]:
    """Return the row that each partition gets, the largest first."""
    lacking, taken, row_of = list(lacking), set[int](), list[int]()
    for load in loads:
        open_rows = {
            node: [r for r, row in enumerate(rows) if r not in taken and node in row][:64]
            for node in range(len(lacking))
        }
        able = [node for node, found in open_rows.items() if found]
        if not able:
            break
        node = max(able, key=lambda n: (lacking[n], -n))
        best = max(open_rows[node], key=lambda r: (sum(lacking[n] for n in rows[r] if n >= 0), -r))
        taken.add(best)
        row_of.append(best)
        for each in rows[best]:
            if each >= 0:
                lacking[each] -= load
    return row_of + [row for row in range(len(rows)) if row not in taken]

"""What `_kernels._planning` reads and writes, partition by partition on lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from mapcore.states import PERSISTENCE_PAUSED, REPLICATION_PAUSED, Placement, placement_of

LOST, RECOVERING, DETHRONED, RELEASED = 1, 2, 4, 8
PAUSES = PERSISTENCE_PAUSED | REPLICATION_PAUSED

Row = list[tuple[int, int]]
"""The copies of a partition: node number and state code."""

Change = tuple[int, int, int]


def is_live(code: int) -> bool:
    return placement_of(code) > Placement.DEAD


def leads(code: int) -> bool:
    return placement_of(code) in (Placement.MASTER, Placement.PENDING_MASTER)


def reach(
    rows: Sequence[Row], is_gone: Sequence[bool], is_recovering: Sequence[bool]
) -> tuple[list[bool], list[bool]]:
    """Return by partition whether a copy in reach is held, and whether one is out of reach."""
    near = [
        any(not is_gone[node] and (is_live(code) or is_recovering[node]) for node, code in row)
        for row in rows
    ]
    return near, [any(is_gone[node] for node, _ in row) for row in rows]


def tables(
    rows: Sequence[Row], flags: Sequence[int], renumbered: Sequence[int]
) -> tuple[list[list[int]], list[list[int]]]:
    """Return by partition the nodes that hold it, and those that lead it."""
    held, masters = [], []
    for row in rows:
        held.append(
            [
                renumbered[node]
                for node, code in row
                if not flags[node] & LOST and (is_live(code) or flags[node] & RECOVERING)
            ]
        )
        masters.append(
            [
                renumbered[node]
                for node, code in row
                if leads(code) and not flags[node] & (LOST | DETHRONED)
            ]
        )
    return held, masters


def able(placed: Sequence[Sequence[int]], may_lead: Sequence[bool], most: int) -> int:
    """Return how many masters there can be."""
    return sum(min(most, sum(may_lead[node] for node in row)) for row in placed)


def target(
    placed: Sequence[Sequence[int]], is_master: Sequence[Sequence[bool]], codes: tuple[int, int]
) -> list[Row]:
    """Return the rows of the map of these copies, masters first."""
    return [
        [(node, codes[0]) for node, leading in zip(nodes, roles, strict=True) if leading]
        + [(node, codes[1]) for node, leading in zip(nodes, roles, strict=True) if not leading]
        for nodes, roles in zip(placed, is_master, strict=True)
    ]


def paused(rows: Sequence[Row], target_rows: Sequence[Row]) -> list[Row]:
    """Return the target with the pauses of the copies that there are."""
    return [
        [(node, code | (dict(now).get(node, 0) & PAUSES)) for node, code in then]
        for now, then in zip(rows, target_rows, strict=True)
    ]


class Move(NamedTuple):
    """A copy to be filled: from where, and in whose place."""

    partition: int
    node: int
    source: int
    replaced: int


def moves(
    rows: Sequence[Row],
    target_rows: Sequence[Row],
    flags: Sequence[int],
    successors: Sequence[int],
) -> Iterator[Move]:
    """Pair each copy that must be filled with one that is given up, the best first."""
    for partition, (now, then) in enumerate(zip(rows, target_rows, strict=True)):
        reachable = {n for n, code in now if is_live(code) and not flags[n] & LOST}
        source = next((n for n, _ in now if n in reachable), -1)
        given_up = [n for n, code in now if is_live(code) and n not in dict(then)]
        for node, _ in then:
            if node in reachable:
                continue
            ranks = {
                n: (3 if successors[n] == node else 0)
                if successors[n] >= 0
                else 1 + bool(flags[n] & (LOST | RELEASED))
                for n in given_up
            }
            replaced = max(given_up, key=ranks.__getitem__, default=-1)
            if replaced >= 0 and ranks[replaced] == 0:
                replaced = -1
            if replaced >= 0:
                given_up.remove(replaced)
            yield Move(partition, node, source, replaced)


def drops(rows: Sequence[Row], target_rows: Sequence[Row]) -> list[Change]:
    """Return partition, node and position of the copies that the target does not have."""
    found, position = [], 0
    for partition, (now, then) in enumerate(zip(rows, target_rows, strict=True)):
        for node, _ in now:
            if node not in dict(then):
                found.append((partition, node, position))
            position += 1
    return found


def role_changes(
    rows: Sequence[Row], target_rows: Sequence[Row], flags: Sequence[int]
) -> list[Change]:
    """Return partition, new master and old one, matched in order; -1 for nobody."""
    found = []
    for partition, (now, then) in enumerate(zip(rows, target_rows, strict=True)):
        led = {n for n, code in now if leads(code)}
        will_lead = {n for n, code in then if leads(code)}
        rising = [n for n, _ in then if n in will_lead and (n not in led or flags[n] & LOST)]
        falling = [n for n, _ in now if n in led - will_lead]
        held = {n for n, code in now if is_live(code) and not flags[n] & LOST}
        for i in range(max(len(rising), len(falling))):
            node = rising[i] if i < len(rising) else -1
            previous = falling[i] if i < len(falling) else -1
            if node >= 0 and previous < 0 and node not in held:
                continue  # the first master of a partition, on a new copy
            if node < 0 and flags[previous] & LOST:
                continue  # nobody is there to step down
            found.append((partition, node, previous))
    return found

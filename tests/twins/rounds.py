"""What a schedule of rounds must keep to, counted round by round; and the least number of rounds.

The exact answer is a model in which every stream has a variable for each round and source, solved
by CP-SAT: for a few moves only.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ortools.sat.python import cp_model

from mapcore.actualizing.scheduling.moves import UNLIMITED, Moves, StreamLimits

Key = tuple[Any, ...]


def uses(moves: Moves, limits: StreamLimits, move: int, volume: int) -> Iterator[tuple[Key, int]]:
    """Yield all that a stream takes up while it runs, each with the limit on it."""
    source, target = int(limits.node_of_volume[volume]), int(moves.targets[move])
    yield ("partition", int(moves.partitions[move])), limits.of_partition
    yield ("out", source), int(limits.out_of_node[source])
    yield ("in", target), int(limits.into_node[target])
    yield ("scan", volume), int(limits.scans[volume])
    yield ("cluster",), limits.in_cluster
    if limits.of_node is not None:
        for node in (source, target):
            yield ("node", node), int(limits.of_node[node])
    if limits.zones[source] != limits.zones[target]:
        yield ("zones", int(limits.zones[source]), int(limits.zones[target])), limits.between_zones


def broken_limits(
    moves: Moves, limits: StreamLimits, rounds: NDArray[np.int32], sources: NDArray[np.int32]
) -> list[str]:
    """Return what a schedule breaks: limits, sources, the order of copies and their sources."""
    counts: Counter[tuple[int, Key]] = Counter()
    most: dict[Key, int] = {}
    found = []
    copies: dict[tuple[int, int], int] = {
        (int(moves.partitions[move]), int(moves.target_volumes[move])): move
        for move in range(len(moves))
    }
    for move in range(len(moves)):
        row = slice(int(moves.candidates_begin[move]), int(moves.candidates_begin[move + 1]))
        volume, at = int(sources[move]), int(rounds[move])
        if volume not in moves.candidates[row].tolist():
            filler = copies.get((int(moves.partitions[move]), volume))
            if filler is None or filler == move:
                found.append(f"move {move} comes from {volume}, which holds no copy")
            elif rounds[filler] >= at:
                found.append(f"move {move} comes from a copy that is not filled yet")
        if moves.in_flight[move] and at != 0:
            found.append(f"move {move} runs already, but has round {at}")
        for key, limit in uses(moves, limits, move, volume):
            counts[at, key] += 1
            most[key] = limit
    found += [
        f"{count} for {most[key]} of {key} in round {at}"
        for (at, key), count in counts.items()
        if count > most[key]
    ]
    return found


def can_be_done(moves: Moves, limits: StreamLimits, rounds: int) -> bool:
    """Whether any schedule has so many rounds, with copies filled in it as sources too."""
    model = cp_model.CpModel()
    users: dict[tuple[int, Key], list[Any]] = defaultdict(list)
    most: dict[Key, int] = {}
    runs: dict[tuple[int, int], Any] = {}
    filled_first: list[tuple[Any, int, int, int]] = []
    for move in range(len(moves)):
        row = slice(int(moves.candidates_begin[move]), int(moves.candidates_begin[move + 1]))
        options = [(int(volume), -1) for volume in moves.candidates[row]]
        options += [
            (int(moves.target_volumes[other]), other)
            for other in np.flatnonzero(moves.partitions == moves.partitions[move]).tolist()
            if other != move
        ]
        chosen = []
        for at in range(rounds):
            mine = []
            for volume, filler in options:
                variable = model.new_bool_var("")
                mine.append(variable)
                if filler >= 0:
                    filled_first.append((variable, move, at, filler))
                for key, limit in uses(moves, limits, move, volume):
                    users[at, key].append(variable)
                    most[key] = limit
            runs[move, at] = sum(mine)
            chosen += mine
        model.add_exactly_one(chosen)
        if moves.in_flight[move]:
            model.add(runs[move, 0] == 1)
    for variable, _, at, filler in filled_first:
        model.add(sum(runs[filler, before] for before in range(at)) >= 1).only_enforce_if(variable)
    for (_, key), variables in users.items():
        if most[key] < len(variables) and most[key] < UNLIMITED:
            model.add(sum(variables) <= most[key])
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    # CP-SAT would leave its own handler behind, and Ctrl-C without effect.
    solver.parameters.catch_sigint_signal = False
    status = solver.solve(model)
    assert status in (cp_model.OPTIMAL, cp_model.FEASIBLE, cp_model.INFEASIBLE)
    return status != cp_model.INFEASIBLE

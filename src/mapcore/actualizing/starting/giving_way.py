"""Which steps under way give way to a partition that needs a master.

Nobody can write to a partition without a master, so its new one waits for no throttle: what goes on
in the partition is cancelled for it. A fill would not survive the change anyhow, as streams of an
older epoch are refused. Where `maxSteps` leaves no room, as many fills elsewhere are cancelled as
masters wait. All of it is proposed again as soon as there is room.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import Hold, Priority, Situation, is_exclusive
from mapcore.actualizing.steps import Kind, Step

__all__ = ["steps_giving_way"]


def steps_giving_way(
    works: Sequence[tuple[Situation, NDArray[Any]]], max_steps: int | None
) -> list[list[Step]]:
    """Return for each map the steps under way that are to be cancelled.

    Args:
        works: for each map its situation and its proposals.
        max_steps: how many steps there may be at once, in all maps together.
    """
    needed = [_partitions_in_need(proposals) for _, proposals in works]
    given: list[list[Step]] = [
        [step for step in situation.in_flight if _is_in_the_way(step, situation, partitions)]
        for (situation, _), partitions in zip(works, needed, strict=True)
    ]
    if max_steps is None:
        return given
    underway = sum(len(situation.in_flight) for situation, _ in works) - sum(map(len, given))
    missing = sum(map(len, needed)) - (max_steps - underway)
    ids = [{step.id for step in steps} for steps in given]
    for number, step in _fills_from_the_last(works):
        if missing <= 0:
            break
        if step.id not in ids[number]:
            given[number].append(step)
            missing -= 1
    return given


def _partitions_in_need(proposals: NDArray[Any]) -> set[int]:
    chosen = (proposals["priority"] == Priority.MASTERLESS) & (proposals["hold"] == Hold.FREE)
    return set(np.unique(proposals["partition"][chosen]).tolist())


def _is_in_the_way(step: Step, situation: Situation, partitions: set[int]) -> bool:
    if not partitions or is_exclusive(step):
        return False
    return any(situation.current.keys.number(name) in partitions for name in step.partitions)


def _fills_from_the_last(
    works: Sequence[tuple[Situation, NDArray[Any]]],
) -> Iterator[tuple[int, Step]]:
    """Iterate over the streams of all maps, those that started last first."""
    for number, (situation, _) in reversed(list(enumerate(works))):
        for step in reversed(situation.in_flight):
            if step.kind is Kind.STREAM:
                yield number, step

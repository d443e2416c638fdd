"""The slow twin of the kernel that spreads streams over places."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["balance"]


def balance(
    lengths: Sequence[float],
    places: Sequence[Sequence[int]],
    limits: Sequence[int],
    besides: Sequence[float],
    sweeps: int,
) -> list[list[float]]:
    """Return how much of each stream passes each of its places, which are distinct.

    Streams spread over their places one after the other, so often: each to the places where least
    work over the limit is, up to the level that takes it all.
    """
    loads = list(besides)
    parts = [[0.0] * len(own) for own in places]
    for _ in range(sweeps):
        for stream, own in enumerate(places):
            for place, part in zip(own, parts[stream], strict=True):
                loads[place] -= part
            level = _level(lengths[stream], [(loads[place], limits[place]) for place in own])
            parts[stream] = [max(0.0, level * limits[p] - loads[p]) for p in own]
            for place, part in zip(own, parts[stream], strict=True):
                loads[place] += part
    return [[part / length for part in own] for own, length in zip(parts, lengths, strict=True)]


def _level(amount: float, holds: list[tuple[float, int]]) -> float:
    """How high it stands once `amount` is poured into vessels of (content, width)."""
    holds = sorted(holds, key=lambda hold: hold[0] / hold[1])
    levels = [
        (amount + sum(content for content, _ in holds[: used + 1]))
        / sum(width for _, width in holds[: used + 1])
        for used in range(len(holds))
    ]
    return min(levels)

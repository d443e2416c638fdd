"""Time two callables in turn, so that their ratio holds when the machine's speed drifts."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

__all__ = ["Comparison", "compare", "time_calls"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one row of the performance page shows.

    Attributes:
        ours_seconds: median time of our call.
        peer_seconds: median time of the peer's call.
        ratio: median of ours over peer, pair by pair.
    """

    ours_seconds: float
    peer_seconds: float
    ratio: float


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def time_calls(function: Callable[[Any], Any], arguments: list[Any]) -> Callable[[], float]:
    """Return a callable that gives the seconds of one call, over many, less the empty loop."""

    def run() -> float:
        start = time.perf_counter()
        for argument in arguments:
            function(argument)
        middle = time.perf_counter()
        for _ in arguments:
            pass
        return ((middle - start) - (time.perf_counter() - middle)) / len(arguments)

    return run


def compare(
    benchmark: BenchmarkFixture,
    *,
    row: str,
    ours: Callable[[], Any],
    peer: Callable[[], Any],
    peer_name: str,
    target: float | None = None,
    rounds: int = 15,
    self_timed: bool = False,
    note: str = "",
) -> Comparison:
    """Run `ours` and `peer` in turn and record the ratio as one row of the performance page.

    Args:
        benchmark: the fixture; its statistics are those of `ours`.
        row: what is measured.
        ours: our call.
        peer: the call that it is measured against.
        peer_name: what the peer is.
        target: the ratio to reach, or None.
        rounds: pairs of runs, after one pair that is not counted; 1 where benchmarks are disabled.
        self_timed: whether the callables return their own seconds, as `time_calls` does.
        note: what the reader should know besides.
    """
    rounds = 1 if benchmark.disabled else rounds
    measure = (lambda call: call()) if self_timed else _seconds
    measure(ours), measure(peer)
    gc.collect()
    pairs = [(measure(ours), measure(peer)) for _ in range(rounds)]
    comparison = Comparison(
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        statistics.median(mine / theirs for mine, theirs in pairs),
    )
    benchmark.extra_info.update(
        row=row,
        peer=peer_name,
        target=target,
        note=note,
        ours_seconds=comparison.ours_seconds,
        peer_seconds=comparison.peer_seconds,
        ratio=comparison.ratio,
    )
    benchmark.pedantic(ours, rounds=rounds, iterations=1)  # type: ignore[no-untyped-call]
    return comparison

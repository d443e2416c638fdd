from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.comparison import compare

TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds_of(statement: str) -> Callable[[], float]:
    """Return a callable that runs a statement in a fresh interpreter and gives its seconds."""

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-c", TIMED.format(statement)],
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    return run


@pytest.mark.parametrize(
    ("statement", "target"), [("import mapcore", 1.2), ("from mapcore import Router", 1.2)]
)
def test_import(benchmark: BenchmarkFixture, statement: str, target: float) -> None:
    compare(
        benchmark,
        row=f"`{statement}`",
        ours=seconds_of(statement),
        peer=seconds_of("import numpy"),
        peer_name="`import numpy`",
        target=target,
        self_timed=True,
    )

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.comparison import compare

TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def seconds_of(statement: str, cache: Path) -> Callable[[], float]:
    """Return a callable that runs a statement in a fresh interpreter and gives its seconds.

    Bytecode is kept in `cache`, so that from the second run on none is compiled, as installed.
    """
    environment = {name: value for name, value in os.environ.items() if "BYTECODE" not in name}

    def run() -> float:
        done = subprocess.run(
            [sys.executable, "-X", f"pycache_prefix={cache}", "-c", TIMED.format(statement)],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    return run


@pytest.mark.parametrize(
    ("statement", "target"), [("import mapcore", 1.2), ("from mapcore import Router", 1.2)]
)
def test_import(benchmark: BenchmarkFixture, statement: str, target: float, tmp_path: Path) -> None:
    compare(
        benchmark,
        row=f"`{statement}`",
        ours=seconds_of(statement, tmp_path),
        peer=seconds_of("import numpy", tmp_path),
        peer_name="`import numpy`",
        target=target,
        self_timed=True,
    )

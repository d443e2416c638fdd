"""Sizes of the benchmarks: whole, or small where each is only run once to see that it works."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def scale() -> Callable[[int], int]:
    """Return a function that shrinks a size by 64 where `MAPCORE_BENCH_SMALL` is set."""
    small = bool(os.environ.get("MAPCORE_BENCH_SMALL"))
    return lambda size: max(64, size // 64) if small else size

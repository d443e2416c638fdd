"""Ctrl-C stops a plan while its engines work, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

import mapcore
from mapcore.cluster import Cluster
from mapcore.planning import planner
from tests.planning.clusters import MASTER, SLAVE, cluster, even, settings

PARTITIONS = 12_000

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals between processes")


def lopsided(**more: Any) -> Cluster:
    """Two hundred nodes of which the first hold everything."""
    rows = [{f"n{p % 5}": MASTER, f"n{5 + p % 5}": SLAVE} for p in range(PARTITIONS)]
    return cluster(even(200, 5), settings(1, 1, PARTITIONS, **more), rows)


@pytest.fixture(autouse=True)
def hears_ctrl_c() -> Iterator[None]:
    """A process that was started in the background ignores the signal, and so would these tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("more", "changes"),
    [
        ({}, {}),
        ({"extra": {"maxCopiesPerNode": 2 * PARTITIONS // 200 + 1}}, {}),
        ({}, {"maintain": ["n0"]}),
    ],
    ids=["placement", "placement within limits", "roles"],
)
def test_a_signal_stops_the_engine_at_once_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], changes: dict[str, Any]
) -> None:
    found = lopsided(**more)
    whole = mapcore.plan(found, **changes).target
    asked = []

    def press() -> None:
        asked.append(1)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(planner, "let_signals_in", press)
        with pytest.raises(KeyboardInterrupt):
            mapcore.plan(found, **changes)
    assert asked == [1]
    assert mapcore.plan(found, **changes).target == whole

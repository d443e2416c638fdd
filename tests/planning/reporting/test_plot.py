"""Pictures of plans, for few and for many nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

import mapcore
from mapcore.errors import PlanError
from tests.planning.clusters import cluster, even, settings

pytest.importorskip("matplotlib")


@pytest.mark.parametrize("node_count", [1, 9, 64, 65, 500])
def test_plans_of_any_size_are_drawn(tmp_path: Path, node_count: int) -> None:
    fresh = mapcore.plan(cluster(even(node_count), settings(partitions=500)))
    plan = mapcore.plan(
        fresh.cluster.with_current(fresh.target), add={"x": "z0"}, weights={"n0": 3}
    )
    for number, each in enumerate((fresh, plan)):
        path = tmp_path / f"{number}.png"
        each.plot(path)
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_names_the_nodes_and_counts_the_moves(tmp_path: Path) -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    path = tmp_path / "plan.svg"
    plan.plot(str(path))
    text = path.read_text()
    assert "<!-- n8 -->" in text
    assert f"<!-- map: 24 partitions on 9 nodes, {len(plan.moves)} moves, 0 role changes" in text


def test_a_picture_of_no_kind_is_refused(tmp_path: Path) -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    with pytest.raises(PlanError, match=r"found ending '\.txt', expected that of a picture"):
        plan.plot(tmp_path / "plan.txt")
    assert not list(tmp_path.iterdir())

"""A partition without a copy in reach stays red, is reported, and is filled from nothing never."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import mapcore
from mapcore.cluster import Cluster, ClusterMap, Health, Mode
from mapcore.health import map_health
from mapcore.planning.plans import Plan
from tests.planning.clusters import (
    DEAD,
    MASTER,
    SLAVE,
    cluster,
    even,
    holders,
    live,
    masters,
    settings,
)


def alone() -> Cluster:
    """Four partitions of one copy each, on four nodes."""
    rows = [{f"n{number}": MASTER} for number in range(4)]
    return cluster(even(4, 2), settings(1, 0, 4), rows)


def followed(plan: Plan) -> Cluster:
    return plan.cluster.with_current(plan.target)


KINDS = ["swap", "add", "weights", "maintain"]

WAYS: list[dict[str, Any]] = [
    {"fail": ["n1"]},
    {"fail": ["n1"], "rebuild": True},
    {"fail": ["n1"], "swap": {"n1": "new"}},
    {"fail": ["n1"], "swap": {"n1": "new"}, "rebuild": True},
    {"fail": ["n1"], "add": {"new": "z0"}},
    {"fail": ["n1"], "remove": ["n2"]},
    {"fail": ["n1"], "weights": {"n2": 3}},
    {"fail": ["n1"], "maintain": ["n0"]},
]


@pytest.mark.parametrize("changes", WAYS)
def test_no_change_fills_it_from_nothing(changes: dict[str, Any]) -> None:
    plan = mapcore.plan(alone(), **changes)
    assert plan.lost == ("1",)
    assert live(plan.target)[1] == {}
    assert plan.warnings[0].startswith("no live copy is left of partition 1: they get no copy")
    assert all(move.source is not None for move in plan.moves)
    assert plan.certificate.is_optimal
    assert all(row for partition, row in enumerate(holders(plan.target)) if partition != 1)


@pytest.mark.parametrize("later", [{}, {"rebuild": True}, {"swap": {"n1": "new"}}, *WAYS[:4]])
@pytest.mark.parametrize("reports_lost_copies", [False, True])
def test_nor_does_any_plan_after_it(later: dict[str, Any], reports_lost_copies: bool) -> None:
    failed = mapcore.plan(alone(), fail=["n1"])
    before = failed.cluster if reports_lost_copies else followed(failed)
    plan = mapcore.plan(before, **later)
    assert plan.lost == ("1",)
    assert live(plan.target)[1] == {}


def test_health_shows_it_red() -> None:
    plan = mapcore.plan(alone(), fail=["n1"], rebuild=True)
    health = map_health(plan.target, plan.cluster.settings, plan.cluster.nodes)
    assert [health.of(partition) for partition in range(4)].count(Health.RED) == 1
    assert health.of(1) is Health.RED


def test_it_is_known_still_after_a_document_was_saved_and_loaded(tmp_path: Path) -> None:
    plan = mapcore.plan(alone(), fail=["n1"])
    mapcore.save(followed(plan), tmp_path / "next.json")
    assert mapcore.plan(mapcore.load(tmp_path / "next.json"), rebuild=True).lost == ("1",)


def test_a_node_that_reports_its_copy_again_ends_it() -> None:
    failed = followed(mapcore.plan(alone(), fail=["n1"]))
    rows = [dict.fromkeys(row, MASTER) for row in holders(failed.current)]
    rows[1] = {"n1": DEAD}
    reported = cluster(failed.nodes, settings(1, 0, 4), rows)
    back = mapcore.plan(reported, activate=["n1"])
    assert back.lost == ()
    assert live(back.target)[1] == {"n1": "master"}
    assert back.target.extra == {}


def test_a_node_that_comes_back_empty_does_not_end_it() -> None:
    failed = followed(mapcore.plan(alone(), fail=["n1"]))
    assert mapcore.plan(failed, activate=["n1"]).lost == ("1",)


def test_who_gives_the_data_up_takes_the_field_out() -> None:
    failed = mapcore.plan(alone(), fail=["n1"])
    given_up = failed.cluster.with_current(failed.target.replace(extra={}))
    given_up = mapcore.Cluster(
        nodes=given_up.nodes,
        settings=given_up.settings,
        maps={"map": ClusterMap(given_up.settings, current=given_up.current)},
    )
    plan = mapcore.plan(given_up, rebuild=True)
    assert plan.lost == ()
    assert all(holders(plan.target))


def test_dead_copies_elsewhere_are_no_data() -> None:
    rows = [{"n0": MASTER, "n1": SLAVE}, {"n1": MASTER, "n2": DEAD}]
    found = cluster(even(4, 2), settings(1, 1, 2), rows)
    plan = mapcore.plan(found, fail=["n1"], rebuild=True)
    assert plan.lost == ("1",)
    assert len(holders(plan.target)[0]) == 2


def test_pins_do_not_fill_it() -> None:
    given = settings(1, 0, 4, extra={"pinned": {"1": ["n2"]}})
    rows = [{f"n{number}": MASTER} for number in range(4)]
    found = cluster(even(4, 2), given, rows)
    assert live(mapcore.plan(found, fail=["n1"], rebuild=True).target)[1] == {}


def test_others_are_balanced_as_if_it_were_not_there() -> None:
    planned = mapcore.plan(cluster(even(6, 3), settings(1, 1, 60)))
    failed = mapcore.plan(followed(planned), fail=["n0", "n1"], rebuild=True)
    kept = 60 - len(failed.lost)
    loads = failed.target.loads()
    assert failed.lost
    assert loads.sum() == 2 * kept
    assert loads[2:].max() - loads[2:].min() <= 1


@pytest.mark.parametrize("others", list(combinations(KINDS, 2)))
def test_a_failed_node_is_swapped_together_with_other_changes(others: tuple[str, ...]) -> None:
    every: dict[str, Any] = {
        "swap": {"n5": "other"},
        "add": {"extra": "z2"},
        "weights": {"n4": 2},
        "maintain": ["n2"],
    }
    before = followed(mapcore.plan(cluster(even(), settings())))
    chosen = {kind: every[kind] for kind in others}
    chosen["swap"] = {**chosen.get("swap", {}), "n3": "new"}
    plan = mapcore.plan(before, fail=["n3"], **chosen)
    assert plan.cluster.node("n3").mode is Mode.GONE
    assert plan.lost == ()
    assert all("n3" not in row for row in holders(plan.target))
    assert all(len(row) == 3 for row in holders(plan.target))
    assert all(move.source not in (None, "n3") for move in plan.moves)


def test_a_failed_node_swapped_at_once_leaves_its_copies_to_the_new_node() -> None:
    before = followed(mapcore.plan(cluster(even(), settings())))
    plan = mapcore.plan(before, fail=["n3"], swap={"n3": "new"})
    renamed = [{"new" if name == "n3" else name for name in row} for row in holders(before.current)]
    assert holders(plan.target) == renamed
    assert {move.node for move in plan.moves} == {"new"}
    for was, now in zip(masters(before.current), masters(plan.target), strict=True):
        assert len(now) == 1
        assert was == {"n3"} or was == now

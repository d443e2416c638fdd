"""What a plan says of itself, in words and as a document."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mapcore
from mapcore.planning.moves import Reason
from mapcore.planning.plans import Plan
from tests.planning.clusters import DEAD, MASTER, SLAVE, cluster, even, settings


@pytest.fixture(scope="module")
def plan() -> Plan:
    fresh = mapcore.plan(cluster(even(), settings()))
    sized = fresh.target.replace(sizes=np.full(24, 1 << 20, np.int64))
    return mapcore.plan(fresh.cluster.with_current(sized), remove=["n3"])


def test_the_report_says_what_moves_and_why(plan: Plan) -> None:
    text = plan.report()
    assert "plan of map, version 0.1 -> 0.2: 24 partitions x 3 copies (1 master) on 9 nodes" in text
    assert "changes: remove n3" in text
    assert f"moves         {len(plan.moves)} ({len(plan.moves)}.0 MiB)" in text
    assert "leaving 8" in text
    assert "spread by zone: 0 copies above the even share before, 0 after" in text


def test_the_report_fits_a_wide_terminal(plan: Plan) -> None:
    assert max(map(len, plan.report().splitlines())) <= 120


def test_bars_count_every_active_node(plan: Plan) -> None:
    lines = plan.report().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("copies a node"))
    after = sum(int(line.split()[-1]) for line in lines[start + 1 :][: _bars(lines[start + 1 :])])
    assert after == 8


def _bars(lines: list[str]) -> int:
    return lines.index("")


def test_the_document_survives_json_and_lists_every_move(plan: Plan) -> None:
    found = json.loads(json.dumps(plan.to_dict()))
    assert len(found["moves"]) == len(plan.moves)
    assert found["moves"][0] == plan.moves[0]._asdict()
    assert found["bytesMoved"] == len(plan.moves) << 20
    assert found["changes"] == {"remove": ["n3"]}
    assert sum(node["in"] for node in found["traffic"].values()) == len(plan.moves)


def test_moves_are_a_sequence(plan: Plan) -> None:
    assert plan.moves[-1] == list(plan.moves)[-1]
    assert plan.moves[:2] == [plan.moves[0], plan.moves[1]]
    assert sum(plan.moves.by_reason().values()) == len(plan.moves)
    with pytest.raises(IndexError):
        plan.moves[len(plan.moves)]
    assert str(plan.moves[0]).startswith(f"partition {plan.moves[0].partition}: to ")


def test_every_reason_has_words() -> None:
    from mapcore.planning.moves import _WORDS

    assert set(_WORDS) == set(Reason)


def test_a_copy_in_a_crowded_zone_says_so() -> None:
    crowded = cluster(
        {"a": "z1", "b": "z1", "c": "z2"}, settings(1, 1, 1), [{"a": MASTER, "b": SLAVE}]
    )
    plan = mapcore.plan(crowded)
    assert [move.reason for move in plan.moves] == ["spread: too many copies in zone z1"]


def test_what_cannot_be_spread_is_named_with_the_zone_that_is_too_small() -> None:
    plan = mapcore.plan(cluster({"a": "z1", "b": "z2", "c": "z2", "d": "z2"}, settings(1, 3, 2)))
    assert plan.warnings[0] == (
        "spread by zone: 2 copies stand above the even share of 2 a zone, as 4 copies over 2 zones "
        "allow no better; too few nodes in z1 (1)"
    )


def test_balance_is_per_unit_of_weight() -> None:
    plan = mapcore.plan(
        cluster({"a": "z1", "b": "z1", "c": "z1"}, settings(1, 0, 40)), weights={"a": 2}
    )
    assert plan.balance.copies_after == (10.0, 10.0, 10.0)
    assert plan.balance.copies_before == (0.0, 0.0, 0.0)
    assert str(plan.balance.copies_after) == "10 / 10 / 10"


def test_masters_before_and_copies_in_surplus() -> None:
    found = cluster(
        {"a": "z1", "b": "z2", "c": "z3"},
        settings(1, 0, 1),
        [{"a": MASTER, "b": SLAVE, "c": DEAD}],
    )
    plan = mapcore.plan(found)
    assert {drop.node: drop.reason for drop in plan.drops} == {
        "b": "more than asked for",
        "c": "dead copy",
    }


def test_the_plan_shows_its_size() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    assert repr(plan) == "<Plan of map: version 0.1, 72 moves, 0 role changes>"

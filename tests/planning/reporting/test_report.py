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


def test_few_nodes_are_listed_with_bars_and_what_moves(plan: Plan) -> None:
    lines = plan.report().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("nodes "))
    row = next(line for line in lines[start:] if line.strip().startswith("n3 "))
    assert row.split()[:7] == ["n3", "########", "8", "0", "3", "->", "0"]
    others = [line.split() for line in lines[start + 1 : start + 10]]
    assert [cells[0] for cells in others] == [f"n{number}" for number in range(9)]
    assert sum(int(cells[-6]) for cells in others) == len(plan.moves)


def test_of_many_nodes_bars_count_those_that_stay() -> None:
    fresh = mapcore.plan(cluster(even(90), settings(partitions=90)))
    plan = mapcore.plan(fresh.cluster.with_current(fresh.target), add={"x": "z0"}, remove=["n3"])
    lines = plan.report().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("copies a node"))
    bars = [line.split() for line in lines[start + 1 : lines.index("", start)]]
    assert bars == [["3", "####################", "89", "####################", "90"]]
    assert any(line.split()[:3] == ["x", "3", "0"] for line in lines)


def test_traffic_adds_up_to_the_moves_and_their_bytes(plan: Plan) -> None:
    traffic, moves = plan.traffic, plan.moves
    for column in (traffic.moves_in, traffic.moves_out):
        assert column.sum() == len(moves)
    for node in range(9):
        assert traffic.moves_in[node] == sum(move.node == f"n{node}" for move in moves)
        assert traffic.moves_out[node] == sum(move.source == f"n{node}" for move in moves)
    assert traffic.bytes_in is not None
    assert traffic.bytes_out is not None
    assert traffic.bytes_in.tolist() == (traffic.moves_in << 20).tolist()
    assert traffic.bytes_out.sum() == plan.bytes_moved


def test_moves_without_a_source_stream_nothing() -> None:
    plan = mapcore.plan(cluster(even(), settings()))
    assert (plan.traffic.moves_in.sum(), plan.traffic.moves_out.sum()) == (72, 0)


def test_the_report_tells_the_length_of_schedules(plan: Plan) -> None:
    schedule = mapcore.schedule(plan)
    assert schedule.name == "map"
    assert schedule.stream_count == len(plan.moves)
    assert f"rounds        {schedule.rounds}  no schedule has less" in plan.report(schedule)
    assert "rounds" not in plan.report()
    assert plan.to_dict(schedule)["expected"]["rounds"] == schedule.rounds


def test_the_document_survives_json_and_lists_every_move(plan: Plan) -> None:
    found = json.loads(json.dumps(plan.to_dict()))
    assert len(found["moves"]) == len(plan.moves)
    assert found["moves"][0] == plan.moves[0]._asdict()
    assert found["bytesMoved"] == len(plan.moves) << 20
    assert found["changes"] == {"remove": ["n3"]}
    assert sum(node["in"] for node in found["traffic"].values()) == len(plan.moves)
    assert sum(node["bytesOut"] for node in found["traffic"].values()) == len(plan.moves) << 20
    assert found["loads"]["n3"] == {"copies": [8, 0], "masters": [3, 0]}


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

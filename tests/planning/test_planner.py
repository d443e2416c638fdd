"""Plans, recounted by other means than they were made with."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.cluster import Cluster, Mode
from mapcore.planning.plans import Plan
from mapcore.states import PERSISTENCE_PAUSED, Placement, Running, state_code
from tests.planning.clusters import (
    DEAD,
    MASTER,
    SLAVE,
    cluster,
    clusters,
    counts,
    even,
    holders,
    live,
    masters,
    settings,
)
from tests.twins import shares as twin


def followed(plan: Plan) -> Cluster:
    """The cluster once the target is reached."""
    return plan.cluster.with_current(plan.target)


def planned(**more: Any) -> Cluster:
    return followed(mapcore.plan(cluster(even(), settings(**more))))


def holds_nothing(found: Cluster) -> set[str]:
    return {
        node.name
        for node in found.nodes
        if node.mode in (Mode.LEAVING, Mode.GONE) or (node.mode is Mode.ACTIVE and node.weight == 0)
    }


def resting(found: Cluster) -> set[str]:
    return {node.name for node in found.nodes if node.mode is Mode.MAINTENANCE}


@given(clusters())
def test_every_partition_has_the_copies_asked_for_where_they_may_be(found: Cluster) -> None:
    plan = mapcore.plan(found)
    asked = found.map().settings.constraints
    able = (
        {n.name for n in plan.cluster.nodes} - holds_nothing(plan.cluster) - resting(plan.cluster)
    )
    lost = lost_rows(found, plan)
    for before, after, is_lost in zip(
        start_rows(found, plan), live(plan.target), lost, strict=True
    ):
        if is_lost:
            assert after == {}
            continue
        kept = resting(plan.cluster) & before
        assert set(after) & holds_nothing(plan.cluster) == set()
        assert set(after) & resting(plan.cluster) <= kept
        assert len(set(after) & resting(plan.cluster)) == min(asked.copy_count, len(kept))
        assert len(after) == min(asked.copy_count, len(able) + len(kept))


def start_rows(found: Cluster, plan: Plan) -> list[set[str]]:
    """Live copies in reach before, by partition."""
    gone = {node.name for node in plan.cluster.nodes if node.mode is Mode.GONE}
    if found.map().current is None:
        return [set()] * plan.target.partition_count
    return [row - gone for row in holders(found.map().current)]


def lost_rows(found: Cluster, plan: Plan) -> list[bool]:
    """Which partitions have copies on nodes that are gone, and no live one elsewhere."""
    gone = {node.name for node in plan.cluster.nodes if node.mode is Mode.GONE}
    current = found.map().current
    if current is None:
        return [False] * plan.target.partition_count
    return [
        not reached and any(copy.node in gone for copy in current.copies(partition))
        for partition, reached in enumerate(start_rows(found, plan))
    ]


@given(clusters())
def test_masters_are_as_many_as_asked_and_none_is_in_maintenance(found: Cluster) -> None:
    plan = mapcore.plan(found)
    asked = found.map().settings.constraints.master
    for row, leading in zip(holders(plan.target), masters(plan.target), strict=True):
        able = row - resting(plan.cluster)
        assert leading <= able
        assert len(leading) == min(asked, len(able))


@given(clusters())
def test_a_target_holds_each_copy_once_and_only_live_ones(found: Cluster) -> None:
    target = mapcore.plan(found).target
    for partition in range(target.partition_count):
        copies = target.copies(partition)
        assert len({copy.node for copy in copies}) == len(copies)
        assert {copy.code for copy in copies} <= {MASTER, SLAVE}
        assert [copy.placement for copy in copies] == sorted(
            (copy.placement for copy in copies), reverse=True
        )


@given(clusters())
def test_moves_are_the_copies_that_are_not_there_yet(found: Cluster) -> None:
    plan = mapcore.plan(found)
    expected = {
        (str(partition), name)
        for partition, (before, after) in enumerate(
            zip(start_rows(found, plan), holders(plan.target), strict=True)
        )
        for name in after - before
    }
    assert {(move.partition, move.node) for move in plan.moves} == expected
    assert len(plan.moves) == len(expected)
    for move in plan.moves:
        before = start_rows(found, plan)[int(move.partition)]
        assert (move.source in before) if before else move.source is None


@given(clusters())
def test_drops_are_the_copies_that_are_not_there_any_more(found: Cluster) -> None:
    plan = mapcore.plan(found)
    current = found.map().current
    expected = set()
    if current is not None:
        for partition, after in enumerate(holders(plan.target)):
            for copy in current.copies(partition):
                if copy.node not in after:
                    expected.add((str(partition), copy.node))
    assert {(drop.partition, drop.node) for drop in plan.drops} == expected
    assert len(plan.drops) == len(expected)


@given(clusters())
def test_role_changes_lead_from_the_masters_before_to_those_after(found: Cluster) -> None:
    plan = mapcore.plan(found)
    if found.map().current is None:
        assert len(plan.role_changes) == 0
        return
    gone = {node.name for node in plan.cluster.nodes if node.mode is Mode.GONE}
    changes: dict[str, tuple[set[str | None], set[str | None]]] = {}
    for change in plan.role_changes:
        became, ceased = changes.setdefault(change.partition, (set(), set()))
        became.add(change.node)
        ceased.add(change.previous)
    for partition, (was, now) in enumerate(
        zip(masters(found.map().current), masters(plan.target), strict=True)
    ):
        became, ceased = changes.get(str(partition), (set(), set()))
        new, old = now - (was - gone), was - now
        assert became - {None} <= new
        assert ceased - {None} <= old | gone
        assert new - became <= now - start_rows(found, plan)[partition]
        assert old - gone <= ceased


def test_a_fresh_map_is_even_in_copies() -> None:
    plan = mapcore.plan(cluster(even(), settings(partitions=24)))
    assert set(counts(holders(plan.target), list(even())).values()) == {8}
    assert [len({name[1] for name in row}) for row in holders(plan.target)] == [3] * 24


def test_several_masters_a_partition() -> None:
    plan = mapcore.plan(cluster(even(), settings(2, 1)))
    assert {len(row) for row in masters(plan.target)} == {2}
    assert {len(row) for row in holders(plan.target)} == {3}


def test_a_node_of_no_weight_gives_all_up() -> None:
    before = planned()
    plan = mapcore.plan(before, weights={"n3": 0})
    assert counts(holders(plan.target), ["n3"]) == {"n3": 0}
    assert {move.reason for move in plan.moves} >= {"n3 has weight 0"}


def test_versions_keys_and_what_is_known_of_partitions_are_carried_over() -> None:
    found = cluster(
        {"a": "z1", "b": "z2"},
        settings(1, 0, 2),
        [{"a": MASTER}, {"a": MASTER}],
        sources={1: "0"},
        extra={0: {"colour": "red"}},
        sizes=None,
    )
    plan = mapcore.plan(found)
    assert plan.target.version == (1, 8)
    assert plan.target.keys == found.current.keys  # type: ignore[union-attr]
    assert plan.target.sources == {1: "0"}
    assert plan.target.extra == {0: {"colour": "red"}}
    assert plan.target.nodes is plan.cluster.node_index


def test_pauses_stay_and_everything_runs_in_the_target() -> None:
    warming = state_code(Placement.SLAVE, Running.WARMING, persistence_paused=True)
    found = cluster({"a": "z1", "b": "z2"}, settings(1, 1, 1), [{"a": MASTER, "b": warming}])
    target = mapcore.plan(found).target
    assert target.state(0, 1) == state_code(Placement.SLAVE) | PERSISTENCE_PAUSED


def test_pending_copies_count_as_what_they_devolve_to() -> None:
    found = cluster(
        {"a": "z1", "b": "z2"},
        settings(1, 1, 1),
        [{"a": state_code(Placement.PENDING_MASTER), "b": state_code(Placement.PENDING_SLAVE)}],
    )
    plan = mapcore.plan(found)
    assert live(plan.target) == [{"a": "master", "b": "slave"}]
    assert (len(plan.moves), len(plan.drops), len(plan.role_changes)) == (0, 0, 0)


def test_dead_copies_are_cleaned_up() -> None:
    found = cluster(
        {"a": "z1", "b": "z2", "c": "z3"}, settings(1, 0, 1), [{"a": MASTER, "b": DEAD}]
    )
    plan = mapcore.plan(found)
    assert live(plan.target) == [{"a": "master"}]
    assert [tuple(drop) for drop in plan.drops] == [("0", "b", "dead copy")]


class TestSwap:
    def test_the_new_node_gets_exactly_what_the_old_one_had(self) -> None:
        before = planned()
        plan = mapcore.plan(before, swap={"n3": "new"})
        renamed = [
            {("new" if name == "n3" else name): role for name, role in row.items()}
            for row in live(before.current)
        ]
        assert live(plan.target) == renamed
        assert len(plan.moves) == counts(holders(before.current), ["n3"])["n3"]
        assert {move.reason for move in plan.moves} == {"swap of n3 by new"}
        assert {move.node for move in plan.moves} == {"new"}

    def test_a_map_that_is_not_balanced_stays_as_it_is(self) -> None:
        lopsided = cluster(even(4, 2), settings(1, 0, 8), [{"n0": MASTER}] * 8)
        plan = mapcore.plan(lopsided, swap={"n0": "new"})
        assert live(plan.target) == [{"new": "master"}] * 8

    def test_an_empty_node_of_the_cluster_will_do(self) -> None:
        spare = cluster(even(4, 2), settings(1, 0, 4), [{"n0": MASTER}] * 4)
        assert holders(mapcore.plan(spare, swap={"n0": "n3"}).target) == [{"n3"}] * 4

    def test_a_lost_node_is_replaced_by_filling_the_new_one_from_others(self) -> None:
        before = mapcore.plan(planned(), fail=["n3"]).cluster
        plan = mapcore.plan(before, swap={"n3": "new"})
        assert counts(holders(plan.target), ["new"])["new"] == len(plan.moves) == 8
        assert all(move.source not in (None, "n3") for move in plan.moves)


class TestMaintenance:
    def test_mastership_goes_and_the_copies_stay(self) -> None:
        before = planned()
        plan = mapcore.plan(before, maintain=["n3", "n4"])
        assert holders(plan.target) == holders(before.current)
        assert counts(masters(plan.target), ["n3", "n4"]) == {"n3": 0, "n4": 0}
        assert len(plan.moves) == len(plan.drops) == 0

    def test_and_back_is_exactly_the_map_before(self) -> None:
        before = planned()
        away = followed(mapcore.plan(before, maintain=["n3", "n4"]))
        back = mapcore.plan(away, activate=["n3", "n4"])
        assert back.target == before.current
        assert back.target.extra == {}

    def test_back_in_another_order_is_the_map_before_too(self) -> None:
        before = planned()
        once = followed(mapcore.plan(before, maintain=["n3"]))
        twice = followed(mapcore.plan(once, maintain=["n4"]))
        for first, second in (("n3", "n4"), ("n4", "n3")):
            one_back = followed(mapcore.plan(twice, activate=[first]))
            assert mapcore.plan(one_back, activate=[second]).target == before.current

    @given(clusters(modes=False), st.data())
    def test_any_cluster_comes_back_to_where_it_was(
        self, found: Cluster, data: st.DataObject
    ) -> None:
        before = followed(mapcore.plan(found))
        names = [node.name for node in before.nodes]
        chosen = data.draw(st.lists(st.sampled_from(names), unique=True, min_size=1))
        away = followed(mapcore.plan(before, maintain=chosen))
        assert holders(away.current) == holders(before.current)
        assert mapcore.plan(away, activate=chosen).target == before.current

    def test_masters_before_are_found_in_the_target_where_the_current_map_forgot(self) -> None:
        before = planned()
        away = mapcore.plan(before, maintain=["n3"])
        reported = away.cluster.with_current(away.target.replace(extra={}))
        assert mapcore.plan(reported, activate=["n3"]).target == before.current

    def test_it_gets_nothing_new_while_others_do(self) -> None:
        before = planned()
        plan = mapcore.plan(before, maintain=["n3"], remove=["n4"])
        assert [row & {"n3"} for row in holders(plan.target)] == [
            row & {"n3"} for row in holders(before.current)
        ]
        assert counts(holders(plan.target), ["n4"]) == {"n4": 0}
        assert counts(masters(plan.target), ["n3"]) == {"n3": 0}

    def test_a_partition_with_nowhere_to_go_is_named(self) -> None:
        alone = cluster({"a": "z1", "b": "z2"}, settings(1, 0, 2), [{"a": MASTER}, {"b": MASTER}])
        plan = mapcore.plan(alone, maintain=["a"])
        assert masters(plan.target) == [set(), {"b"}]
        assert plan.warnings == (
            "partition 0 will be red, without a master: all their copies are on nodes in "
            "maintenance",
        )


class TestFailure:
    def test_slaves_take_over_and_no_data_moves(self) -> None:
        before = planned()
        plan = mapcore.plan(before, fail=["n3"])
        assert holders(plan.target) == [row - {"n3"} for row in holders(before.current)]
        assert {len(row) for row in masters(plan.target)} == {1}
        assert len(plan.moves) == 0

    def test_masters_that_live_keep_their_role(self) -> None:
        before = planned()
        plan = mapcore.plan(before, fail=["n3"])
        for was, now in zip(masters(before.current), masters(plan.target), strict=True):
            assert was == {"n3"} or was == now

    def test_a_partition_without_a_copy_is_red_by_name(self) -> None:
        alone = cluster({"a": "z1", "b": "z2"}, settings(1, 0, 2), [{"a": MASTER}, {"b": MASTER}])
        plan = mapcore.plan(alone, fail=["a"])
        assert live(plan.target) == [{}, {"b": "master"}]
        assert plan.warnings[0].startswith("no live copy is left of partition 0")
        assert plan.warnings[1] == "partition 0 will be red, without a master: they have no copy"

    def test_all_nodes_may_fail(self) -> None:
        plan = mapcore.plan(planned(), fail=list(even()))
        assert plan.target.copy_count == 0

    def test_rebuild_restores_the_counts(self) -> None:
        before = planned()
        plan = mapcore.plan(before, fail=["n3"], rebuild=True)
        assert {len(row) for row in holders(plan.target)} == {3}
        assert "n3 is gone" in {move.reason for move in plan.moves}
        later = mapcore.plan(followed(mapcore.plan(before, fail=["n3"])), rebuild=True)
        assert {len(row) for row in holders(later.target)} == {3}

    def test_failing_again_changes_nothing(self) -> None:
        once = followed(mapcore.plan(planned(), fail=["n3"]))
        again = mapcore.plan(once, fail=["n3"])
        assert again.target == once.current

    def test_what_a_node_still_holds_counts_when_it_comes_back(self) -> None:
        before = planned()
        held = [index for index, row in enumerate(holders(before.current)) if "n3" in row]
        failed = mapcore.plan(before, fail=["n3"])
        reported = [
            {copy.node: copy.code for copy in failed.target.copies(partition)}
            | ({"n3": DEAD} if partition in held else {})
            for partition in range(24)
        ]
        back = cluster(failed.cluster.nodes, settings(), reported)
        plan = mapcore.plan(back, activate=["n3"])
        assert holders(plan.target) == holders(before.current)
        assert {move.reason for move in plan.moves} == {"n3 is back and still holds an older copy"}


def test_several_changes_at_once() -> None:
    before = planned()
    plan = mapcore.plan(
        before,
        add={"x": "z0"},
        remove=["n0"],
        swap={"n1": "y"},
        maintain=["n2"],
        fail=["n3"],
        weights={"n4": 2},
    )
    held = counts(holders(plan.target), [node.name for node in plan.cluster.nodes])
    assert {len(row) for row in holders(plan.target)} == {3}
    assert (held["n0"], held["n1"], held["n3"]) == (0, 0, 0)
    assert held["x"] > 0 < held["y"]
    assert counts(masters(plan.target), ["n2"]) == {"n2": 0}


def test_more_copies_than_nodes_are_placed_as_far_as_nodes_go() -> None:
    plan = mapcore.plan(cluster(even(9), settings(1, 11)))
    assert {len(row) for row in holders(plan.target)} == {9}
    assert plan.warnings[0] == (
        "constraints ask for 12 copies, 9 nodes may hold one: 3 copies of every partition missing "
        "(72 in all); add 3 nodes or lower constraints.slave to 8"
    )


def test_a_target_without_a_current_map_is_not_followed_and_that_is_said() -> None:
    found = planned()
    only_target = found.with_target(found.current).with_current(None)  # type: ignore[arg-type]
    plan = mapcore.plan(only_target)
    assert "no current map" in plan.warnings[0]
    assert len(plan.moves) == 72


@pytest.mark.parametrize("levels", [0, 1])
def test_a_range_map_keeps_its_ranges(levels: int) -> None:
    keys = mapcore.RangeKeys([mapcore.KeyRange.from_name(name) for name in ("a-c", "d-h", "i-z")])
    given = settings(2, 0, zones=bool(levels))
    start = mapcore.PartitionMap.from_copies([[], [("n0", MASTER)], []], list(even()), keys=keys)
    plan = mapcore.plan(cluster(even(), given).with_current(start))
    assert plan.target.keys == keys
    assert "a-c" in {move.partition for move in plan.moves}


def test_the_same_input_gives_the_same_plan() -> None:
    found = cluster(even(), settings())
    assert mapcore.plan(found).target == mapcore.plan(found).target


@given(clusters())
def test_planning_again_changes_nothing(found: Cluster) -> None:
    once = followed(mapcore.plan(found))
    again = mapcore.plan(once)
    assert again.target == once.current
    assert (len(again.moves), len(again.drops), len(again.role_changes)) == (0, 0, 0)


@given(clusters(modes=False, zones=False))
def test_every_node_holds_its_weighted_share_rounded_down_or_up(found: Cluster) -> None:
    plan = mapcore.plan(found)
    weights = [node.weight for node in plan.cluster.nodes]
    partitions = plan.target.partition_count
    for rows in (holders(plan.target), masters(plan.target)):
        lower, upper = twin.share_bounds(
            sum(map(len, rows)), weights, [True] * len(weights), [partitions] * len(weights)
        )
        held = counts(rows, [node.name for node in plan.cluster.nodes]).values()
        outside = [
            max(low - n, n - high, 0) for low, high, n in zip(lower, upper, held, strict=True)
        ]
        if rows == holders(plan.target):
            assert sum(outside) == 0
        else:
            assert sum(distance**2 for distance in outside) == plan.work.roles.imbalance


@given(clusters(modes=False))
def test_copies_are_spread_as_evenly_over_zones_as_zones_have_nodes(found: Cluster) -> None:
    given_settings = found.map().settings
    if given_settings.spread == ():
        return
    plan = mapcore.plan(found)
    zone = {node.name: node.location for node in plan.cluster.nodes if node.weight > 0}
    sizes = [list(zone.values()).count(value) for value in set(zone.values())]
    for row in holders(plan.target):
        even_share = ceil(given_settings.constraints.copy_count / len(sizes))
        found_excess = sum(
            max(0, [zone[name] for name in row].count(value) - even_share)
            for value in set(zone.values())
        )
        room = sum(min(size, even_share) for size in sizes)
        assert found_excess == max(0, len(row) - room)


@given(clusters(), st.data())
def test_any_changes_at_once_leave_counts_right(found: Cluster, data: st.DataObject) -> None:
    names = [node.name for node in found.nodes if node.mode is Mode.ACTIVE]
    kinds = data.draw(
        st.dictionaries(
            st.sampled_from(names), st.sampled_from(["remove", "maintain", "fail", "swap"])
        )
    )
    chosen = {kind: [name for name in kinds if kinds[name] == kind] for kind in kinds.values()}
    swap = {name: f"{name}-new" for name in chosen.pop("swap", [])}
    plan = mapcore.plan(
        found,
        add={"x": "z0"},
        swap=swap,
        remove=chosen.get("remove", ()),
        maintain=chosen.get("maintain", ()),
        fail=chosen.get("fail", ()),
    )
    asked = found.map().settings.constraints
    able = {
        node.name for node in plan.cluster.nodes if node.mode is Mode.ACTIVE and node.weight > 0
    }
    rows = zip(holders(plan.target), start_rows(found, plan), lost_rows(found, plan), strict=True)
    for row, before, is_lost in rows:
        if is_lost:
            assert row == set()
            continue
        kept = resting(plan.cluster) & before
        assert row <= able | kept
        assert len(row) == min(asked.copy_count, len(able) + len(kept))

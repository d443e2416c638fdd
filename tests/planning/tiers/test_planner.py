"""`plan_tiers` keeps every promise about connections, and changes as few of them as can be."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.cluster import Mode, Node
from mapcore.errors import PlanError
from mapcore.maps import PartitionMap, Version
from mapcore.planning.tiers.planner import plan_tiers
from mapcore.planning.tiers.plans import TierPlan
from mapcore.states import Placement, state_code
from tests.twins.tiers import connections_of, fewest_new

MASTER, SLAVE, OLD_MASTER, DEAD = map(
    state_code, (Placement.MASTER, Placement.SLAVE, Placement.PENDING_MASTER, Placement.DEAD)
)


def placed(stem: str, count: int, zones: int) -> dict[str, str]:
    return {f"{stem}{number}": f"z{number % zones}/r{number}" for number in range(count)}


def neighbours(plan: TierPlan) -> dict[str, set[str]]:
    return {name: set(plan.proxies_of(name)) for name in plan.clients.index.names}


def check(plan: TierPlan, max_connections: int) -> None:
    """Hold a plan to what is promised of every plan."""
    counts = plan.connections
    assert max(counts.by_client, default=0) <= max_connections
    assert max(counts.nodes_by_proxy) <= math.ceil(len(plan.nodes) / plan.group_count)
    cells = Counter(zip(plan.proxy_zones, plan.proxy_groups.tolist(), strict=True))
    clients = Counter(plan.client_zones)
    assert set(clients) <= set(plan.proxy_zones)
    for proxy, (zone, group) in enumerate(
        zip(plan.proxy_zones, plan.proxy_groups.tolist(), strict=True)
    ):
        size = cells[zone, group]
        total = clients[zone] * min(plan.copies, size)
        assert total // size <= counts.clients_by_proxy[proxy] <= -(-total // size)
    for client, groups in enumerate(plan.assigned.tolist()):
        for group, row in enumerate(groups):
            zone = plan.client_zones[client]
            used = [proxy for proxy in row if proxy >= 0]
            assert len(used) == len(set(used)) == min(plan.copies, cells[zone, group]) >= 1
            assert all(plan.proxy_groups[proxy] == group for proxy in used)
            assert all(plan.proxy_zones[proxy] == zone for proxy in used)
    assert (counts.clients_to_proxies, counts.proxies_to_nodes) == connections_of(
        plan.assigned.tolist(), plan.proxy_groups.tolist(), plan.node_groups.tolist()
    )
    assert plan.certificate.is_optimal, str(plan.certificate)


@given(
    clients=st.builds(placed, st.just("c"), st.integers(0, 12), st.integers(1, 4)),
    proxies=st.builds(placed, st.just("p"), st.integers(1, 14), st.integers(1, 4)),
    nodes=st.integers(1, 12),
    most=st.integers(1, 12),
    depth=st.integers(0, 2),
    lost=st.sets(st.integers(0, 13)),
    added=st.integers(0, 3),
    regroup=st.booleans(),
)
def test_every_plan_keeps_what_is_promised_and_so_does_the_one_after_a_change(
    clients: dict[str, str],
    proxies: dict[str, str],
    nodes: int,
    most: int,
    depth: int,
    lost: set[int],
    added: int,
    regroup: bool,
) -> None:
    plan = plan_tiers(clients, proxies, nodes, most, zone_depth=depth)
    check(plan, most)
    left = {name: place for n, (name, place) in enumerate(proxies.items()) if n not in lost}
    left |= {f"new{number}": f"z{number}" for number in range(added)}
    kept = dict(list(clients.items())[1:]) | {"another": "z0"}
    if len(left) < plan.copies:
        return
    after = plan_tiers(
        kept, left, nodes + 2, most, zone_depth=depth, previous=plan, regroup=regroup
    )
    check(after, most)
    assert after.version > plan.version


@given(
    clients=st.integers(1, 10),
    proxies=st.integers(2, 6),
    lost=st.integers(0, 5),
    added=st.integers(0, 2),
    copies=st.integers(1, 2),
)
def test_no_plan_gives_clients_fewer_new_proxies(
    clients: int, proxies: int, lost: int, added: int, copies: int
) -> None:
    plan = plan_tiers(clients, proxies, 1, copies, copies=copies)
    left = [name for n, name in enumerate(plan.proxies.index.names) if n != lost]
    left += [f"new{number}" for number in range(added)]
    if len(left) < copies:
        return
    after = plan_tiers(clients, left, 1, copies, previous=plan)
    held = [
        [left.index(name) for name in plan.proxies_of(client) if name in left]
        for client in range(clients)
    ]
    assert after.connections.opened == fewest_new(held, len(left), copies)
    assert after.certificate.objectives[1].value == after.connections.opened


zones = st.lists(st.sampled_from("abcd"), min_size=2, max_size=16)


def in_zones(stem: str, given: list[str]) -> dict[str, str]:
    return {f"{stem}{number}": zone for number, zone in enumerate(given)}


@given(clients=zones, proxies=zones, most=st.integers(1, 8), lost=st.integers(0, 15))
def test_losing_a_proxy_moves_only_its_clients(
    clients: list[str], proxies: list[str], most: int, lost: int
) -> None:
    plan = plan_tiers(in_zones("c", clients), in_zones("p", proxies), 9, most)
    lost %= len(proxies)
    cells = list(zip(plan.proxy_zones, plan.proxy_groups.tolist(), strict=True))
    if cells.count(cells[lost]) == 1:
        return  # its group has no other proxy in the zone: one must come from another group
    name = f"p{lost}"
    left = {other: zone for other, zone in in_zones("p", proxies).items() if other != name}
    after = plan_tiers(in_zones("c", clients), left, 9, most, previous=plan)
    before, now = neighbours(plan), neighbours(after)
    for client, used in before.items():
        assert used - {name} <= now[client]
        assert name in used or used == now[client]
    assert after.certificate.objectives[1].value == after.connections.opened
    assert after.connections.disturbed == 0


@given(clients=zones, proxies=zones, most=st.integers(1, 8), zone=st.sampled_from("abcd"))
def test_only_a_new_proxy_gets_new_clients(
    clients: list[str], proxies: list[str], most: int, zone: str
) -> None:
    plan = plan_tiers(in_zones("c", clients), in_zones("p", proxies), 9, most)
    if zone not in plan.proxy_zones:
        return  # a zone that is served for the first time takes its clients home
    more = in_zones("p", proxies) | {"new": zone}
    after = plan_tiers(in_zones("c", clients), more, 9, most, previous=plan)
    assert after.connections.opened == len(after.clients_of("new"))


def test_a_new_proxy_takes_only_its_share() -> None:
    clients, proxies = placed("c", 120, 1), placed("p", 12, 1)
    plan = plan_tiers(clients, proxies, 60, 4, groups=2)
    after = plan_tiers(clients, proxies | {"new": "z0"}, 60, 4, previous=plan)
    share = 120 * 2 // 7
    assert len(after.clients_of("new")) in (share, share + 1)
    assert after.connections.opened == after.connections.closed == len(after.clients_of("new"))


def test_planning_again_changes_nothing() -> None:
    args: tuple[Any, ...] = (placed("c", 50, 3), placed("p", 20, 3), 30, 6)
    plan = plan_tiers(*args)
    again = plan_tiers(*args, previous=plan)
    assert np.array_equal(plan.assigned, again.assigned)
    assert np.array_equal(plan.node_groups, again.node_groups)
    assert again.connections.opened == again.connections.closed == 0


def test_clients_use_the_proxies_of_their_zone() -> None:
    plan = plan_tiers(placed("c", 60, 3), placed("p", 24, 3), 30, 8)
    for client, zone in enumerate(plan.clients.zones(1)):
        places = {plan.proxies.locations[n] for n in plan.assigned[client].ravel().tolist()}
        assert {place.split("/")[0] for place in places} == {zone}


def test_clients_of_a_zone_without_proxies_are_shared_out_over_the_others() -> None:
    clients = {f"c{n}": "nowhere" for n in range(30)} | {"home": "a"}
    proxies = {"p0": "a", "p1": "a", "p2": "b", "p3": "b"}
    plan = plan_tiers(clients, proxies, 4, 2)
    assert Counter(plan.client_zones) in ({"a": 15, "b": 16}, {"a": 16, "b": 15})
    assert plan.client_zones[-1] == "a"
    assert plan.warnings[-1].startswith("clients are served outside of their zone: c0, c1")


def test_zones_with_too_few_proxies_for_all_groups_are_served_together() -> None:
    proxies = {"p0": "a", "p1": "a", "p2": "a", "p3": "a", "p4": "b", "p5": "c"}
    plan = plan_tiers({"x": "a", "y": "b", "z": "c"}, proxies, 4, 4, copies=1, groups=2)
    assert plan.client_zones == ("a", "", "")
    assert set(plan.proxies_of("y")) == set(plan.proxies_of("z")) == {"p4", "p5"}


def test_a_zone_that_gets_proxies_takes_its_clients_home() -> None:
    clients, proxies = placed("c", 12, 2), {"p0": "z0", "p1": "z0"}
    plan = plan_tiers(clients, proxies, 4, 2)
    after = plan_tiers(clients, proxies | {"p2": "z1", "p3": "z1"}, 4, 2, previous=plan)
    assert after.client_zones == after.clients.zones(1)


def test_a_group_that_would_have_no_proxy_left_takes_one_from_another() -> None:
    plan = plan_tiers(4, 4, 4, 2, copies=1, groups=2)
    left = [
        name
        for name in plan.proxies.index.names
        if plan.proxy_groups[plan.proxies.index.number(name)]
    ]
    after = plan_tiers(4, left, 4, 2, previous=plan)
    assert sorted(after.proxy_groups.tolist()) == [0, 1]


def test_regrouping_evens_out_what_losses_left_uneven() -> None:
    plan = plan_tiers(20, 8, 8, 2, copies=1, groups=2)
    names = plan.proxies.index.names
    left = [
        name for n, name in enumerate(names) if plan.proxy_groups[n] == 0 or n == len(names) - 1
    ]
    uneven = plan_tiers(20, left, 8, 2, previous=plan)
    assert sorted(Counter(uneven.proxy_groups.tolist()).values()) == [1, 4]
    assert uneven.warnings == (
        "zone (all others) has from 1 to 4 proxies a group: regrouping would even that out",
    )
    even = plan_tiers(20, left, 8, 2, previous=uneven, regroup=True, groups=2)
    assert sorted(Counter(even.proxy_groups.tolist()).values()) == [2, 3]


def test_a_proxy_of_twice_the_weight_takes_twice_the_clients() -> None:
    proxies = [Node(name="big", weight=2.0), Node(name="a"), Node(name="b")]
    plan = plan_tiers(40, proxies, 5, 1)
    assert [len(plan.clients_of(name)) for name in ("big", "a", "b")] == [20, 10, 10]


def test_proxies_that_are_not_active_take_no_part_and_nodes_that_are_gone_neither() -> None:
    proxies = [Node(name="a"), Node(name="b", mode=Mode.LEAVING), Node(name="c", weight=0.0)]
    nodes = [Node(name="x"), Node(name="y", mode=Mode.GONE), Node(name="z", mode=Mode.LEAVING)]
    plan = plan_tiers(2, proxies, nodes, 2)
    assert plan.proxies.index.names == ("a",)
    assert plan.nodes.index.names == ("x", "z")


@pytest.mark.parametrize(
    ("clients", "proxies", "nodes", "most"),
    [(4_000, 40, 4_000, 64), (100, 40, 4_000, 64), (4_000, 10, 100, 64), (50, 50, 50, 7)],
)
def test_the_number_of_groups_makes_the_sum_of_connections_least(
    clients: int, proxies: int, nodes: int, most: int
) -> None:
    plan = plan_tiers(clients, proxies, nodes, most)

    def total(groups: int) -> float:
        return clients * 2 * groups + proxies * nodes / groups

    allowed = range(1, min(most, proxies, nodes) // 2 + 1)
    assert total(plan.group_count) == min(map(total, allowed))


def test_a_client_map_leads_each_partition_to_the_proxies_of_its_masters_group() -> None:
    nodes = ["n0", "n1", "n2", "n3"]
    plan = plan_tiers(6, 8, nodes, 4, groups=2)
    held = PartitionMap.from_copies(
        [
            [("n3", MASTER), ("n0", SLAVE)],
            [("n0", OLD_MASTER), ("n1", SLAVE)],
            [("stranger", MASTER)],
            [("n1", DEAD)],
        ],
        ["stranger", *nodes],
        version=Version(2, 7),
    )
    group = dict(zip(nodes, plan.node_groups.tolist(), strict=True))
    expected = [group["n3"], group["n0"], 2 % 2, 3 % 2]
    assert plan.partition_groups(held).tolist() == expected
    for client in range(6):
        client_map = plan.client_map(client, held)
        assert client_map.version == Version(2, 8)
        for partition, number in enumerate(expected):
            copies = client_map.copies(partition)
            assert {copy.placement for copy in copies} == {Placement.MASTER}
            proxies = [plan.proxies.index.number(copy.node) for copy in copies]
            assert sorted(proxies) == sorted(plan.assigned[client, number].tolist())


def test_names_lead_to_neighbours() -> None:
    plan = plan_tiers(["alice"], ["p", "q"], ["n", "m"], 2)
    assert plan.proxies_of("alice") == plan.proxies_of(0)
    assert plan.clients_of("p") == ("alice",)
    assert plan.nodes_of("p") == ("n", "m")


def test_the_report_says_what_the_document_says() -> None:
    plan = plan_tiers(placed("c", 40, 2), placed("p", 8, 2), 40, 4)
    after = plan_tiers(placed("c", 41, 2), placed("p", 8, 2), 40, 4, previous=plan)
    document = after.to_dict()
    counts = document["connections"]
    assert counts["direct"] == 41 * 40
    assert counts["total"] == counts["clientsToProxies"] + counts["proxiesToNodes"]
    assert document["most"]["client"] == {"direct": 40, "tier": 4}
    assert document["change"]["opened"] == 4
    assert document["certificate"]["optimal"]
    text = after.report()
    assert "since version 0.1: 4 connections of clients opened, 0 closed" in text
    assert f"{counts['total']:,}" in text
    assert "certificate: proven optimal" in text


def test_zones_that_are_unevenly_equipped_are_warned_of() -> None:
    clients = {f"c{n}": "a" for n in range(30)} | {"d": "b"}
    plan = plan_tiers(clients, {"p": "a", "q": "b"}, 4, 1)
    assert plan.warnings == (
        "proxies of one zone have 30.0 clients each, of another 1.0: move proxies, or plan "
        "without zones",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1, 0, 1, 1), "found 0 proxies and 1 nodes that take part"),
        ((1, 1, 0, 1), "found 1 proxies and 0 nodes that take part"),
        ((-1, 1, 1, 1), "clients: found -1, expected 0 or more"),
        ((1, 1, 1, 0), "max_connections: found 0, expected a whole number from 1 up"),
        ((1, 1, 1, 1.5), "max_connections: found 1.5"),
        (("abc", 1, 1, 1), "clients: found 'abc', expected a number, names, locations or nodes"),
        ((1, ["a", "a"], 1, 1), "proxies: found name 'a' twice"),
        ((1, {"a": 3}, 1, 1), "proxies: found 'a': 3, expected a location or a Node"),
    ],
)
def test_wrong_arguments_are_named(arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan_tiers(*arguments)


def test_more_groups_than_connections_allow_are_refused() -> None:
    with pytest.raises(PlanError, match="found 3 groups of 2 copies, expected no more connections"):
        plan_tiers(10, 10, 10, 4, groups=3)
    with pytest.raises(PlanError, match="found 1 groups of 3 copies"):
        plan_tiers(10, 2, 10, 4, copies=3)


def test_unknown_names_are_named() -> None:
    plan = plan_tiers(1, 1, 1, 1)
    with pytest.raises(PlanError, match="client: found 'bob', expected one of 1 in the plan"):
        plan.proxies_of("bob")
    with pytest.raises(PlanError, match="proxy: found 'p'"):
        plan.nodes_of("p")

"""A key goes by way of a proxy that its client is connected to, to the node that has it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore import wire
from mapcore.errors import NoCopy, NoMaster, VersionWindowError
from mapcore.maps import PartitionMap, Version
from mapcore.planning.tiers.planner import plan_tiers
from mapcore.planning.tiers.plans import TierPlan
from mapcore.routing.tiers import Route, TieredRouter
from mapcore.states import Placement, state_code

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
NODES = [f"n{number}" for number in range(6)]


def data_map(masters: list[int], version: tuple[int, int] = (0, 1)) -> PartitionMap:
    return PartitionMap.from_copies(
        [[(NODES[node], MASTER), (NODES[(node + 1) % 6], SLAVE)] for node in masters],
        NODES,
        version=version,
    )


@pytest.fixture(scope="module")
def plan() -> TierPlan:
    return plan_tiers(5, 8, NODES, 4, groups=2)


@given(masters=st.lists(st.integers(0, 5), min_size=1, max_size=12), keys=st.lists(st.binary()))
def test_every_key_goes_through_a_proxy_that_is_connected_to_its_node(
    plan: TierPlan, masters: list[int], keys: list[bytes]
) -> None:
    proxy_map = data_map(masters)
    direct = mapcore.Router(proxy_map)
    for client in plan.clients.index.names:
        tier = TieredRouter(plan.client_map(client, proxy_map), proxy_map)
        numbers, nodes = tier.proxies(keys), tier.nodes(keys)
        for position, key in enumerate(keys):
            for proxy in (tier.proxy(key), tier.to_proxies.names[numbers[position]]):
                assert proxy in plan.proxies_of(client)
                assert direct[key] in plan.nodes_of(proxy)
            assert tier.node(key) == tier.to_nodes.names[nodes[position]] == direct[key]
            assert tier.route(key).node == direct[key]


@pytest.fixture
def tier(plan: TierPlan) -> TieredRouter:
    proxy_map = data_map([0, 3, 1, 5])
    return TieredRouter(plan.client_map(0, proxy_map), proxy_map)


def test_proxies_take_turns(tier: TieredRouter) -> None:
    first, second = tier.proxy(b"key"), tier.proxy(b"key")
    assert first != second
    assert [tier.proxy(b"key") for _ in range(4)] == [first, second] * 2


def test_a_proxy_that_failed_is_passed_over(tier: TieredRouter) -> None:
    first, second = tier.proxy(b"key"), tier.proxy(b"key")
    assert {tier.proxy(b"key", avoid=[first]) for _ in range(4)} == {second}
    with pytest.raises(NoCopy, match="avoiding"):
        tier.proxy(b"key", avoid=[first, second])


def test_a_whole_route_names_both(tier: TieredRouter) -> None:
    assert tier.route("key", by="order") == Route(tier.proxy("key", by="order"), tier.node("key"))


def test_groups_hold_every_key_once(tier: TieredRouter) -> None:
    keys = np.array([f"k{number}" for number in range(100)], "S4")
    for groups in (tier.group_by_proxy(keys), tier.group_by_node(keys)):
        assert sorted(np.concatenate([at for _, at in groups]).tolist()) == list(range(100))
    for name, positions in tier.group_by_node(keys):
        assert {tier.node(bytes(keys[at])) for at in positions} == {name}
    for name, positions in tier.group_by_proxy(keys, by="order"):
        assert {tier.proxy(bytes(keys[at]), by="order") for at in positions} == {name}


def test_either_map_can_be_updated_alone(plan: TierPlan, tier: TieredRouter) -> None:
    newer = data_map([1, 1, 1, 1], (0, 2))
    proxy = tier.proxy(b"key", by="order")
    assert tier.update_proxies(newer)
    assert tier.node(b"key") == "n1"
    assert tier.proxy(b"key", by="order") == proxy
    assert tier.update_clients(plan.client_map(0, newer))
    assert "n1" in plan.nodes_of(tier.proxy(b"key"))


def test_either_map_can_follow_a_delta(plan: TierPlan, tier: TieredRouter) -> None:
    before, after = data_map([0, 3, 1, 5]), data_map([0, 3, 4, 5], (0, 2))
    change = wire.delta(plan.client_map(0, before), plan.client_map(0, after))
    assert tier.update_clients(change)
    assert tier.update_proxies(wire.delta(before, after))
    whole = TieredRouter(plan.client_map(0, after), after)
    for number in range(40):
        key = b"%d" % number
        assert tier.node(key) == whole.node(key)
        assert tier.proxy(key, by="order") == whole.proxy(key, by="order")


def test_an_older_map_is_refused(plan: TierPlan, tier: TieredRouter) -> None:
    with pytest.raises(VersionWindowError):
        tier.update_proxies(data_map([1, 1, 1, 1], (0, 0)))
    with pytest.raises(VersionWindowError):
        tier.update_clients(plan.client_map(0, data_map([1]), version=Version(0, 0)))


def test_a_partition_without_a_master_has_a_proxy_but_no_node(plan: TierPlan) -> None:
    proxy_map = PartitionMap.from_copies([[("n0", SLAVE)]], NODES)
    tier = TieredRouter(plan.client_map(0, proxy_map), proxy_map)
    assert tier.proxy(b"key") in plan.proxies_of(0)
    with pytest.raises(NoMaster):
        tier.node(b"key")


def test_it_says_what_it_is(tier: TieredRouter) -> None:
    assert repr(tier) == "<TieredRouter: 8 proxies, version 0.2; 6 nodes, version 0.1>"

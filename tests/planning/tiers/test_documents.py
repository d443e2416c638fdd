from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.cluster import Node
from mapcore.errors import DocumentError, PlanError
from mapcore.planning.tiers.planner import plan_tiers
from mapcore.planning.tiers.plans import TierPlan


def planned(**arguments: Any) -> TierPlan:
    proxies = [Node(name=f"p{n}", location=f"z{n % 2}", weight=1.0 + n % 3) for n in range(9)]
    clients = {f"c{n}": f"z{n % 3}" for n in range(7)}
    return plan_tiers(clients, proxies, {"a": "z0", "b": ""}, 4, **arguments)


@given(
    clients=st.integers(0, 6),
    proxies=st.integers(1, 6),
    nodes=st.integers(1, 6),
    most=st.integers(1, 6),
)
def test_a_tier_that_was_written_and_read_is_the_same(
    clients: int, proxies: int, nodes: int, most: int
) -> None:
    plan = plan_tiers(clients, proxies, nodes, most)
    read = TierPlan.from_json(plan.to_json())
    assert read.to_json() == plan.to_json()
    assert np.array_equal(read.assigned, plan.assigned)


def test_the_next_plan_is_the_same_from_a_tier_that_was_read() -> None:
    plan = planned()
    read = TierPlan.from_json(plan.to_json())
    assert (read.clients, read.proxies, read.nodes) == (plan.clients, plan.proxies, plan.nodes)
    clients = {f"c{n}": f"z{n % 3}" for n in range(9)}
    after = plan_tiers(clients, 9, 3, 4, previous=plan).to_json()
    assert plan_tiers(clients, 9, 3, 4, previous=read).to_json() == after


def test_a_tier_that_was_read_has_no_proof_and_says_so() -> None:
    read = TierPlan.from_json(planned().to_json())
    with pytest.raises(PlanError, match="no proof of a tier that was read: plan again from it"):
        _ = read.certificate
    assert "certificate" not in read.report()
    assert read.to_dict()["certificate"] is None


@pytest.mark.parametrize(
    ("path", "value", "where", "found"),
    [
        ("groups", 0, "groups", "0"),
        ("proxies/p0/group", 7, 'proxies."p0".group', "7"),
        ("nodes/a/group", -1, 'nodes."a".group', "-1"),
        ("proxies/p0/weight", 0, 'proxies."p0".weight', "0"),
        ("clients/c0/proxies", [], 'clients."c0".proxies', "0 lists"),
        ("clients/c0/proxies/0", ["p0", "p0"], 'clients."c0".proxies[0]', "['p0', 'p0']"),
        ("clients/c0/proxies/0/0", "nobody", 'clients."c0".proxies[0][0]', "'nobody'"),
        ("clients/c0/proxies/0/0", 3, "document", "Expected `str`, got `int`"),
        ("clients/c0/colour", "red", "document", "unknown field `colour`"),
        ("version", [1], "document", "length 2"),
    ],
)
def test_a_wrong_tier_is_named_with_its_place(
    path: str, value: Any, where: str, found: str
) -> None:
    tree: Any = json.loads(planned().to_json())
    *outer, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    inner = tree
    for part in outer:
        inner = inner[part]
    inner[last] = value
    with pytest.raises(DocumentError) as caught:
        TierPlan.from_json(json.dumps(tree), source="tier.json")
    assert str(caught.value).startswith(f"tier.json: {where}: found ")
    assert found in str(caught.value)


def test_a_proxy_of_another_group_is_refused() -> None:
    tree = json.loads(planned(groups=2, copies=1).to_json())
    tree["clients"]["c0"]["proxies"].reverse()
    with pytest.raises(DocumentError, match="expected the name of a proxy of group 0"):
        TierPlan.from_json(json.dumps(tree))


def test_what_is_no_json_is_refused() -> None:
    for data in (b"", b"[]", b"\xff"):
        with pytest.raises(DocumentError, match="expected a router tier"):
            TierPlan.from_json(data)

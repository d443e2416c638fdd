"""A planned cluster can be saved, loaded and planned on, whatever was asked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore.cluster import Cluster, Mode
from tests.planning.clusters import (
    MASTER,
    SLAVE,
    cluster,
    clusters,
    even,
    holders,
    live,
    settings,
)


@given(clusters(), st.data())
def test_any_plan_survives_its_document(found: Cluster, data: st.DataObject) -> None:
    # The first node stays: it is active and has a weight, so that there is a plan.
    names = [node.name for node in found.nodes[1:] if node.mode is Mode.ACTIVE]
    kind = st.sampled_from(["remove", "maintain", "fail"])
    kinds = {name: data.draw(kind) for name in names if data.draw(st.booleans())}
    plan = mapcore.plan(
        found,
        remove=[name for name in kinds if kinds[name] == "remove"],
        maintain=[name for name in kinds if kinds[name] == "maintain"],
        fail=[name for name in kinds if kinds[name] == "fail"],
        rebuild=data.draw(st.booleans()),
    )
    loaded = mapcore.loads(mapcore.dumps(plan.cluster))
    assert loaded == plan.cluster
    assert loaded.target == plan.target


def test_maintenance_survives_saving_and_loading() -> None:
    before = mapcore.plan(cluster(even(), settings(2, 0)))
    away = mapcore.plan(before.cluster.with_current(before.target), maintain=["n3"])
    loaded = mapcore.loads(mapcore.dumps(away.cluster.with_current(away.target)))
    assert mapcore.plan(loaded, activate=["n3"]).target == before.target


def test_copies_above_the_count_are_dropped_even_where_no_data_moves() -> None:
    found = cluster(
        even(4, 4),
        settings(1, 1, 2),
        [{"n0": MASTER, "n1": SLAVE, "n2": SLAVE}, {"n1": MASTER, "n3": SLAVE}],
    )
    plan = mapcore.plan(found, fail=["n3"])
    assert live(plan.target) == [{"n0": "master", "n1": "slave"}, {"n1": "master"}]
    assert {drop.reason for drop in plan.drops} == {"more than asked for", "n3 is gone"}
    assert holders(mapcore.plan(found, maintain=["n2"]).target)[0] == {"n0", "n2"}

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
    names = [node.name for node in found.nodes if node.mode is Mode.ACTIVE]
    kinds = data.draw(
        st.dictionaries(
            st.sampled_from(names), st.sampled_from(["remove", "maintain", "fail"]), max_size=3
        )
    )
    plan = (
        mapcore.plan(
            found,
            remove=[name for name, kind in kinds.items() if kind == "remove"],
            maintain=[name for name, kind in kinds.items() if kind == "maintain"],
            fail=[name for name, kind in kinds.items() if kind == "fail"],
            rebuild=data.draw(st.booleans()),
        )
        if len(kinds) < len(names)
        else mapcore.plan(found)
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

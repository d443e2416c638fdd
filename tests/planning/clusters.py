"""Small clusters for tests of the planner, given or random, and what may be counted in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from mapcore.cluster import (
    SOLE_MAP,
    Assignment,
    Cluster,
    ClusterMap,
    Constraints,
    Mode,
    Node,
    Settings,
    SpreadLevel,
)
from mapcore.maps import PartitionMap
from mapcore.states import Placement, state_code

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
DEAD = state_code(Placement.DEAD)
LIVE = (
    Placement.MASTER,
    Placement.SLAVE,
    Placement.PENDING_MASTER,
    Placement.PENDING_SLAVE,
)


def settings(
    master: int = 1, slave: int = 2, partitions: int = 24, zones: bool = True, **more: Any
) -> Settings:
    """Settings over zones; masterSlave where there is one master."""
    return Settings(
        assignment=Assignment.MASTER_SLAVE if master <= 1 else Assignment.MULTI_MASTER,
        constraints=Constraints(master=master, slave=slave),
        num_partitions=partitions,
        levels=("zone",) if zones else (),
        **more,
    )


def cluster(
    nodes: Sequence[Node] | Mapping[str, str],
    given: Settings,
    current: Sequence[Mapping[str, int]] | None = None,
    **attributes: Any,
) -> Cluster:
    """A cluster with one map; `nodes` by name to location, `current` by partition as name: code."""
    listed = (
        tuple(Node(name=name, location=location) for name, location in nodes.items())
        if isinstance(nodes, Mapping)
        else tuple(nodes)
    )
    found = None
    if current is not None:
        found = PartitionMap.from_copies(
            [list(copies.items()) for copies in current],
            [node.name for node in listed],
            version=(1, 7),
            **attributes,
        )
    return Cluster(
        nodes=listed, settings=given, maps={SOLE_MAP: ClusterMap(settings=given, current=found)}
    )


def even(count: int = 9, zones: int = 3) -> dict[str, str]:
    """Nodes n0, n1, ... over zones z0, z1, ..."""
    return {f"n{number}": f"z{number % zones}" for number in range(count)}


def live(found: PartitionMap | None) -> list[dict[str, str]]:
    """The live copies by partition: name to `master` or `slave`, pending ones devolved."""
    assert found is not None
    return [
        {
            copy.node: copy.placement.devolved.label
            for copy in found.copies(partition)
            if copy.placement in LIVE
        }
        for partition in range(found.partition_count)
    ]


def masters(found: PartitionMap | None) -> list[set[str]]:
    """The masters by partition."""
    return [{name for name, role in row.items() if role == "master"} for row in live(found)]


def holders(found: PartitionMap | None) -> list[set[str]]:
    """The nodes with live copies by partition."""
    return [set(row) for row in live(found)]


def counts(rows: Sequence[set[str]], names: Sequence[str]) -> dict[str, int]:
    """How often each name stands in the rows."""
    return {name: sum(name in row for row in rows) for name in names}


@st.composite
def clusters(
    draw: st.DrawFn,
    *,
    modes: bool = True,
    weights: bool = True,
    zones: bool = True,
) -> Cluster:
    """Any small cluster: uneven zones, odd weights and modes, a current map that breaks rules."""
    zone_count = draw(st.integers(1, 4))
    mode = st.sampled_from([Mode.ACTIVE] * 6 + list(Mode) if modes else [Mode.ACTIVE])
    weight = st.sampled_from([1.0] * 3 + [0.0, 0.5, 2.0, 3.0, 0.1]) if weights else st.just(1.0)
    nodes = [
        Node(name=f"n{number}", location=f"z{zone}", weight=draw(weight), mode=draw(mode))
        for number, zone in enumerate(
            draw(st.lists(st.integers(0, zone_count - 1), min_size=1, max_size=9))
        )
    ]
    nodes[0] = Node(name="n0", location=nodes[0].location)
    partitions = draw(st.integers(1, 12))
    master = draw(st.integers(1, 2))
    spread = draw(st.sampled_from([None, (), (SpreadLevel(level="zone"),)])) if zones else ()
    given = settings(master, draw(st.integers(0, 2)), partitions, spread=spread)
    codes = st.sampled_from([MASTER, SLAVE, SLAVE, DEAD, state_code(Placement.PENDING_MASTER)])
    current = draw(
        st.one_of(
            st.none(),
            st.lists(
                st.dictionaries(st.sampled_from([node.name for node in nodes]), codes, max_size=5),
                min_size=partitions,
                max_size=partitions,
            ),
        )
    )
    return cluster(nodes, given, current)

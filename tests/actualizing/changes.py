"""Hypothesis strategies for changes: two maps, nodes and throttles."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.scheduling.schedule import Schedule
from mapcore.actualizing.verifying.verdicts import Verification
from mapcore.cluster import (
    Assignment,
    Config,
    Health,
    MaxPeers,
    Mode,
    Node,
    Rule,
    Settings,
    SpreadLevel,
    Volume,
)
from mapcore.maps import PartitionMap
from mapcore.states import Placement, Running, state_code

CODES = {
    "m": state_code(Placement.MASTER),
    "s": state_code(Placement.SLAVE),
    "d": state_code(Placement.DEAD),
    "p": state_code(Placement.PENDING_SLAVE),
    "P": state_code(Placement.PENDING_MASTER),
    "S": state_code(Placement.SLAVE, Running.STOPPED),
    "C": state_code(Placement.SLAVE, Running.COOLING),
    "R": state_code(Placement.SLAVE, replication_paused=True),
    "Q": state_code(Placement.SLAVE, persistence_paused=True),
    "M": state_code(Placement.MASTER, replication_paused=True),
    "D": state_code(Placement.DEAD, Running.STOPPED, replication_paused=True),
}


class Case(NamedTuple):
    """A change and what is known of its cluster."""

    current: PartitionMap
    target: PartitionMap
    nodes: tuple[Node, ...]
    config: Config
    settings: Settings

    def schedule(self, **arguments: Any) -> Schedule:
        return mapcore.schedule(
            self.current,
            self.target,
            self.config,
            nodes=self.nodes,
            settings=self.settings,
            **arguments,
        )

    def verify(self, steps: Any) -> Verification:
        return mapcore.verify(
            self.current,
            self.target,
            steps,
            self.config,
            nodes=self.nodes,
            settings=self.settings,
        )


def names(count: int) -> list[str]:
    return [f"n{number}" for number in range(count)]


def map_of(rows: list[str], **attributes: Any) -> PartitionMap:
    """Return a map from one letter a cell: `ms.` is master, slave, nothing."""
    cells = [[CODES.get(letter, 0) for letter in row] for row in rows]
    return PartitionMap.from_dense(
        np.array(cells, dtype=np.uint8), names(len(rows[0])), **attributes
    )


def case(before: list[str], after: list[str], *nodes: Node, **arguments: Any) -> Case:
    """Return a change between maps of letters; nodes that are not given are well."""
    known = {node.name: node for node in nodes}
    return Case(
        map_of(before, sizes=arguments.pop("sizes", None)),
        map_of(after),
        tuple(known.get(name, Node(name=name)) for name in names(len(before[0]))),
        arguments.pop("config", Config()),
        arguments.pop("settings", Settings()),
    )


@st.composite
def rows(draw: st.DrawFn, width: int, letters: str, masters: int) -> str:
    """Return a row with up to so many masters."""
    row = draw(st.lists(st.sampled_from(letters), min_size=width, max_size=width))
    for place in draw(st.permutations(range(width)))[: draw(st.integers(0, masters))]:
        leaders = "mmmmPM" if "p" in letters else "mmmmM" if "Q" in letters else "m"
        row[place] = draw(st.sampled_from(leaders))
    return "".join(row)


@st.composite
def nodes_of(draw: st.DrawFn, count: int, with_failures: bool) -> tuple[Node, ...]:
    modes = [Mode.ACTIVE] * 4 + [Mode.LEAVING, Mode.MAINTENANCE]
    healths = [Health.GREEN] * 6
    if with_failures:
        modes += [Mode.GONE]
        healths += [Health.RED]
    volumes = st.lists(st.builds(Volume, type=st.sampled_from(["ssd", "hdd"])), max_size=2)
    return tuple(
        Node(
            name=name,
            location=draw(st.sampled_from(["z1/r1", "z1/r2", "z2/r1"])),
            mode=draw(st.sampled_from(modes)),
            health=draw(st.sampled_from(healths)),
            volumes=tuple(draw(volumes)),
        )
        for name in names(count)
    )


limits = st.sampled_from([None, 1, 2, 3])
configs = st.builds(
    Config,
    max_streams_into_node=limits,
    max_streams_out_of_node=limits,
    max_streams_per_node=st.sampled_from([None, None, 1, 2, 3]),
    max_streams_between_zones=st.sampled_from([None, None, 1]),
    max_backfills=st.sampled_from([None, None, 2]),
    max_steps=st.sampled_from([None, None, None, 1, 3]),
    max_changes_per_partition=st.sampled_from([1, 1, 2]),
    source_choice=st.sampled_from(["spread", "nearest"]),
    warms_up=st.sampled_from([False, False, True]),
    dead_grace_seconds=st.sampled_from([0.0, 0.0, 5.0]),
)


places: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict,
    levels=st.just(("zone", "rack")),
    spread=st.sampled_from([None, (), (SpreadLevel(level="rack"),)]),
    rules=st.sampled_from(
        [
            {},
            {},
            {"slave": (Rule(same="zone", different="rack"),)},
            {"slave": (Rule(different="zone"), Rule(same="zone"))},
        ]
    ),
    max_peers=st.sampled_from([None, None, 1, 2, MaxPeers(count=1, after="plan")]),
)


@st.composite
def cases(draw: st.DrawFn, *, with_failures: bool = True, most_nodes: int = 6) -> Case:
    """Return any change of placements, with dead, pending and stopped copies."""
    width, height = draw(st.integers(2, most_nodes)), draw(st.integers(1, 6))
    is_multi = draw(st.booleans())
    before_letters = "......sssssddpSCRQD" if with_failures else "......sssssddSQD"
    before = [draw(rows(width, before_letters, 2 if is_multi else 1)) for _ in range(height)]
    after_letters = "........ssssssssddSCRQD"
    after = [draw(rows(width, after_letters, 2 if is_multi else 1)) for _ in range(height)]
    sizes = draw(
        st.one_of(
            st.none(),
            st.lists(st.integers(0, 1000), min_size=height, max_size=height).map(np.array),
        )
    )
    return Case(
        map_of(before, sizes=sizes),
        map_of(after),
        draw(nodes_of(width, with_failures)),
        draw(configs),
        Settings(
            assignment=Assignment.MULTI_MASTER if is_multi else Assignment.MASTER_SLAVE,
            **draw(places),
        ),
    )

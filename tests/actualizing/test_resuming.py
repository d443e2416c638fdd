"""A run that is killed at every single step, and resumed from its document."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import mapcore
from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.next_steps import next_steps
from mapcore.actualizing.steps import Step
from mapcore.cluster import Cluster, ClusterMap, Config, Settings
from mapcore.keys import RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import merge, split
from mapcore.planning.partitioning.resizing import resized
from mapcore.states import Placement, state_code
from tests.actualizing.test_next_steps import NODES, made
from tests.actualizing.test_repartition import moved, ranged

CONFIG = Config(warms_up=True, max_steps=2)
PAUSED = PartitionMap.from_copies(
    [
        [("c", state_code(Placement.MASTER)), ("a", state_code(Placement.SLAVE))],
        [
            ("b", state_code(Placement.MASTER)),
            ("d", state_code(Placement.SLAVE, persistence_paused=True)),
        ],
    ],
    NODES,
)
RANGES = ranged(a_h="xm ys", i_z="zm ws")
SCENARIOS: dict[str, tuple[PartitionMap, PartitionMap]] = {
    "moves, takeovers and a pause": (made("am bs", "am bs cs"), PAUSED),
    "a split that moves": (RANGES, moved(split(RANGES, "a-h", "d"), a_c="zm ys", d_h="wm xs")),
    "a merge of what stands apart": (
        ranged(a_c="xm ys", d_h="ym zs", i_z="xm"),
        merge(ranged(a_c="xm zs", d_h="xm zs", i_z="xm"), ["a-c", "d-h"]),
    ),
    "twice as many partitions": (made("am bs", "bm cs"), resized(made("bm as", "cm bs"), 4)),
    "half as many partitions": (made("am bs", "bm cs"), made("cm as")),
}


def moments(live: LiveMap, target: PartitionMap) -> Iterator[None]:
    """Run to the end, and stop after every start and every end of a step."""
    while True:
        live.follow(target)
        steps = next_steps(live, target, config=CONFIG)
        for step in steps:
            live.start(step)
            yield
        if not live.in_flight:
            return
        live.complete(next(iter(live.in_flight)))
        yield


def reloaded(held: PartitionMap) -> PartitionMap:
    """Return a map as it comes back from its document."""
    settings = Settings(key_func="range" if isinstance(held.keys, RangeKeys) else "hash-crc32")
    nodes = tuple(mapcore.Node(name=name) for name in held.nodes)
    cluster = Cluster(nodes=nodes, maps={"map": ClusterMap(settings, held)})
    loaded = mapcore.loads(mapcore.dumps(cluster)).current
    assert loaded is not None
    return loaded


def forgotten(live: LiveMap) -> LiveMap:
    """Return the map as a successor finds it that knows of no step."""
    return LiveMap(reloaded(live.snapshot()))


def taken_over(live: LiveMap) -> LiveMap:
    """Return the map as a successor finds it that reads the steps under way from their lines."""
    steps = [Step.from_json(entry.step.to_json()) for entry in live.in_flight.values()]
    return LiveMap(reloaded(live.snapshot()), in_flight=map(Underway, steps))


@pytest.mark.parametrize("successor", [forgotten, taken_over])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_run_that_is_killed_at_any_step_goes_on_and_leaves_nothing_behind(
    scenario: str, successor: Callable[[LiveMap], LiveMap]
) -> None:
    current, target = SCENARIOS[scenario]
    live = LiveMap(current)
    count = 0
    for _ in moments(live, target):
        count += 1
        resumed = successor(live)
        for _ in moments(resumed, target):
            pass
        assert resumed.snapshot() == target.on_nodes(resumed.snapshot().nodes)
        assert resumed.in_flight == {}
        assert next_steps(resumed, target, config=CONFIG).held_back_count == 0
    assert count > 8
    assert live.snapshot() == target.on_nodes(live.snapshot().nodes)

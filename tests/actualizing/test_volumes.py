from __future__ import annotations

import numpy as np

from mapcore.actualizing.volumes import Volumes
from mapcore.cluster import Node, Volume
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import NodeIndex, PartitionMap
from mapcore.states import Placement, state_code

INDEX = NodeIndex("abc")
SSD, HDD = (
    tuple(Volume(type=kind, path=f"/{kind}{i}") for i in range(count))
    for kind, count in (("ssd", 2), ("hdd", 4))
)
NODES = (Node(name="a", volumes=SSD), Node(name="b"), Node(name="c", volumes=HDD))


def empty_map(partitions: int = 4000) -> PartitionMap:
    return PartitionMap.from_copies([[]] * partitions, INDEX)


def labels(volumes: Volumes, held: PartitionMap, node: int) -> list[str | None]:
    partitions = np.arange(held.partition_count)
    found = volumes.of(held, partitions, np.full(len(partitions), node))
    return [volumes.labels[number] if number >= 0 else None for number in found.tolist()]


def test_a_copy_lies_on_a_volume_of_its_node() -> None:
    volumes = Volumes(NODES, INDEX)
    assert set(labels(volumes, empty_map(), 0)) == {"/ssd0", "/ssd1"}
    assert set(labels(volumes, empty_map(), 1)) == {None}
    assert set(labels(volumes, empty_map(), 2)) == {f"/hdd{i}" for i in range(4)}


def test_volumes_hold_copies_by_their_capacity() -> None:
    sizes = tuple(
        Volume(type="ssd", path=str(i), capacity=capacity) for i, capacity in enumerate((1, 1, 2))
    )
    found = labels(Volumes([Node(name="a", volumes=sizes)], INDEX), empty_map(), 0)
    shares = [found.count(str(i)) / len(found) for i in range(3)]
    # 4,000 draws: five standard deviations are 0.035 to 0.04.
    assert np.allclose(shares, [0.25, 0.25, 0.5], atol=0.04)


def test_a_new_volume_takes_its_share_and_moves_nothing_else() -> None:
    before = labels(Volumes(NODES, INDEX), empty_map(), 2)
    more = Node(name="c", volumes=(*HDD, Volume(type="hdd", path="/hdd4")))
    after = labels(Volumes([more], INDEX), empty_map(), 2)
    assert {new for old, new in zip(before, after, strict=True) if old != new} == {"/hdd4"}


def test_a_map_may_say_where_a_copy_lies() -> None:
    held = empty_map(4).replace(extra={2: {"volumes": {"c": "/hdd3"}}, 3: {"volumes": {"c": "x"}}})
    volumes = Volumes(NODES, INDEX)
    assert labels(volumes, held, 2)[2] == "/hdd3"
    unknown_path, unsaid = labels(volumes, held, 2)[3], labels(volumes, empty_map(4), 2)[3]
    assert unknown_path == unsaid


def test_ranges_keep_their_volume_when_others_are_split() -> None:
    code = state_code(Placement.SLAVE)
    names = ["a-c", "d-h", "i-z"]
    few, many = (
        PartitionMap.from_copies(
            [[("c", code)]] * len(ranges),
            INDEX,
            keys=RangeKeys(KeyRange.from_name(name) for name in ranges),
        )
        for ranges in (names[1:], names)
    )
    volumes = Volumes(NODES, INDEX)
    assert labels(volumes, few, 2) == labels(volumes, many, 2)[1:]


def test_no_volumes_and_no_copies_are_fine() -> None:
    volumes = Volumes([], INDEX)
    assert volumes.of(empty_map(), np.empty(0, np.int64), np.empty(0, np.int32)).size == 0
    assert (
        Volumes(NODES, INDEX).of(empty_map(), np.empty(0, np.int64), np.empty(0, np.int32)).size
        == 0
    )

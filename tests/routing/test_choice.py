from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import KeyNotCovered, NoCopy, NoMaster
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.routing import Router
from mapcore.routing.choice import Among, By, distance
from mapcore.states import Placement, state_code
from tests.key_strategies import keys, routed_maps
from tests.twins.routing import copies_of, masters_of, partition_of

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
PLACES = {"n0": "z1/r1", "n1": "z1/r2", "n2": "z2/r1", "n3": "z2/r2", "n4": "z1/r1", "n5": "z3"}
amongs = st.sampled_from(get_args(Among))
avoidable = st.sets(st.sampled_from([f"n{number}" for number in range(8)]), max_size=4)


def one_partition(copies: dict[str, int], **arguments: Any) -> Router:
    held = PartitionMap.from_copies([copies.items()], sorted(copies), version=(1, 1))
    return Router(held, **arguments)


def candidates(held: PartitionMap, key: bytes, among: str, avoid: set[str]) -> list[str]:
    """Return the nodes to choose from, in order."""
    partition = partition_of(held, key)
    assert partition is not None
    masters, copies = masters_of(held, partition), copies_of(held, partition)
    asked = {
        "masters": masters,
        "copies": copies,
        "slaves": tuple(name for name in copies if name not in masters),
    }[among]
    return [name for name in asked if name not in avoid]


@given(routed_maps(), st.lists(keys, min_size=1, max_size=12), amongs, avoidable, st.randoms())
def test_what_is_picked_is_one_of_those_asked_for_and_not_avoided(
    held: PartitionMap, some: list[bytes], among: Among, avoid: set[str], random: Any
) -> None:
    router = Router(held, locations=PLACES, here="z1/r2", random=random.randrange)
    some = [key for key in some if key in router]
    for by in get_args(By):
        many = router.nodes(some, among=among, by=by, avoid=avoid).tolist()
        grouped = router.group(some, among=among, by=by, avoid=avoid)
        for position, key in enumerate(some):
            choice = candidates(held, key, among, avoid)
            picked = router.pick(key, among=among, by=by, avoid=avoid, default=None)
            found = None if many[position] < 0 else held.nodes.names[many[position]]
            if not choice:
                assert picked is None
                assert found is None
                assert position in grouped.unserved
                with pytest.raises(NoCopy):
                    router.pick(key, among=among, by=by, avoid=avoid)
            elif by == "order":
                assert picked == found == choice[0]
            elif by == "nearest":
                nearest = min(choice, key=lambda name: distance("z1/r2", PLACES.get(name, "")))
                assert picked == found == nearest
            else:
                assert picked in choice
                assert found in choice


def test_round_robin_takes_all_masters_of_a_partition_in_turn() -> None:
    held = PartitionMap.from_copies(
        [[(name, MASTER) for name in "abc"], [(name, MASTER) for name in "de"]], "abcde"
    )
    router = Router(held)
    first, second = (
        next(key for key in map(str, range(99)) if router.partition(key) == partition)
        for partition in (0, 1)
    )
    # Keys of both in turn: a counter common to both would always give the same of two.
    picked = [
        (router.pick(first, by="round-robin"), router.pick(second, by="round-robin"))
        for _ in range(6)
    ]
    assert Counter(one for one, _ in picked) == Counter("abcabc")
    assert Counter(two for _, two in picked) == Counter("dedede")
    many = router.nodes([first] * 3000, by="round-robin")
    assert np.bincount(many).tolist() == [1000] * 3


def test_random_choices_are_spread_and_come_from_the_given_source() -> None:
    asked: list[int] = []

    def last(bound: int) -> int:
        asked.append(bound)
        return bound - 1

    copies = {"a": MASTER, "b": MASTER, "c": SLAVE}
    router = one_partition(copies, random=last)
    assert router.pick("key", by="random") == "b"
    assert router.pick("key", by="random", among="copies") == "c"
    assert asked == [2, 3]
    counts = np.bincount(router.nodes(["key"] * 9000, by="random", among="copies"))
    assert counts.min() > 2700
    again = router.nodes(["key"] * 9000, by="random", among="copies")
    assert np.array_equal(np.bincount(again), counts)


@pytest.mark.parametrize("wrong", [-1, 2, 1 << 40])
def test_a_source_of_chance_that_keeps_no_bounds_is_refused(wrong: int) -> None:
    router = one_partition({"a": MASTER, "b": MASTER}, random=lambda bound: wrong)
    with pytest.raises(ValueError, match=f"random: gave {wrong}, expected 0 to 1"):
        router.pick("key", by="random")


def test_the_nearest_copy_follows_the_nodes_of_a_newer_map() -> None:
    places = {"far": "z2/r1", "near": "z1/r9", "next": "z1/r1"}
    router = one_partition({"far": MASTER, "near": SLAVE}, locations=places, here="z1/r1")
    assert router.pick("key", among="copies", by="nearest") == "near"
    router.update(
        PartitionMap.from_copies(
            [[("far", MASTER), ("near", SLAVE), ("next", SLAVE)]], list(places), version=(2, 0)
        )
    )
    assert router.pick("key", among="copies", by="nearest") == "next"
    assert router.pick("key", among="copies", by="nearest", avoid=["next"]) == "near"


@pytest.mark.parametrize(
    ("here", "there", "levels"),
    [
        ("z1/r1", "z1/r1", 0),
        ("z1/r1", "z1/r2", 1),
        ("z1/r1", "z2/r1", 2),
        ("z1/r1", "", 2),
        ("z1/r1", "z1/r1/s3", 0),
        ("", "z1", 0),
    ],
)
def test_distance_is_the_levels_that_are_not_shared(here: str, there: str, levels: int) -> None:
    assert distance(here, there) == levels


def test_errors_say_what_was_asked_and_what_is_there() -> None:
    router = one_partition({"a": MASTER, "b": SLAVE})
    with pytest.raises(NoCopy, match=r"a, b online, slaves asked for, avoiding b, x$") as caught:
        router.pick("key", among="slaves", avoid={"x", "b"})
    assert not isinstance(caught.value, NoMaster)
    with pytest.raises(NoMaster, match="has no master; its copies: b slave"):
        one_partition({"b": SLAVE}).pick("key")
    held = PartitionMap.from_copies([[]], ["n"], keys=RangeKeys([KeyRange("r", b"b", None)]))
    with pytest.raises(KeyNotCovered):
        Router(held).pick("a")
    assert Router(held).pick("a", default=None) is None
    with pytest.raises(NoCopy, match="none online, copies asked for"):
        Router(held).pick("b", among="copies")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"among": "all"}, "among: found 'all', expected one of masters, slaves, copies"),
        ({"by": "luck"}, "by: found 'luck', expected one of order, nearest, round-robin, random"),
    ],
)
def test_choices_that_there_are_not_are_refused(arguments: dict[str, Any], message: str) -> None:
    router = one_partition({"a": MASTER})
    with pytest.raises(ValueError, match=message):
        router.pick("key", **arguments)
    with pytest.raises(ValueError, match=message):
        router.nodes(["key"], **arguments)

"""A request that comes to the wrong node brings back the newer map."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mapcore.errors import Misdirected, VersionWindowError, WireError
from mapcore.history import History
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap, Version
from mapcore.routing import Router
from mapcore.routing.exchange import (
    SERVE,
    Behind,
    Newer,
    NewerMaps,
    Served,
    call,
    judge,
    learn,
)
from mapcore.states import Placement, state_code
from mapcore.wire import Delta, load

MASTER = state_code(Placement.MASTER)
SLAVE = state_code(Placement.SLAVE)
KEY = b"user:1"


def held(revision: int, master: str, slave: str = "s") -> PartitionMap:
    copies = [(master, MASTER), (slave, SLAVE)]
    return PartitionMap.from_copies([copies] * 4, "abcs", version=(1, revision))


class Cluster:
    """Nodes that have all seen the same maps; requests to them are counted."""

    def __init__(self, *maps: PartitionMap) -> None:
        self.history = History()
        for one in maps:
            self.history.add(one)
        self.newer_maps = NewerMaps(self.history)
        self.asked: list[tuple[str, Version]] = []

    def send(self, node: str, version: Version) -> Any:
        self.asked.append((node, version))
        latest = self.history.latest
        assert latest is not None
        verdict = judge(node, Router(latest), self.newer_maps, KEY, version)
        return Served(f"value from {node}") if verdict is SERVE else verdict


def clock(*times: float) -> Callable[[], float]:
    return iter(times).__next__


def test_a_node_serves_what_its_own_map_gives_it_whatever_the_clients_version() -> None:
    cluster = Cluster(held(1, "a"), held(2, "b"))
    for version in ((1, 1), (1, 2), (9, 9)):
        assert cluster.send("b", Version(*version)) == Served("value from b")


@pytest.mark.parametrize(
    ("among", "serving"), [("masters", "b"), ("slaves", "s"), ("copies", "bs")]
)
def test_which_copies_may_serve_is_the_requests_to_say(among: Any, serving: str) -> None:
    router, newer_maps = Router(held(2, "b")), NewerMaps(History())
    found = [
        node
        for node in "abcsx"
        if judge(node, router, newer_maps, KEY, Version(1, 2), among=among) is SERVE
    ]
    assert found == list(serving)


def test_a_key_in_a_gap_is_served_by_none() -> None:
    ranges = RangeKeys([KeyRange("r", b"b", b"c")])
    router = Router(PartitionMap.from_copies([[("a", MASTER)]], "a", keys=ranges))
    assert router.serves("a", b"b")
    assert not router.serves("a", b"x")


def test_a_request_by_an_older_map_is_answered_with_the_delta_and_sent_again() -> None:
    cluster = Cluster(held(1, "a"), held(2, "b"), held(3, "c"))
    router = Router(held(1, "a"))
    assert call(router, KEY, cluster.send, clock(10.0)) == "value from c"
    assert cluster.asked == [("a", (1, 1)), ("c", (1, 3))]
    assert router.version == (1, 3)
    staleness = router.staleness
    assert (staleness.misdirected_count, staleness.retried_count, staleness.update_count) == (
        1,
    ) * 3
    assert call(router, KEY, cluster.send, clock()) == "value from c"
    assert len(cluster.asked) == 3


def test_a_version_that_the_node_does_not_know_any_more_is_answered_with_a_snapshot() -> None:
    cluster = Cluster(held(5, "b"))
    answer = cluster.send("a", Version(1, 1))
    assert isinstance(load(answer.message), PartitionMap)
    router = Router(held(1, "a"))
    assert call(router, KEY, cluster.send, clock(1.0)) == "value from b"


def test_what_leads_from_a_version_to_the_latest_is_made_once() -> None:
    cluster = Cluster(held(1, "a"), held(2, "b"))
    first, second = (cluster.newer_maps.since(Version(1, 1)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.message is second.message
    assert isinstance(load(first.message), Delta)
    cluster.history.add(held(3, "c"))
    third = cluster.newer_maps.since(Version(1, 1))
    assert third is not None
    assert third.version == (1, 3)
    assert cluster.newer_maps.since(Version(1, 3)) is None


def test_after_two_wrong_nodes_the_request_fails() -> None:
    router = Router(held(4, "a"))
    cluster = Cluster(held(2, "b"))
    with pytest.raises(Misdirected, match=r"node a does not serve .* 1\.4 .* 1\.2") as caught:
        call(router, KEY, cluster.send, clock(1.0, 2.0))
    assert (caught.value.node, len(cluster.asked)) == ("a", 2)
    assert cluster.send("a", Version(1, 4)) == Behind(Version(1, 2))
    assert router.version == (1, 4)
    assert router.staleness.misdirected_count == 2
    assert not router.staleness.is_stale


def test_what_another_thread_learnt_in_the_meantime_is_good_enough() -> None:
    cluster = Cluster(held(1, "a"), held(2, "b"), held(3, "c"))
    router = Router(held(1, "a"))
    answer = cluster.send("a", Version(1, 1))
    router.update(held(2, "b"))
    assert learn(router, answer, Version(1, 1), 5.0)
    assert router.version == (1, 2)
    assert router.staleness.is_stale
    assert call(router, KEY, cluster.send, clock(6.0)) == "value from c"


def test_an_answer_that_cannot_be_gone_over_to_is_raised_and_changes_nothing() -> None:
    router = Router(held(1, "a", slave="b"))
    answer = Cluster(held(1, "a"), held(2, "b")).send("a", Version(1, 1))
    with pytest.raises(VersionWindowError):
        learn(router, Newer(answer.version, answer.message), Version(1, 1), 1.0)
    with pytest.raises(WireError):
        learn(router, Newer(answer.version, b"junk"), Version(1, 1), 2.0)
    assert router.version == (1, 1)
    assert router.staleness.refused_count == 2
    assert router.staleness.seconds(now=11.0) == 10.0


def test_how_long_a_router_was_stale_can_be_read() -> None:
    router = Router(held(1, "a"))
    staleness = router.staleness
    assert (staleness.is_stale, staleness.seconds(100.0)) == (False, 0.0)
    staleness.heard(Version(1, 3), 100.0)
    staleness.heard(Version(1, 2), 101.0)
    assert (staleness.is_stale, staleness.newest, staleness.seconds(103.0)) == (True, (1, 3), 3.0)
    router.update(held(2, "b"), 104.0)
    assert staleness.seconds(105.0) == 5.0
    router.update(held(3, "c"), 107.0)
    assert (staleness.is_stale, staleness.seconds(109.0)) == (False, 0.0)
    assert staleness.total_seconds(109.0) == 7.0
    assert repr(staleness) == (
        "<Staleness: not stale, 2 updates, 0 refused, 0 misdirected, 0 retried>"
    )


def test_another_choice_than_the_master_can_be_made() -> None:
    def send(node: str, version: Version) -> Served[str]:
        return Served(node)

    router = Router(held(1, "a"))
    assert (
        call(router, KEY, send, clock(), choose=lambda r, key: r.pick(key, among="slaves")) == "s"
    )

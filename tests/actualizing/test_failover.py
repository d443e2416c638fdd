from __future__ import annotations

from typing import Any

from mapcore.actualizing.failover import Failover, failover
from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import next_steps
from mapcore.cluster import Config, Health, Mode, Node
from mapcore.maps import PartitionMap
from mapcore.states import Placement, state_code
from tests.actualizing.test_next_steps import driven, made


def cluster(red: str = "", gone: str = "", count: int = 5) -> list[Node]:
    return [
        Node(
            name=name,
            health=Health.RED if name in red else Health.GREEN,
            mode=Mode.GONE if name in gone else Mode.ACTIVE,
        )
        for name in "abcdefgh"[:count]
    ]


def decided(held: PartitionMap, red: str = "", gone: str = "", **rest: Any) -> Failover:
    rest.setdefault("fenced", list(red))
    return failover(held, nodes=cluster(red, gone), **rest)


def test_a_fenced_node_loses_its_masters_to_copies_in_sync() -> None:
    held = made("am bs cs", "bm as", "am cs")
    found = decided(held, "a")
    assert found.gone == {"a"}
    assert found.preferred == {"0": "b", "2": "c"}
    assert found.refused == ()
    live = LiveMap(held)
    turns = driven(live, made("bm cs", "bm", "cm"), gone=found.gone, preferred=found.preferred)
    assert turns[0][:2] == ["0 b slave -> master from a", "2 c slave -> master from a"]


def test_the_most_advanced_copy_becomes_master() -> None:
    numbers = {("0", "a"): 120, ("0", "b"): 90, ("0", "c"): 110}
    found = decided(made("am bs cs"), "a", sequence_numbers=numbers)
    assert found.report().splitlines() == [
        "failed over: a",
        "partition 0: master a -> c, 10 updates lost",
    ]
    step = next_steps(made("am bs cs"), made("bm cs"), gone=found.gone, preferred=found.preferred)[
        0
    ]
    assert step.target is not None
    assert step.target.node == "c"


PAUSED = PartitionMap.from_copies(
    [
        [
            ("a", state_code(Placement.MASTER)),
            ("b", state_code(Placement.SLAVE, replication_paused=True)),
            ("c", state_code(Placement.SLAVE)),
        ]
    ],
    "abc",
)


def test_a_copy_whose_replication_is_paused_comes_last() -> None:
    assert decided(PAUSED, "a").preferred == {"0": "c"}
    assert decided(PAUSED, "a", sequence_numbers={("0", "b"): 90}).preferred == {"0": "c"}


def test_a_paused_copy_that_is_known_to_be_ahead_becomes_master() -> None:
    numbers = {("0", "b"): 90, ("0", "c"): 80}
    assert decided(PAUSED, "a", sequence_numbers=numbers).preferred == {"0": "b"}


def test_losses_that_nobody_knows_are_not_taken_to_be_small() -> None:
    config = Config(max_lost_updates=10)
    found = decided(made("am bs"), "a", config=config)
    assert found.gone == frozenset()
    assert [str(refusal) for refusal in found.refused] == [
        "no failover of a: nobody knows how many updates of partition 0 are lost"
    ]
    numbers = {("0", "a"): 9, ("0", "b"): 9}
    assert decided(made("am bs"), "a", config=config, sequence_numbers=numbers).gone == {"a"}


def test_of_several_nodes_the_one_that_leads_most_is_failed_over() -> None:
    held = made("am cs", "bm cs", "bm cs")
    found = decided(held, "ab")
    assert found.gone == {"b"}
    assert [str(refusal) for refusal in found.refused] == [
        "no failover of a: 1 nodes at most are failed over automatically"
    ]


def test_a_node_failed_over_before_counts_as_long_as_it_cannot_be_reached() -> None:
    held = made("am cs", "bm cs")
    again = decided(held, "ab", fenced=["b"], failed_over=["a"])
    assert again.gone == {"a"}
    assert [str(refusal) for refusal in again.refused] == [
        "no failover of b: 1 nodes at most are failed over automatically"
    ]
    assert decided(held, "b", failed_over=["a"]).gone == {"b"}


def test_a_node_that_may_still_serve_is_not_failed_over() -> None:
    found = decided(made("am bs"), "a", fenced=[])
    assert found.gone == frozenset()
    assert [str(refusal) for refusal in found.refused] == [
        "no failover of a: its lease runs: it may still serve"
    ]


def test_no_more_nodes_than_allowed_are_failed_over_automatically() -> None:
    held = made("am cs", "bm cs")
    found = decided(held, "ab")
    assert found.gone == {"a"}
    assert [refusal.node for refusal in found.refused] == ["b"]
    assert decided(held, "ab", config=Config(max_automatic_failovers=2)).gone == {"a", "b"}
    assert decided(held, "ab", failed_over=["b"]).gone == {"b"}
    assert decided(held, "ab", config=Config(max_automatic_failovers=0)).gone == frozenset()


def test_nobody_is_failed_over_while_a_majority_is_unreachable() -> None:
    many = Config(max_automatic_failovers=9)
    found = decided(made("am es"), "abc", config=many)
    assert found.gone == frozenset()
    assert {refusal.reason for refusal in found.refused} == {"only 2 of 5 nodes can be reached"}
    assert decided(made("am es"), "ab", config=many).gone == {"a", "b"}
    trusting = Config(max_automatic_failovers=9, failover_needs_majority=False)
    assert decided(made("am es"), "abc", config=trusting).gone == {"a", "b", "c"}


def test_a_node_is_not_failed_over_where_too_many_updates_would_be_lost() -> None:
    numbers = {("0", "a"): 120, ("0", "b"): 110}
    strict = Config(max_lost_updates=5)
    found = decided(made("am bs"), "a", sequence_numbers=numbers, config=strict)
    assert found.gone == frozenset()
    assert found.refused[0].reason == ("10 updates of partition 0 would be lost, more than 5")


def test_the_last_copy_of_a_partition_is_never_given_up_silently() -> None:
    found = decided(made("am bs", "am", "as dd"), "a")
    assert found.preferred == {"0": "b"}
    assert [str(refusal) for refusal in found.refused] == [
        "no failover of a, partition 1: it has the last copy in sync",
        "no failover of a, partition 2: it has the last copy in sync",
    ]


def test_what_an_operator_declares_gone_passes_the_guards_on_numbers() -> None:
    held = made("am ds", "bm ds", "cm ds")
    found = decided(held, gone="abc", config=Config(max_automatic_failovers=0))
    assert found.gone == {"a", "b", "c"}
    assert found.preferred == {"0": "d", "1": "d", "2": "d"}


def test_a_partition_that_another_node_leads_needs_nobody() -> None:
    assert decided(made("am bm cs"), "a").promotions == ()


def test_when_all_is_well_nothing_is_decided() -> None:
    assert decided(made("am bs")) == Failover()
    assert decided(made("am bs")).report() == "failed over: no node"

"""What is promised for each partition and node beside the tables, and how it is broken."""

from __future__ import annotations

from typing import Any

import pytest

from mapcore.actualizing.steps import Step
from mapcore.actualizing.verifying.verdicts import Verification
from mapcore.cluster import Config, MaxPeers, Mode, Node, Rule, Settings, SpreadLevel
from tests.actualizing.changes import Case, case

MANY = Config(
    max_streams_into_node=None, max_streams_out_of_node=None, max_changes_per_partition=None
)


def at(*locations: str, **fields: Any) -> list[Node]:
    """Return nodes n0, n1 and so on at these locations."""
    return [Node(name=f"n{n}", location=place, **fields) for n, place in enumerate(locations)]


class Steps:
    """Steps of somebody else, one after the other."""

    def __init__(self) -> None:
        self.made: list[Step] = []

    def _add(self, partition: int, kind: str, fields: dict[str, Any]) -> Steps:
        tree = {"step": str(len(self.made)), "map": "map", "partition": str(partition)}
        self.made.append(Step.from_dict({**tree, "kind": kind, **fields}))
        return self

    def hop(self, partition: int, node: int, before: str, after: str) -> Steps:
        return self._add(partition, "transition", {"node": f"n{node}", "from": before, "to": after})

    def fill(self, partition: int, source: int, target: int, *, role: str = "master") -> Steps:
        self.hop(partition, target, "null", "dead")
        ends = {
            "source": {"node": f"n{source}", "from": role, "to": role},
            "target": {"node": f"n{target}", "from": "dead", "to": "slave"},
        }
        return self._add(partition, "stream", ends)

    def take_over(self, partition: int, leader: int, heir: int) -> Steps:
        ends = {
            "source": {"node": f"n{leader}", "from": "master", "to": "slave"},
            "target": {"node": f"n{heir}", "from": "slave", "to": "master"},
        }
        return self._add(partition, "takeover", ends)

    def drop(self, partition: int, node: int) -> Steps:
        return self.hop(partition, node, "slave", "dead").hop(partition, node, "dead", "null")


def failure(change: Case, steps: Steps) -> tuple[str, str] | None:
    proof: Verification = change.verify(steps.made)
    return None if proof.failure is None else (proof.failure.rule, proof.failure.message)


ZONES = Settings(levels=("zone",))
THREE_ZONES = at("z1", "z2", "z3", "z1", "z2", "z3")


def test_a_copy_is_not_given_up_while_its_zone_has_no_other() -> None:
    # z1 z2 z3 -> z1 z2 z3, on other nodes: two copies in z1 are no stand-in for one in z2.
    change = case(["mss..."], ["m...ss"], *THREE_ZONES, settings=ZONES, config=MANY)
    good = Steps().fill(0, 0, 4).fill(0, 0, 5).drop(0, 1).drop(0, 2)
    assert failure(change, good) is None
    detour = Steps().fill(0, 0, 3).fill(0, 0, 4).drop(0, 2).fill(0, 0, 5).drop(0, 1).drop(0, 3)
    assert failure(change, detour) == (
        "spread",
        "found 0 copies in sync left were 2 of them lost at level zone, those with the most "
        "copies; expected 1",
    )


def test_what_a_target_gives_up_of_spread_may_go() -> None:
    change = case(["mss..."], ["m.s..."], *THREE_ZONES, settings=ZONES)
    assert failure(change, Steps().drop(0, 1)) is None
    less = case(["mss..."], ["ms.s.."], *THREE_ZONES, settings=ZONES)
    assert failure(less, Steps().fill(0, 0, 3).drop(0, 2)) is None


def test_spread_that_the_settings_turn_off_is_not_looked_at() -> None:
    settings = Settings(levels=("zone",), spread=())
    change = case(["mss..."], ["m...ss"], *THREE_ZONES, settings=settings, config=MANY)
    detour = Steps().fill(0, 0, 3).fill(0, 0, 4).drop(0, 2).fill(0, 0, 5).drop(0, 1).drop(0, 3)
    assert failure(change, detour) is None


def test_each_level_is_looked_at() -> None:
    settings = Settings(levels=("zone", "rack"), spread=(SpreadLevel(level="rack"),))
    nodes = at("z1/r1", "z1/r2", "z1/r1", "z1/r2")
    change = case(["ms.."], ["m..s"], *nodes, settings=settings)
    detour = Steps().fill(0, 0, 2).drop(0, 1).fill(0, 0, 3).drop(0, 2)
    found = failure(change, detour)
    assert found is not None
    assert found[0] == "spread"
    assert "level rack" in found[1]


RULES = Settings(levels=("zone", "rack"), rules={"slave": (Rule(same="zone", different="rack"),)})


def test_a_slave_that_keeps_a_rule_is_not_given_up_before_another_keeps_it() -> None:
    nodes = at("z1/r1", "z1/r2", "z1/r3", "z2/r1")
    change = case(["ms.."], ["m.s."], *nodes, settings=RULES)
    assert failure(change, Steps().fill(0, 0, 2).drop(0, 1)) is None
    detour = Steps().fill(0, 0, 3).drop(0, 1).fill(0, 0, 2).drop(0, 3)
    assert failure(change, detour) == (
        "rules",
        "found 0 slaves that keep the rules, expected 1",
    )


def test_a_takeover_waits_for_slaves_that_keep_the_rules() -> None:
    nodes = at("z1/r1", "z1/r2", "z2/r1", "z2/r2")
    change = case(["ms.."], ["..ms"], *nodes, settings=RULES)
    early = Steps().fill(0, 0, 2).take_over(0, 0, 2)
    assert (failure(change, early) or ("",))[0] == "rules"
    assert change.verify(change.schedule().steps)


def test_the_first_rules_are_for_one_slave_each() -> None:
    rules = {"slave": (Rule(same="zone"), Rule(different="zone"))}
    settings = Settings(levels=("zone",), rules=rules, spread=())
    nodes = at("z1", "z1", "z2", "z1", "z2")
    change = case(["mss.."], ["m..ss"], *nodes, settings=settings)
    # Two in the zone of the master, none elsewhere: the first rule is for one of them only.
    detour = Steps().fill(0, 0, 3).drop(0, 2)
    assert failure(change, detour) == ("rules", "found 1 slaves that keep the rules, expected 2")


def test_a_failover_may_break_rules_and_spread() -> None:
    nodes = [
        Node(name="n0", location="z1/r1", mode=Mode.GONE),
        *(Node(name=f"n{n}", location=place) for n, place in ((1, "z1/r2"), (2, "z2/r1"))),
    ]
    change = case(["mss"], [".sm"], *nodes, settings=RULES)
    assert change.verify(change.schedule().steps)


def peers(count: int, after: Any = "failover") -> Settings:
    return Settings(max_peers=MaxPeers(count=count, after=after))


def test_a_copy_that_stands_where_no_map_has_one_makes_peers_that_count() -> None:
    change = case(["ms...."], ["m.s..."], settings=peers(1))
    assert failure(change, Steps().fill(0, 0, 2).drop(0, 1)) is None
    one = Steps().fill(0, 0, 3).fill(0, 0, 2).drop(0, 1).drop(0, 3)
    assert (failure(change, one) or ("",))[0] == "peers"


def test_with_room_for_them_a_detour_by_other_nodes_may_be() -> None:
    # n3 has all others of the partition for peers while its copy is there.
    change = case(["ms...."], ["m.s..."], settings=peers(3))
    detour = Steps().fill(0, 0, 3).fill(0, 0, 2).drop(0, 1).drop(0, 3)
    assert failure(change, detour) is None


def test_what_replicates_as_planned_is_read_from_master_to_slave() -> None:
    change = case(["ms...."], ["m.s..."], settings=peers(1, "plan"))
    detour = Steps().fill(0, 0, 3).fill(0, 0, 2).drop(0, 1).drop(0, 3)
    assert failure(change, detour) is None


def strangers(count: int) -> Case:
    """Return a change in which n0 hands all it has to nodes that it has never met."""
    width = 1 + count
    before = ["m" + "." * count] * count
    after = ["." * place + "m" + "." * (width - place - 1) for place in range(1, width)]
    return case(before, after, settings=peers(2, "plan"), config=MANY)


def test_streams_between_strangers_are_bounded_and_the_schedule_keeps_to_that() -> None:
    free = strangers(5)._replace(settings=Settings())
    lines = list(free.schedule().to_json_lines())
    assert free.verify(lines)
    bounded = strangers(5)
    proof = bounded.verify(lines)
    assert proof.failure is not None
    assert proof.failure.rule == "peers"
    assert "found n0 exchanging data with 3 nodes that are its peers in neither map" in str(proof)
    for by in ("rounds", "time"):
        schedule = bounded.schedule(by=by)
        assert bounded.verify(schedule.to_json_lines())
    assert (bounded.schedule().rounds, bounded.schedule().bound) == (3, 1)


CHAIN = case(
    ["ms..", "ms..", ".ms.", ".ms.", "..ms", "..ms"],
    ["sm..", "sm..", ".sm.", ".sm.", "..sm", "..sm"],
)


def test_no_takeover_lifts_a_node_above_the_peak() -> None:
    assert CHAIN.verify(CHAIN.schedule().steps)
    early = Steps().take_over(0, 0, 1).take_over(1, 0, 1)
    assert failure(CHAIN, early) == (
        "peak",
        "found n1 leading 4 partitions, expected at most 2, as many as any node led or shall lead",
    )


def test_only_one_node_at_a_time_may_lead_one_more() -> None:
    ring = case(
        ["ms..", "sm..", "..ms", "..sm"],
        ["sm..", "ms..", "..sm", "..ms"],
    )
    one_by_one = Steps().take_over(0, 0, 1).take_over(1, 1, 0)
    assert failure(ring, one_by_one.take_over(2, 2, 3).take_over(3, 3, 2)) is None
    both = Steps().take_over(0, 0, 1).take_over(2, 2, 3)
    assert (failure(ring, both) or ("",))[0] == "peak"


def test_takeovers_from_a_node_that_leaves_do_not_wait() -> None:
    leaving = Node(name="n0", mode=Mode.LEAVING)
    change = case(["ms.", "ms.", ".m."], [".m.", ".m.", ".m."], leaving)
    assert change.verify(change.schedule().steps)


@pytest.mark.parametrize("count", [2, 3])
def test_a_limit_on_peers_may_be_a_number(count: int) -> None:
    change = case(["ms...."], ["m.s..."], settings=Settings(max_peers=count))
    detour = Steps().fill(0, 0, 3).fill(0, 0, 2).drop(0, 1).drop(0, 3)
    assert ((failure(change, detour) or ("",))[0] == "peers") is (count == 2)

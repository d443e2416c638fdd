"""Rules: where slaves stand relative to their master."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore.cluster import Assignment, Constraints, Node, Rule, Settings
from mapcore.errors import PlanError
from mapcore.planning.nodes import NodeTable
from mapcore.planning.placing.rules import CompiledRules, check_rules, compile_rules, rules_in_force
from tests.twins import rules as twin

LEVELS = ("zone", "rack", "shelf")
ONE = st.just(1)


@dataclass(frozen=True)
class Case:
    """Rows of copies under rules."""

    settings: Settings
    locations: Sequence[tuple[str, ...]]
    may_lead: list[bool]
    rows: list[list[int]]

    @property
    def rules(self) -> list[Rule]:
        return twin.slave_rules(
            self.settings.rules.get("slave", ()), self.settings.constraints.slave
        )

    @property
    def compiled(self) -> CompiledRules | None:
        nodes = [
            Node(name=str(number), location="/".join(location))
            for number, location in enumerate(self.locations)
        ]
        return compile_rules(self.settings, NodeTable.of(nodes), np.array(self.may_lead))

    @property
    def table(self) -> NDArray[np.int32]:
        width = max(map(len, self.rows), default=0)
        table = np.full((len(self.rows), width), -1, np.int32)
        for number, row in enumerate(self.rows):
            table[number, : len(row)] = row
        return table


@st.composite
def cases(draw: st.DrawFn, masters: st.SearchStrategy[int] = ONE) -> Case:
    """Any rules over up to three levels, and any rows of up to five copies."""
    level = st.none() | st.sampled_from(LEVELS)
    rule = st.builds(Rule, same=level, different=level).filter(lambda r: r.same or r.different)
    master, slave = draw(masters), draw(st.integers(1, 4))
    settings = Settings(
        assignment=Assignment.MASTER_SLAVE if master == 1 else Assignment.MULTI_MASTER,
        constraints=Constraints(master=master, slave=slave),
        levels=LEVELS,
        rules={"slave": tuple(draw(st.lists(rule, min_size=1, max_size=5)))},
    )
    part = st.sampled_from("ab")
    count = draw(st.integers(1, 9))
    locations = draw(st.lists(st.tuples(part, part, part), min_size=count, max_size=count))
    may_lead = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    row = st.lists(st.integers(0, count - 1), max_size=min(master + slave, count), unique=True)
    return Case(settings, locations, may_lead, draw(st.lists(row, max_size=6)))


@given(cases(st.integers(1, 3)), st.integers(1, 3), st.integers(1, 3))
def test_rows_cost_what_their_words_say(case: Case, depth: int, share: int) -> None:
    compiled = case.compiled
    assert compiled is not None
    numbers = {place[:depth]: number for number, place in enumerate(case.locations)}
    level = np.array([[numbers[place[:depth]] for place in case.locations]], np.int32)
    parts = compiled.costs(case.table, level, np.full((len(case.rows), 1), share, np.int64))
    expected = []
    for row in case.rows:
        places = [case.locations[node] for node in row]
        able = [case.may_lead[node] for node in row]
        least = twin.least_broken(places, able, compiled.masters, case.rules, LEVELS)
        expected.append([least, twin.excess(places, depth, share)])
    assert parts.tolist() == expected


@given(cases())
def test_whoever_may_lead_breaks_least(case: Case) -> None:
    compiled = case.compiled
    assert compiled is not None
    leaders = compiled.leaders(case.table)
    for row, marks in zip(case.rows, leaders.tolist(), strict=True):
        places = [case.locations[node] for node in row]
        able = [case.may_lead[node] for node in row]
        least = twin.least_broken(places, able, 1, case.rules, LEVELS)
        for position, node in enumerate(row):
            rest = [place for i, place in enumerate(places) if i != position]
            breaks = twin.broken(rest, [places[position]], case.rules, LEVELS)
            assert marks[position] == (case.may_lead[node] and breaks == least)
        assert not any(marks[len(row) :])


@given(cases(st.integers(2, 3)))
def test_of_several_masters_any_that_may_be_chosen_break_least(case: Case) -> None:
    compiled = case.compiled
    assert compiled is not None
    compiled = CompiledRules(
        compiled.ancestors, compiled.intervals, compiled.masters, np.ones_like(compiled.may_lead)
    )
    leaders = compiled.leaders(case.table)
    for row, marks in zip(case.rows, leaders.tolist(), strict=True):
        places = [case.locations[node] for node in row]
        marked = [position for position, marks_it in enumerate(marks) if marks_it]
        masters = min(compiled.masters, len(row))
        assert len(marked) >= masters
        least = twin.least_broken(places, [True] * len(row), masters, case.rules, LEVELS)
        for chosen in combinations(marked, masters):
            slaves = [place for i, place in enumerate(places) if i not in chosen]
            led_by = [places[position] for position in chosen]
            assert twin.broken(slaves, led_by, case.rules, LEVELS) == least


@given(cases(st.integers(1, 3)), st.data())
def test_breaks_are_counted_under_the_masters_that_there_are(
    case: Case, data: st.DataObject
) -> None:
    compiled = case.compiled
    assert compiled is not None
    table = case.table
    flags = data.draw(st.lists(st.booleans(), min_size=table.size, max_size=table.size))
    is_master = np.array(flags, np.bool_).reshape(table.shape) & (table >= 0)
    expected = []
    for row, leads in zip(case.rows, is_master.tolist(), strict=True):
        places = [case.locations[node] for node in row]
        led = list(zip(places, leads, strict=False))
        slaves = [place for place, is_led in led if not is_led]
        masters = [place for place, is_led in led if is_led]
        expected.append(twin.broken(slaves, masters, case.rules, LEVELS))
    assert compiled.broken(table, is_master).tolist() == expected


def test_one_rule_is_for_every_slave_and_the_last_for_all_that_are_left() -> None:
    near, far = Rule(same="rack"), Rule(different="zone")
    given_rules = {3: (near,), 2: (near, far), 4: (near, far)}
    found = [
        [(rule, count) for rule, count in rules_in_force(_settings(slave, *rules))]
        for slave, rules in given_rules.items()
    ]
    assert found == [[(near, 3)], [(near, 1), (far, 1)], [(near, 1), (far, 3)]]


def test_rules_beyond_the_slaves_are_not_in_force() -> None:
    assert rules_in_force(_settings(1, Rule(same="rack"), Rule(different="zone"))) == (
        (Rule(same="rack"), 1),
    )
    assert rules_in_force(_settings(0, Rule(same="rack"))) == ()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"slave": (Rule(same="row"),)}, r"slave\[0\]\.same: found level 'row', expected one of"),
        ({"slave": (Rule(same="zone"), Rule())}, r"slave\[1\]: found neither same nor different"),
        ({"master": (Rule(same="zone"),)}, "found 'master', expected rules for slave"),
    ],
)
def test_a_rule_that_names_what_is_not_there_is_an_error(
    rules: dict[str, tuple[Rule, ...]], message: str
) -> None:
    with pytest.raises(PlanError, match=message):
        check_rules(Settings(levels=LEVELS, rules=rules))


def _settings(slaves: int, *rules: Rule) -> Settings:
    return Settings(
        constraints=Constraints(slave=slaves), levels=LEVELS, rules={"slave": tuple(rules)}
    )

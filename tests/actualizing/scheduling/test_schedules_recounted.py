"""Whole schedules, run by somebody who knows only tables, documents and counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mapcore
from mapcore.actualizing.scheduling.schedule import Schedule
from mapcore.actualizing.steps import Kind
from mapcore.actualizing.works import Work
from mapcore.cluster import Assignment, Config, Node
from tests.actualizing.changes import Case, cases, map_of, nodes_of, rows
from tests.actualizing.recount import Recount, rows_of


@st.composite
def several(draw: st.DrawFn) -> tuple[dict[str, Work], Case]:
    """Return one to three maps over the same nodes, some with another number of partitions."""
    shared = draw(cases(with_failures=False, most_nodes=5))._replace(nodes=draw(nodes_of(5, False)))
    works = {}
    for name in ("a", "b", "c")[: draw(st.integers(1, 3))]:
        change = draw(cases(with_failures=False, most_nodes=5))
        current, target = change.current, change.target
        if draw(st.booleans()):
            masters = 1 if change.settings.assignment is Assignment.MASTER_SLAVE else 2
            count = current.partition_count * draw(st.integers(1, 2))
            lines = [draw(rows(current.node_count, "...ssd", masters)) for _ in range(count)]
            target = map_of(lines)
        works[name] = Work(current, target, settings=change.settings)
    return works, shared


def recounted(works: dict[str, Work], schedule: Schedule, nodes: tuple[Node, ...]) -> Recount:
    starts = {name: rows_of(work.snapshot()) for name, work in works.items()}
    goals = {name: rows_of(work.target) for name, work in works.items()}
    least, led = {}, {}
    for name, rows_at_start in starts.items():
        if len(rows_at_start) != len(goals[name]):
            continue
        for partition, row in rows_at_start.items():
            both = [row, goals[name][partition]]
            least[name, partition] = min(sum(copy.in_sync for copy in r.values()) for r in both)
            led[name, partition] = any(copy.leads for copy in both[1].values())
    counted = Recount(
        starts,
        {name: work.settings.assignment is Assignment.MASTER_SLAVE for name, work in works.items()},
        {node.name: node for node in nodes},
        least,
        led,
    )
    counted.run(schedule.to_json_lines())
    return counted


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(several(), st.sampled_from(["rounds", "time"]))
def test_every_step_is_allowed_and_no_throttle_is_overrun_at_any_instant(
    maps: tuple[dict[str, Work], Case], by: Any
) -> None:
    works, shared = maps
    schedule = mapcore.schedule(works, config=shared.config, nodes=shared.nodes, by=by)
    counted = recounted(works, schedule, shared.nodes)
    counted.check(shared.config)
    if not schedule.blocked:
        assert counted.maps == {name: rows_of(work.target) for name, work in works.items()}
    if by == "rounds":
        last = [step.round or 0 for step in schedule.steps if step.kind is Kind.STREAM]
        assert schedule.rounds == max(last, default=0)
        assert least_rounds(schedule, shared.config) <= schedule.bound <= schedule.length


def least_rounds(schedule: Schedule, config: Config) -> int:
    """Return how many rounds what comes into each node, and goes on in each partition, takes."""
    into: Counter[str] = Counter()
    within: Counter[tuple[str, str]] = Counter()
    for step in schedule.steps:
        if step.kind is Kind.STREAM and step.target is not None:
            into[step.target.node] += 1
            within[step.map, step.partition] += 1
    loads = [
        (max(into.values(), default=0), config.max_streams_into_node),
        (max(into.values(), default=0), config.max_streams_per_node),
        (max(within.values(), default=0), config.max_changes_per_partition),
        (into.total(), config.max_backfills),
    ]
    return max(-(-count // limit) if limit else 0 for count, limit in loads)


def test_more_at_once_than_a_limit_allows_is_counted() -> None:
    works = {"a": Work(map_of(["m..."] * 4), map_of(["mss."] * 4))}
    nodes = tuple(Node(name=f"n{n}", location="z1") for n in range(4))
    free = Config(max_streams_into_node=None, max_streams_out_of_node=None)
    counted = recounted(works, mapcore.schedule(works, config=free, nodes=nodes), nodes)
    counted.check(free)
    for strict in (Config(), Config(max_backfills=2), Config(max_streams_per_node=3)):
        with pytest.raises(AssertionError):
            counted.check(strict)

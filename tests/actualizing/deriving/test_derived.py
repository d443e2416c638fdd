"""Derived maps: founded from their sources, following them, with throttles of their own."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapcore import LiveMap, Node, PartitionMap, Placement, state_code
from mapcore.actualizing.deriving.derived import DerivedSteps, Feed, Reach, next_derived_steps
from mapcore.actualizing.steps import Kind, Step
from mapcore.cluster import Config
from mapcore.errors import MapError

MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)
EVERYTHING = Reach(0, 1_000_000)


def users(*rows: str, nodes: str = "abc") -> PartitionMap:
    """A map whose rows list the master first: `users("ab", "ba")`."""
    return PartitionMap.from_copies(
        [
            [(node, MASTER if place == 0 else SLAVE) for place, node in enumerate(row)]
            for row in rows
        ],
        nodes,
    )


def index(*rows: str, nodes: str = "xyz", source: str = "users") -> PartitionMap:
    """A map derived partition by partition from `users`, rows as there."""
    held = users(*rows, nodes=nodes)
    return held.replace(sources={number: f"{source}/{number}" for number in range(len(rows))})


class Run:
    """A derived map on its way, and the feeds that its steps leave."""

    def __init__(self, current: PartitionMap, sources: Mapping[str, PartitionMap]) -> None:
        self.live = LiveMap(current)
        self.sources = dict(sources)
        self.feeds: dict[tuple[str, str], Feed] = {}
        self.done: list[Step] = []

    def next(self, target: PartitionMap, **options: object) -> DerivedSteps:
        self.live.follow(target)
        return next_derived_steps(
            self.live,
            target,
            self.sources,
            feeds=self.feeds,
            name="index",
            **options,  # type: ignore[arg-type]
        )

    def take(self, step: Step, sequence_number: int | None = 100) -> None:
        self.live.start(step)
        self.finish(step, sequence_number)

    def finish(self, step: Step, sequence_number: int | None = 100) -> None:
        self.live.complete(step.id)
        self.done.append(step)
        if step.source is not None and step.source.map is not None:
            assert step.target is not None
            self.feeds[step.partition, step.target.node] = Feed.after(step, sequence_number)

    def to_end(self, target: PartitionMap, **options: object) -> list[Step]:
        before = len(self.done)
        for _ in range(200):
            steps = self.next(target, **options)
            if not steps:
                return self.done[before:]
            for step in steps:
                self.live.start(step)
            for step in steps:
                self.finish(step)
        raise AssertionError("no end")


def streams(steps: list[Step]) -> list[str]:
    return [f"{step.source} => {step.target}" for step in steps if step.kind is Kind.STREAM]


def test_a_partition_is_founded_from_its_source_and_further_copies_from_the_first() -> None:
    target = index("xy")
    run = Run(index(""), {"users": users("ab")})
    assert streams(run.to_end(target)) == [
        "a users/0 master => x dead -> slave",
        "x master => y dead -> slave",
    ]
    assert run.live.snapshot() == target
    assert run.feeds == {("0", "x"): Feed("users", "0", "a", 100)}


def test_a_stream_from_a_copy_that_the_source_has_moved_away_is_cancelled() -> None:
    target = index("x")
    run = Run(index(""), {"users": users("ab")})
    (create,) = run.next(target)
    run.take(create)
    (fill,) = run.next(target)
    run.live.start(fill)
    assert run.next(target).cancel == ()
    pending = state_code(Placement.PENDING_MASTER)
    run.sources["users"] = PartitionMap.from_copies([[("a", pending), ("b", SLAVE)]], "abc")
    assert run.next(target).cancel == ()
    run.sources["users"] = users("bc")
    steps = run.next(target)
    assert steps.cancel == (fill,)
    run.live.fail(fill.id)
    assert streams(run.to_end(target)) == ["b users/0 master => x dead -> slave"]


def test_without_a_live_copy_of_the_source_it_waits_and_says_so() -> None:
    run = Run(index(""), {"users": users("a")})
    assert run.to_end(index("x"), gone={"a"})[0].kind is Kind.TRANSITION
    steps = run.next(index("x"), gone={"a"})
    assert not steps
    assert [str(entry) for entry in steps.waiting] == [
        "0: x from users/0: no copy of it is live and runs"
    ]


def test_a_feed_follows_the_new_master_without_data_where_that_has_the_changes() -> None:
    target = index("x")
    run = Run(index(""), {"users": users("ab")})
    run.to_end(target)
    run.sources["users"] = users("ba")
    (step,) = run.next(target, reach={("users/0", "b"): Reach(60, 100)})
    assert (str(step.source), str(step.target)) == ("b users/0 master", "x master")
    assert step.resume_from == 100
    assert step.costs["b"].full_scans == 0
    assert step.reason == "a does not feed it any more; goes on from 100"
    run.take(step)
    assert not run.next(target)


@pytest.mark.parametrize(
    ("reach", "why"),
    [
        (Reach(101, 200), "filled anew: it stands at 100, b keeps 101 on"),
        (Reach(0, 99), "filled anew: it stands at 100, b has come to 99"),
        (None, "filled anew: it is not known what b can go on from"),
    ],
)
def test_a_copy_is_filled_anew_while_it_serves_where_sequence_numbers_do_not_allow(
    reach: Reach | None, why: str
) -> None:
    target = index("x")
    run = Run(index(""), {"users": users("ab")})
    run.to_end(target)
    run.sources["users"] = users("b")
    known = {} if reach is None else {("users/0", "b"): reach}
    (step,) = run.next(target, reach=known)
    assert step.resume_from is None
    assert step.costs["b"].full_scans == 1
    assert step.target is not None
    assert (step.target.before, step.target.after) == ("master", "master")
    assert step.reason.endswith(why)


def test_a_slave_that_became_master_goes_on_from_where_it_stands() -> None:
    run = Run(index(""), {"users": users("a")})
    run.to_end(index("xy"))
    run.feeds = {("0", "y"): Feed("users", "0", None, 90)}
    run.live = LiveMap(index("y"))
    (step,) = run.next(index("y"), reach={("users/0", "a"): EVERYTHING})
    assert step.resume_from == 90
    assert str(step.target) == "y master"


def test_a_feed_that_stays_with_any_copy_keeps_it_and_prefers_slaves_and_near_ones() -> None:
    nodes = [
        Node(name=name, location=place)
        for name, place in {"a": "z1", "b": "z1", "c": "z2", "x": "z2"}.items()
    ]
    target = index("x")
    run = Run(index(""), {"users": users("abc")})
    found = run.to_end(target, follow="any", nodes=nodes)
    assert streams(found) == ["c users/0 slave => x dead -> slave"]
    run.sources["users"] = users("cab")
    assert not run.next(target, follow="any", nodes=nodes)
    run.sources["users"] = users("ab")
    (step,) = run.next(target, follow="any", nodes=nodes, reach={("users/0", "a"): EVERYTHING})
    assert str(step.source) == "a users/0 master"


def test_streams_from_sources_have_throttles_of_their_own() -> None:
    target = index("x", "x")
    run = Run(index("", ""), {"users": users("a", "a")})
    for step in run.next(target, feed_config=Config(max_backfills=1)):
        run.take(step)
    steps = run.next(target, feed_config=Config(max_backfills=1))
    assert len(steps.feeds) == 1
    assert len(steps.waiting) == 1
    assert steps.waiting[0].why == "found 2 streams in the cluster, expected at most 1"
    run.live.start(steps[0])
    while own := run.next(target, feed_config=Config(max_backfills=1)).own:
        run.take(own[0])
    assert not run.next(target, feed_config=Config(max_backfills=1)).feeds
    assert len(run.next(target, feed_config=Config(max_backfills=2)).feeds) == 1


def test_what_is_under_way_is_not_started_again() -> None:
    run = Run(index(""), {"users": users("ab")})
    run.take(run.next(index("xy"))[0])
    while run.next(index("xy")).feeds == ():
        run.take(run.next(index("xy"))[0])
    (fill,) = run.next(index("xy")).feeds
    run.live.start(fill)
    assert run.next(index("xy")).feeds == ()
    run.live.fail(fill.id)
    (again,) = run.next(index("xy")).feeds
    assert again.id != fill.id


def test_steps_under_way_may_come_from_anywhere() -> None:
    run = Run(index(""), {"users": users("a")})
    run.take(run.next(index("x"))[0])
    (fill,) = run.next(index("x")).feeds
    held = run.live.snapshot()
    steps = next_derived_steps(held, index("x"), run.sources, (step for step in [fill]))
    assert not steps.feeds


def test_a_source_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MapError, match=r"found source 'users/0', expected MAP/PARTITION"):
        next_derived_steps(index(""), index("x"), {})
    with pytest.raises(MapError, match=r"found source 'users/1', expected a partition of 'users'"):
        next_derived_steps(index("", ""), index("x", "x"), {"users": users("a")})


def test_a_feed_is_of_a_step_from_another_map() -> None:
    step = Step(id="1", map="m", partition="0", kind=Kind.PAUSE, node="a", what="replication")
    with pytest.raises(ValueError, match="expected a stream from another map"):
        Feed.after(step)


def test_steps_are_documents() -> None:
    run = Run(index(""), {"users": users("ab")})
    run.to_end(index("x"))
    run.sources["users"] = users("ba")
    (step,) = run.next(index("x"), reach={("users/0", "b"): EVERYTHING})
    assert Step.from_json(step.to_json()) == step
    step.check()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.permutations("abc"), min_size=1, max_size=4),
    st.lists(st.permutations("xyz"), min_size=4, max_size=4),
    st.integers(1, 3),
    st.lists(st.tuples(st.integers(0, 99), st.booleans()), max_size=12),
)
def test_every_run_ends_with_each_partition_filled_once_from_its_source(
    rows: list[list[str]], goals: list[list[str]], count: int, news: list[tuple[int, bool]]
) -> None:
    target = index(*("".join(goal[:count]) for goal in goals[: len(rows)]))
    run = Run(index(*[""] * len(rows)), {"users": users(*("".join(row) for row in rows))})
    for _ in range(300):
        steps = list(run.next(target, feed_config=Config(max_backfills=2)))
        if not steps:
            break
        place, is_done = news.pop() if news else (0, True)
        step = steps[place % len(steps)]
        if is_done:
            run.take(step)
        else:
            run.live.start(step)
            run.live.fail(step.id)
    else:
        raise AssertionError("no end")
    assert run.live.snapshot() == target
    from_sources = [
        step.partition for step in run.done if step.source is not None and step.source.map
    ]
    assert sorted(from_sources) == sorted(str(number) for number in range(len(rows)))
    assert {node for (_, node) in run.feeds} == {goal[0] for goal in goals[: len(rows)]}

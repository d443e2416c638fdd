from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapcore.errors import MapError, TransitionError
from mapcore.keys import HashKeys, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import LITERAL, SAFE, Placement, Running, TransitionTable, state_code
from mapcore.transitions import Reason, validate_transitions, verdict_table
from tests.strategies import CODES, as_matrix_or_index, maps, node_names
from tests.twins.maps import changed_cells
from tests.twins.transitions import verdict

TABLE_SETS = [(LITERAL, SAFE), (SAFE,), (LITERAL,)]
MASTER, SLAVE, DEAD = (
    state_code(placement) for placement in (Placement.MASTER, Placement.SLAVE, Placement.DEAD)
)
PENDING_SLAVE, PENDING_MASTER = (
    state_code(placement) for placement in (Placement.PENDING_SLAVE, Placement.PENDING_MASTER)
)


def one_cell(code: int) -> PartitionMap:
    return PartitionMap.from_dense(np.array([[code]], np.uint8), ["a"])


def change(before: int, after: int, *tables: TransitionTable) -> Reason:
    report = validate_transitions(
        one_cell(before), one_cell(after), tables=tables or (LITERAL, SAFE)
    )
    return report[0].reason if report else Reason(0)


@pytest.mark.parametrize("tables", TABLE_SETS, ids=lambda tables: "+".join(t.name for t in tables))
def test_verdicts_over_all_pairs_of_codes_follow_the_rules(
    tables: tuple[TransitionTable, ...],
) -> None:
    verdicts = verdict_table(tables)
    for before in CODES:
        for after in CODES:
            assert verdicts[before, after] == verdict(before, after, tables), (before, after)
    assert not verdicts.diagonal().any()


@given(maps(), maps(), st.sampled_from(TABLE_SETS), st.booleans(), st.booleans())
def test_every_wrong_cell_is_named_in_whatever_form_the_maps_are(
    before: PartitionMap,
    after: PartitionMap,
    tables: tuple[TransitionTable, ...],
    matrix_before: bool,
    matrix_after: bool,
) -> None:
    if before.keys != after.keys:
        return
    report = validate_transitions(
        as_matrix_or_index(before, matrix_before),
        as_matrix_or_index(after, matrix_after),
        tables=tables,
    )
    expected = {
        cell: (codes, verdict(*codes, tables))
        for cell, codes in changed_cells(before, after).items()
        if verdict(*codes, tables)
    }
    named = {(item.partition, item.node): ((item[2], item[3]), item.reason) for item in report}
    assert named == expected
    assert len(report) == len(expected)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0, DEAD),
        (DEAD, 0),
        (DEAD, SLAVE),
        (SLAVE, DEAD),
        (SLAVE, MASTER),
        (MASTER, SLAVE),
        (MASTER, DEAD),
        (SLAVE, PENDING_SLAVE),
        (PENDING_SLAVE, SLAVE),
        (MASTER, PENDING_MASTER),
        (PENDING_MASTER, MASTER),
        (PENDING_SLAVE, MASTER),
        (PENDING_MASTER, SLAVE),
        (PENDING_MASTER, DEAD),
    ],
)
def test_single_hops_and_commits_are_allowed(before: int, after: int) -> None:
    assert not change(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (0, SLAVE),
        (0, MASTER),
        (DEAD, MASTER),
        (SLAVE, 0),
        (MASTER, 0),
        (DEAD, PENDING_SLAVE),
        (SLAVE, PENDING_MASTER),
        (PENDING_SLAVE, PENDING_MASTER),
        (PENDING_SLAVE, DEAD),
        (PENDING_MASTER, 0),
    ],
)
def test_changes_of_several_hops_are_wrong(before: int, after: int) -> None:
    assert change(before, after) == Reason.PLACEMENT


def test_safe_alone_lets_no_master_fall_dead() -> None:
    assert change(MASTER, DEAD, SAFE) == Reason.PLACEMENT
    assert change(MASTER, SLAVE, LITERAL) == Reason.PLACEMENT


def test_running_states_hop_one_at_a_time() -> None:
    stopped, cooling = (
        state_code(Placement.SLAVE, running) for running in (Running.STOPPED, Running.COOLING)
    )
    assert not change(SLAVE, cooling)
    assert not change(cooling, stopped)
    assert change(SLAVE, stopped) == Reason.RUNNING


def test_a_new_copy_may_start_in_any_running_state_as_null_has_none() -> None:
    for running in Running:
        assert not change(0, state_code(Placement.DEAD, running))
        assert not change(state_code(Placement.DEAD, running), 0)


def test_pauses_may_change_alone_but_not_with_a_transition() -> None:
    paused = state_code(Placement.SLAVE, replication_paused=True)
    assert not change(SLAVE, paused)
    assert change(paused, MASTER) == Reason.PAUSES
    assert change(state_code(Placement.DEAD, Running.STOPPED), paused) == (
        Reason.PAUSES | Reason.RUNNING
    )


def test_a_violation_reads_as_a_sentence() -> None:
    report = validate_transitions(one_cell(DEAD), one_cell(MASTER))
    assert str(report) == "0: a dead -> master: no hop of literal or safe from dead to master"
    paused = state_code(Placement.SLAVE, Running.STOPPED, persistence_paused=True)
    assert str(validate_transitions(one_cell(MASTER), one_cell(paused))) == (
        "0: a master -> slave stopped persistence-paused: no running hop from running to stopped; "
        "a transition never changes pauses"
    )


def test_a_report_holds_arrays_lines_and_an_error() -> None:
    before = PartitionMap.from_dense(np.zeros((30, 2), np.uint8), node_names(2))
    after = PartitionMap.from_dense(np.full((30, 2), SLAVE, np.uint8), before.nodes)
    report = validate_transitions(before, after)
    assert len(report) == 60
    assert report.partitions.tolist() == [number for number in range(30) for _ in range(2)]
    assert report.node_numbers.tolist() == [0, 1] * 30
    assert set(report.reasons.tolist()) == {Reason.PLACEMENT}
    assert report.report(3).splitlines()[-1] == "and 57 more"
    with pytest.raises(TransitionError, match="found 60 wrong transitions\n0: n0 null -> slave"):
        report.check()


def test_no_change_and_allowed_change_give_an_empty_report() -> None:
    report = validate_transitions(one_cell(SLAVE), one_cell(MASTER))
    assert not report
    assert str(report) == "all transitions are allowed"
    report.check()


@pytest.mark.parametrize(
    "other",
    [
        HashKeys(3),
        RangeKeys([KeyRange.from_name("0-a"), KeyRange.from_name("b-")]),
        RangeKeys([KeyRange("0", b"", b"m"), KeyRange("1", b"n", None)]),
    ],
    ids=["count", "names", "kind"],
)
def test_maps_over_other_partitions_are_refused(other: HashKeys | RangeKeys) -> None:
    held = PartitionMap.from_dense(np.zeros((2, 1), np.uint8), ["a"])
    states = np.zeros((len(other), 1), np.uint8)
    with pytest.raises(MapError, match="expected the same partitions"):
        validate_transitions(held, PartitionMap.from_dense(states, ["a"], keys=other))


def test_ranges_with_other_bounds_are_other_partitions() -> None:
    before, after = (
        PartitionMap.from_dense(
            np.zeros((1, 1), np.uint8), ["a"], keys=RangeKeys([KeyRange("r", b"", end)])
        )
        for end in (b"m", b"n")
    )
    with pytest.raises(MapError, match="expected the same partitions"):
        validate_transitions(before, after)

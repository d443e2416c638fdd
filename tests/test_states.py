from __future__ import annotations

import numpy as np
import pytest

import mapcore
from mapcore.errors import TransitionError
from mapcore.states import LITERAL, PAIRED, RUNNING, SAFE, Placement, TransitionTable, next_hop

NOTED_LITERAL = {"n": "\\ddd", "d": "n\\ss", "s": "dd\\m", "m": "ddd\\"}
NOTED_SAFE = NOTED_LITERAL | {"m": "sss\\"}
NOTED_RUNNING = {"s": "\\www", "w": "c\\rc", "r": "cc\\c", "c": "ssr\\"}


@pytest.mark.parametrize(
    ("table", "noted", "letters"),
    [
        (LITERAL, NOTED_LITERAL, "ndsm"),
        (SAFE, NOTED_SAFE, "ndsm"),
        (RUNNING, NOTED_RUNNING, "swrc"),
    ],
    ids=["literal", "safe", "running"],
)
def test_tables_hold_the_hops_as_noted(
    table: TransitionTable, noted: dict[str, str], letters: str
) -> None:
    read = {
        row: "".join(
            "\\" if row == column else letters[table.hops[i, j]] for j, column in enumerate(letters)
        )
        for i, row in enumerate(letters)
    }
    assert read == noted


@pytest.mark.parametrize("table", [LITERAL, SAFE, RUNNING], ids=lambda table: table.name)
def test_hops_lead_from_any_state_to_any_other(table: TransitionTable) -> None:
    for start in range(len(table.states)):
        for wanted in range(len(table.states)):
            state, hops = start, 0
            while state != wanted:
                state = next_hop(table, state, wanted)
                hops += 1
                assert hops <= len(table.states), (start, wanted)


def test_safe_master_steps_down_by_way_of_slave() -> None:
    assert next_hop(SAFE, Placement.MASTER, Placement.DEAD) == Placement.SLAVE
    assert next_hop(LITERAL, Placement.MASTER, Placement.DEAD) == Placement.DEAD


def test_pending_copies_first_become_what_they_devolve_to() -> None:
    for wanted in (Placement.NULL, Placement.DEAD, Placement.MASTER):
        assert next_hop(SAFE, Placement.PENDING_SLAVE, wanted) == Placement.SLAVE
    assert next_hop(SAFE, Placement.PENDING_MASTER, Placement.SLAVE) == Placement.MASTER


def test_next_hop_over_arrays_equals_next_hop_over_scalars() -> None:
    current, wanted = np.meshgrid(np.arange(6), np.arange(6))
    hops = next_hop(SAFE, current, wanted)
    assert hops.dtype == np.uint8
    for i, j in np.ndindex(6, 6):
        assert hops[i, j] == next_hop(SAFE, int(current[i, j]), int(wanted[i, j]))


@pytest.mark.parametrize("wrong", [-1, 6, 255])
def test_next_hop_refuses_what_is_no_state(wrong: int) -> None:
    with pytest.raises(TransitionError, match=f"found state {wrong}, expected 0 to 5"):
        next_hop(SAFE, np.array([0, wrong]), 1)


def test_paired_transitions_are_takeover_and_replica_and_nothing_else() -> None:
    noted = {
        ("takeover", "master", "dead", "slave", "master"),
        ("takeover", "master", "slave", "slave", "master"),
        ("replica", "master", "master", "dead", "slave"),
        ("replica", "master", "master", "slave", "slave"),
    }
    assert {
        (
            pair.name,
            pair.source_before.label,
            pair.source_after.label,
            pair.target_before.label,
            pair.target_after.label,
        )
        for pair in PAIRED
    } == noted


def test_state_code_packs_the_four_parts_into_their_bits() -> None:
    code = mapcore.state_code(
        Placement.MASTER, mapcore.Running.COOLING, persistence_paused=True, replication_paused=True
    )
    assert code == 0b0111_1011

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mapcore._kernels import _admission
from mapcore.actualizing.proposals import PROPOSAL, RowFlag, Situation, propose
from mapcore.actualizing.steps import Step
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement
from tests.strategies import node_names, state_matrices
from tests.twins import proposals as twin


def leave_one_master(states: NDArray[np.uint8]) -> None:
    """Make all masters of a partition but the first slaves: no target may have more than one."""
    is_master = states & PLACEMENT_MASK == Placement.MASTER
    surplus = is_master & (np.cumsum(is_master, axis=1) > 1)
    states[surplus] -= Placement.MASTER - Placement.SLAVE


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Return two maps over the same nodes and partitions, and anything that may hold beside."""
    states = draw(state_matrices(4, 5))
    partitions, node_count = states.shape
    target_states = draw(state_matrices(partitions, node_count))
    wanted = np.zeros_like(states)
    wanted[: target_states.shape[0], : target_states.shape[1]] = target_states
    single_master = draw(st.booleans())
    if single_master:
        leave_one_master(wanted)
    names = node_names(node_count)

    def numbers(low: int, high: int, count: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    row_flags = [
        flags & ~RowFlag.ADDITIVE_IN_FLIGHT & ~RowFlag.EXCLUSIVE_IN_FLIGHT
        if draw(st.booleans())
        else flags
        for flags in numbers(0, 31, partitions)
    ]
    early = [
        (p, n) for p in range(partitions) for n in range(node_count) if draw(st.integers(0, 3)) == 0
    ]
    return Situation(
        PartitionMap.from_dense(states, names),
        PartitionMap.from_dense(wanted, names),
        (),
        np.array([f if f < 8 else 0 for f in numbers(0, 12, node_count)], dtype=np.uint8),
        np.array(row_flags, dtype=np.uint8),
        np.array(numbers(-1, max(0, node_count - 1), partitions), dtype=np.int32),
        single_master=single_master,
        warms_up=draw(st.booleans()),
        too_early=tuple(early),
    )


def as_tuples(proposals: Any) -> list[tuple[int, ...]]:
    return [tuple(row) for row in proposals.tolist()]


@given(situations())
def test_the_kernel_proposes_what_its_twin_does(situation: Situation) -> None:
    assert as_tuples(propose(situation)) == twin.propose(situation, set())


@given(situations(), st.data())
def test_copies_that_steps_are_under_way_for_are_left_alone(
    situation: Situation, data: st.DataObject
) -> None:
    names = situation.current.nodes.names
    if not names:
        return
    partition = data.draw(st.integers(0, situation.current.partition_count - 1))
    node = data.draw(st.integers(0, len(names) - 1))
    step = Step.from_dict(
        {
            "step": "s",
            "map": "map",
            "partition": str(partition),
            "kind": "transition",
            "node": names[node],
            "from": "dead",
            "to": "slave",
        }
    )
    flags = situation.row_flags.copy()
    flags[partition] |= RowFlag.ADDITIVE_IN_FLIGHT
    found = propose(replace(situation, in_flight=(step,)))
    flagged = replace(situation, row_flags=flags)
    assert as_tuples(found) == twin.propose(flagged, {(partition, node)})


def test_maps_that_are_equal_give_no_proposals() -> None:
    states = np.full((5, 3), 0x12, np.uint8)
    held = PartitionMap.from_dense(states, "abc")
    situation = Situation(
        held,
        held,
        (),
        np.zeros(3, np.uint8),
        np.zeros(5, np.uint8),
        np.full(5, -1, np.int32),
    )
    assert len(propose(situation)) == 0
    assert propose(situation).dtype == PROPOSAL


@pytest.mark.parametrize("seed", range(300))
def test_admission_equals_its_twin(seed: int) -> None:
    arguments = twin.random_admission(np.random.default_rng(seed))
    expected = copy.deepcopy(arguments)
    _admission.admit(**arguments)
    twin.admit(**expected)
    for name, values in arguments.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


@pytest.mark.parametrize("seed", range(100))
def test_spreading_masters_equals_its_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    takeovers, nodes = int(random.integers(0, 20)), int(random.integers(1, 6))
    arguments: dict[str, Any] = {
        "order": random.permutation(takeovers).astype(np.int64),
        "leaders": random.integers(0, nodes, takeovers).astype(np.int32),
        "heirs": random.integers(0, nodes, takeovers).astype(np.int32),
        "is_exempt": (random.random(takeovers) < 0.1).astype(np.uint8),
        "masters": random.integers(0, 5, nodes).astype(np.int32),
        "goals": random.integers(0, 5, nodes).astype(np.int32),
        "may_go": np.zeros(takeovers, np.uint8),
    }
    expected = copy.deepcopy(arguments)
    _admission.spread_masters(**arguments)
    twin.spread_masters(**expected)
    for name, values in arguments.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)

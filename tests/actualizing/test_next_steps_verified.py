"""The verifier, which knows nothing of `next_steps`, finds its runs safe."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from msgspec import structs

from mapcore.actualizing.live import LiveMap
from mapcore.actualizing.next_steps import next_steps
from mapcore.actualizing.steps import Step
from mapcore.maps import Copy, PartitionMap
from mapcore.states import Placement, state_code
from tests.actualizing.changes import Case, cases


def led(target: PartitionMap) -> PartitionMap:
    """Return the map with a master in every partition that has a slave."""
    rows = []
    for number in range(target.partition_count):
        copies = list(target.copies(number))
        if copies and copies[0].placement is Placement.SLAVE:
            copies[0] = Copy(copies[0].node, state_code(Placement.MASTER))
        rows.append(copies)
    return PartitionMap.from_copies(rows, target.nodes, keys=target.keys)


def run_one_by_one(case: Case) -> list[Step]:
    """Carry a change out, the most urgent step first, and return what was done."""
    live = LiveMap(case.current)
    live.follow(case.target)
    done = []
    while steps := next_steps(
        live, case.target, config=case.config, nodes=case.nodes, settings=case.settings
    ):
        live.start(steps[0])
        live.complete(steps[0].id)
        done.append(steps[0])
    assert live.snapshot() == case.target.on_nodes(live.snapshot().nodes)
    return done


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(cases(with_failures=False))
def test_a_run_step_by_step_is_safe(case: Case) -> None:
    case = case._replace(
        target=led(case.target), config=structs.replace(case.config, dead_grace_seconds=0.0)
    )
    # A version is that of the moment; the verifier walks from the first one.
    lines = [
        Step.from_dict({name: value for name, value in step.to_dict().items() if name != "version"})
        for step in run_one_by_one(case)
    ]
    proof = case.verify(lines)
    assert proof.is_safe, proof.report()

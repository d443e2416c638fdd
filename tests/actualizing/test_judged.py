"""From any map to any target under the eyes of somebody who knows the tables, and counts."""

from __future__ import annotations

import os

import pytest

from tests.actualizing import judged, judged_ranges

RUNS = int(os.environ.get("MAPCORE_RUNS", "60"))


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_conductor_killed_at_every_moment_reaches_the_target_and_keeps_all_promises(
    seed: int,
) -> None:
    judged.World(seed).run()


@pytest.mark.parametrize("seed", range(RUNS))
def test_every_key_has_one_answer_while_partitions_change_whatever_happens(seed: int) -> None:
    judged_ranges.World(seed).run()

"""The page about steps says what a step is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import mapcore
from mapcore.actualizing.steps import Kind, Step
from mapcore.states import Placement, Running
from tests.cli.documents import changing

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "steps.md").read_text()


def named(table_header: str) -> set[str]:
    """Return what stands in code in the first column of a table."""
    table = PAGE.split(table_header)[1].split("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall("`([^`]+)`", cell)}


def test_every_field_and_every_kind_is_described() -> None:
    assert named("| field | meaning |") == set(Step.__struct_encode_fields__)
    assert named("| kind | what it does | needs |") == {kind.value for kind in Kind}
    for state in (*Placement, *Running):
        assert f"`{state.label}`" in PAGE


def test_the_schedule_shown_is_safe() -> None:
    document = changing()
    for held in document["maps"]["users"].values():
        held["numPartitions"] = 1
        del held["partitions"]["1"]
    cluster = mapcore.loads(json.dumps(document))
    shown = PAGE.split("```json\n")[1].split("```")[0]
    assert shown.count('"step"') == 4
    assert mapcore.verify(cluster, steps=shown).to_dict() == {
        "safe": True,
        "steps": 4,
        "moments": int(PAGE.split('"moments": ')[1].split("}")[0]),
    }

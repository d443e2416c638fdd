"""The reference page names every field, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mapcore
from mapcore.cluster import Balance, Constraints, MaxPeers, Node, Quorum, Rule, Settings, Volume
from mapcore.documents.partitions import COPY_FIELDS, PAUSES

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference/documents.md"
TEXT = REFERENCE.read_text()
STRUCTS = (Settings, Constraints, Rule, MaxPeers, Quorum, Balance, Node, Volume)
FIELDS = sorted(
    {name for kind in STRUCTS for name in kind.__struct_encode_fields__} - {"extra", "name"}
    | set(COPY_FIELDS)
    | set(PAUSES)
    | {"type", "version", "partial", "partitions", "running", "paused", "source", "size", "weight"}
    | {"start", "end", "hex", "map", "maps", "settings", "config", "nodes", "current", "target"}
)
EXAMPLES = re.findall(r"```json\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("field", FIELDS)
def test_the_page_names_the_field(field: str) -> None:
    assert re.search(rf"[`\"{{]{field}[`\"]", TEXT)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads_without_problems_of_spelling(example: str) -> None:
    problems = mapcore.problems(mapcore.loads(example))
    assert [problem for problem in problems if "does not know" in problem.text] == []


def test_the_first_example_is_in_the_form_that_is_described() -> None:
    current = mapcore.loads(EXAMPLES[0]).current
    assert current is not None
    assert [str(copy) for copy in current.copies(1)] == ["nodeB master", "nodeA slave warming"]


def test_own_settings_in_the_example_are_what_the_text_says() -> None:
    (example,) = (example for example in EXAMPLES if '"maps"' in example)
    constraints = mapcore.loads(example).map("users").settings.constraints
    assert (constraints.master, constraints.slave) == (1, 1)

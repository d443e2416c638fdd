from __future__ import annotations

import json
from pathlib import Path

import pytest

from mapcore.actualizing.options import OPTIONS, Option
from mapcore.actualizing.throttles import THROTTLES
from mapcore.cluster import Config
from mapcore.documents import loads
from mapcore.errors import DocumentError

REFERENCE = Path(__file__).parents[2] / "docs/reference/config.md"
OTHER_VALUES = {float: 7.5, int: 7, str: "nearest", type(None): 7}


def by_attribute(row: Option) -> str:
    return row.attribute


@pytest.mark.parametrize("row", OPTIONS, ids=by_attribute)
def test_every_option_is_documented_with_its_default_unit_and_meaning(row: Option) -> None:
    line = f"| `{row.field}` | {json.dumps(row.default)} | {row.unit} | {row.meaning} |"
    assert line in REFERENCE.read_text().splitlines()


@pytest.mark.parametrize("row", OPTIONS, ids=by_attribute)
def test_every_option_is_set_by_the_document(row: Option) -> None:
    value = not row.default if isinstance(row.default, bool) else OTHER_VALUES[type(row.default)]
    document = {"config": {row.field: value}, "nodes": {"a": {}}}
    assert getattr(loads(json.dumps(document)).config, row.attribute) == value


def test_every_field_of_config_is_an_option_or_a_throttle() -> None:
    named = {row.attribute for row in OPTIONS} | {row.attribute for row in THROTTLES}
    assert named == set(Config.__struct_fields__) - {"extra"}


def test_an_option_of_another_type_is_an_error() -> None:
    with pytest.raises(DocumentError, match=r"config\.warmsUp: found 1, expected true or false"):
        loads('{"config": {"warmsUp": 1}, "nodes": {"a": {}}}')

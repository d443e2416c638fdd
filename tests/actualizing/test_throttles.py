from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mapcore.actualizing.occupancy import COUNTED
from mapcore.actualizing.throttles import THROTTLES, Limits, Throttle
from mapcore.cluster import Config
from mapcore.documents import loads

REFERENCE = Path(__file__).parents[2] / "docs/reference/config.md"


def by_attribute(row: Throttle) -> str:
    return row.attribute


@pytest.mark.parametrize("row", THROTTLES, ids=by_attribute)
def test_every_throttle_is_documented_with_its_default_unit_and_what_it_limits(
    row: Throttle,
) -> None:
    default = json.dumps(row.default) if row.default is not None else "no limit"
    line = f"| `{row.field}` | {default} | {row.unit} | {row.limits} |"
    assert line in REFERENCE.read_text().splitlines()


@pytest.mark.parametrize("row", THROTTLES, ids=by_attribute)
def test_every_throttle_is_set_by_the_document(row: Throttle) -> None:
    value: Any = {"ssd": 7} if isinstance(row.default, dict) else 7
    document = {"config": {row.field: value}, "nodes": {"a": {}}}
    found = getattr(Limits.from_config(loads(json.dumps(document)).config), row.attribute)
    assert found == (row.default | value if isinstance(row.default, dict) else 7)


def test_the_table_has_every_limit_once() -> None:
    assert [row.attribute for row in THROTTLES] == list(Limits.__struct_fields__)


def test_a_type_of_volume_that_nobody_named_has_no_limit() -> None:
    limits = Limits.from_config(Config(max_full_scans_per_volume_type={"tape": 1}))
    assert [limits.full_scans(kind) for kind in ("ssd", "hdd", "tape", "nvme")] == [10, 1, 1, None]


def test_a_node_takes_no_more_streams_than_the_joint_limit() -> None:
    limits = Limits.from_config(Config(max_streams_into_node=None, max_streams_per_node=3))
    assert (limits.streams_in, limits.streams_out) == (3, 2)


@pytest.mark.parametrize(
    ("config", "rate"),
    [
        (Config(), None),
        (Config(max_bytes_per_second_per_stream=50), 50),
        (Config(max_bytes_per_second_per_node=100), 50),
        (Config(max_bytes_per_second_per_node=100, max_bytes_per_second_per_stream=20), 20),
        (
            Config(
                max_bytes_per_second_per_node=100,
                max_streams_into_node=None,
                max_streams_out_of_node=None,
            ),
            100,
        ),
    ],
)
def test_the_rate_of_a_node_is_shared_by_the_streams_that_it_may_have(
    config: Config, rate: int | None
) -> None:
    limits = Limits.from_config(config)
    assert limits.stream_bytes_per_second == rate
    if rate is not None and config.max_bytes_per_second_per_node is not None:
        for slots in (limits.streams_in, limits.streams_out):
            assert slots is not None
            assert slots * rate <= config.max_bytes_per_second_per_node


def test_what_is_counted_names_the_throttle_on_it() -> None:
    assert set(COUNTED.values()) == {row.attribute for row in THROTTLES}

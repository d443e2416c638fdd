"""Several limits on peers, side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

import mapcore
from mapcore.errors import PlanError
from mapcore.planning.fanout.comparing import compare_max_peers
from tests.planning.fanout.clusters import cluster_in_zones

EVEN = cluster_in_zones((12, 12, 12, 12), partitions=512)


def test_losses_become_less_likely_as_the_limit_falls() -> None:
    compared = compare_max_peers(EVEN, [30, 10, 4], lose=(3,))
    assert [found.max_peers for found in compared.limits] == [30, 10, 4]
    assert all(found.is_kept for found in compared.limits)
    wide, middle, narrow = (found.chances[0] for found in compared.limits)
    assert wide.chance > middle.chance > narrow.chance > 0
    assert all(chance.is_exact for chance in (wide, middle, narrow))


def test_the_map_as_it_is_comes_first_and_is_what_plans_start_from() -> None:
    placed = EVEN.with_current(mapcore.plan(EVEN).target)
    compared = compare_max_peers(placed, [10])
    as_it_is, limited = compared.limits
    assert as_it_is.max_peers is None
    assert as_it_is.plan is None
    assert as_it_is.is_kept
    assert limited.plan is not None
    assert limited.moves == len(limited.plan.moves) > 0
    (fresh,) = compare_max_peers(placed, [10], fresh=True).limits[1:]
    assert fresh.moves is not None
    assert limited.moves < fresh.moves < 3 * 512
    assert int(fresh.measured.scatter_width.max()) <= 8  # two in reserve


def test_rows_and_documents_say_the_same() -> None:
    compared = compare_max_peers(EVEN, [10], lose=(2, 3))
    (row,) = compared.rows()
    (document,) = compared.to_dict()["limits"]
    cells = dict(zip(compared.header, row, strict=True))
    assert cells["max peers"] == "10"
    assert cells["scatter width"] == document["scatterWidth"]
    assert cells["moves"] == document["moves"] == 3 * 512
    assert cells["copies of a node"] == "32 to 32"
    assert document["copies"] == {"least": 32, "most": 32}
    assert cells["loss of 2"] == "0"
    assert set(cells[""]) == {"#"}
    assert compared.to_dict()["smallestMaxPeers"] == 2


def test_a_limit_that_cannot_be_kept_says_so() -> None:
    compared = compare_max_peers(cluster_in_zones((1, 1, 8)), [1])
    assert compared.fewest == 9  # three copies alone need two others
    assert not compared.limits[0].is_kept
    assert compared.to_dict()["limits"][0]["warnings"]


def test_the_settings_of_the_map_do_not_count() -> None:
    limited = cluster_in_zones((4, 4, 4), max_peers=2)
    found = compare_max_peers(limited, [5], reserve=0).limits[0]
    assert found.plan is not None
    assert found.plan.work.asked.settings.peer_limit == mapcore.cluster.MaxPeers(
        count=5, after="failover", reserve=0
    )


def test_chances_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    placed = EVEN.with_current(mapcore.plan(EVEN).target)
    compare_max_peers(placed, [10, 4]).plot(tmp_path / "losses.png")
    assert (tmp_path / "losses.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_asked_is_an_error() -> None:
    with pytest.raises(ValueError, match="found 0 peers, expected at least 1"):
        compare_max_peers(EVEN, [0])
    two = EVEN.with_maps({"a": EVEN.maps["map"], "b": EVEN.maps["map"]})
    with pytest.raises(PlanError, match="found 2 maps, expected the name of one"):
        compare_max_peers(two, [4])

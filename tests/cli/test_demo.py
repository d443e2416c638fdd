from __future__ import annotations

import json
import re

import numpy as np
import pytest

from mapcore.cli.demo_checks import check_map, check_moves, check_routes
from mapcore.maps import PartitionMap
from mapcore.states import Placement, state_code
from tests.cli.conftest import Run

SMALL = ("--nodes", "400", "--partitions", "1024", "--keys", "20000")
MASTER, SLAVE = state_code(Placement.MASTER), state_code(Placement.SLAVE)


def test_the_demo_keeps_its_promises_and_says_what_moved(run: Run) -> None:
    result = run("demo", *SMALL)
    assert result.exit_code == 0, result.stdout
    shown = result.stdout
    assert shown.startswith("400 nodes in 8 zones, 1,024 partitions x 3 copies\n")
    for stage in ("plan a fresh map", "lose zone", "route 20,000 keys", "compare the two maps"):
        assert re.search(rf"^ *{stage}.* ms", shown, flags=re.MULTILINE), stage
    assert re.search(r"^\d+ of 3,072 copies, for the loss of 50 of 400 nodes", shown, re.MULTILINE)
    assert "BROKEN" not in shown


def test_the_same_seed_gives_the_same_demo(run: Run) -> None:
    def outcome(seed: str) -> dict[str, object]:
        document = json.loads(run("demo", *SMALL, "--json", "--seed", seed).stdout)
        del document["stages"]
        return dict(document)

    assert outcome("3") == outcome("3")
    assert outcome("3") != outcome("4")


def test_a_program_gets_one_json_document(run: Run) -> None:
    result = run("demo", *SMALL, "--json")
    assert result.exit_code == 0
    read = json.loads(result.stdout)
    assert all(check["kept"] for check in read["checks"])
    assert read["lostNodes"] == 50
    assert read["changes"]["moves"] == read["changes"]["drops"]
    assert read["balance"]["before"]["copies"]["max"] == 8
    assert {"stage", "seconds", "result"} == set(read["stages"][0])


@pytest.mark.parametrize(
    "size",
    [
        ("--nodes", "9", "--zones", "3", "--partitions", "60", "--copies", "2"),
        ("--nodes", "6", "--zones", "2", "--partitions", "7", "--copies", "3"),
        ("--nodes", "4", "--zones", "4", "--partitions", "1", "--copies", "1"),
        ("--nodes", "11", "--zones", "5", "--partitions", "64", "--seed", "2"),
    ],
)
def test_small_clusters_keep_their_promises_too(run: Run, size: tuple[str, ...]) -> None:
    result = run("demo", *size, "--keys", "100")
    assert result.exit_code == 0, result.stdout


def test_a_cluster_that_could_not_lose_a_zone_is_refused(run: Run) -> None:
    result = run("demo", "--nodes", "4", "--zones", "2", "--copies", "3")
    assert result.exit_code == 2
    assert "expected enough for 3 copies after the loss of a zone" in result.stderr


# The checks themselves: each finds what it is there for


ZONES = np.array([0, 1, 2, 0, 1, 2])
GOOD = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 5], [5, 0]]


def table(rows: list[list[int]]) -> PartitionMap:
    return PartitionMap.from_table(rows, [MASTER, SLAVE], list("abcdef"))


def broken(rows: list[list[int]], lost_zone: int | None = None) -> set[str]:
    return {
        check.promise for check in check_map(table(rows), ZONES, 2, lost_zone) if not check.is_kept
    }


def test_a_good_map_passes() -> None:
    assert broken(GOOD) == set()


def test_checks_find_missing_copies() -> None:
    assert broken([*GOOD[:5], [5, -1]]) >= {"every partition has 2 copies, one of them master"}


def test_checks_find_copies_in_one_zone() -> None:
    assert broken([*GOOD[:3], [3, 0], *GOOD[4:]]) >= {
        "at most 1 of a partition's copies in one zone"
    }


def test_checks_find_copies_on_lost_nodes() -> None:
    assert broken(GOOD, lost_zone=2) >= {"no copy on a node that is lost"}


def test_checks_find_uneven_masters() -> None:
    rows = [[0, 1], [0, 2], [0, 4], [3, 1], [3, 2], [0, 5]]
    assert "masters of the nodes of a zone differ by at most 1" in broken(rows)


def test_checks_find_needless_moves() -> None:
    live = ZONES != 2
    after = [[0, 1], [1, 0], [4, 3], [3, 4], [4, 3], [1, 0]]
    assert check_moves(table(GOOD), table(after), live, 0).is_kept
    one_more = table([[3, 1], *after[1:]])
    assert not check_moves(table(GOOD), one_more, live, 0).is_kept
    assert check_moves(table(GOOD), one_more, live, 5).is_kept


def test_checks_find_wrong_routes() -> None:
    held = table(GOOD)
    keys = np.array([b"k%d" % number for number in range(50)])
    partitions = np.array([held.keys.partition(bytes(key)) for key in keys], np.int32)
    nodes = held.copy_nodes[held.offsets[partitions]]
    assert check_routes(held, keys, partitions, nodes).is_kept
    nodes[7] += 1
    assert not check_routes(held, keys, partitions, nodes).is_kept

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, one_map, partitions

RING = {
    "settings": {"constraints": {"master": 1, "slave": 1}},
    "nodes": {name: {} for name in "abcdef"},
    "map": {"type": "current"}
    | partitions(
        *(
            {"master": [master], "slave": [slave]}
            for master in "abcdef"
            for slave in "abcdef"
            if master != slave
        )
    ),
}

TWO = ("--max-peers", "2", "--reserve", "0")


def test_peers_of_nodes_are_counted(run: Run) -> None:
    result = run("fanout", COUCHBASE)
    assert result.exit_code == 0
    assert "losing 3 nodes at once loses a partition: " in result.stdout
    assert "nodes with the most peers" in result.stdout


def test_a_program_gets_one_json_document(run: Run, write: Write) -> None:
    read = json.loads(run("fanout", write(one_map()), "--after", "plan", "--json").stdout)
    assert read["after"] == "plan"
    assert {"node", "copies", "fanOut", "fanIn", "scatterWidth"} == set(read["nodes"][0])
    assert [chance["nodes"] for chance in read["lossChances"]] == [2, 3]


def test_the_matrix_has_a_line_for_each_node(run: Run, write: Write) -> None:
    lines = run("fanout", write(one_map()), "--matrix").stdout.splitlines()
    assert all(" -> " in line for line in lines)
    assert len(lines) == len({line.split(" -> ")[0] for line in lines})


def test_more_lost_nodes_than_there_are_is_wrong_use(run: Run, write: Write) -> None:
    result = run("fanout", write(one_map()), "--lose", "99")
    assert result.exit_code == 2
    assert "--lose: found 99" in result.stderr


def test_limits_are_planned_and_shown_beside_the_map_as_it_is(run: Run, write: Write) -> None:
    result = run("fanout", write(RING), "--max-peers", "2", "--max-peers", "4", "--reserve", "0")
    assert result.exit_code == 0
    header, as_it_is, two, four, bound = result.stdout.splitlines()
    assert header.split("  ")[0] == "max peers"
    assert as_it_is.split()[:5] == ["as", "it", "is", "5", "5"]
    assert two.split()[0] == "2"
    assert int(two.split()[2]) <= 2
    assert four.split()[0] == "4"
    assert bound == "no map with balanced copies and masters has fewer than 1 peers"


def test_a_program_gets_all_limits_in_one_document(run: Run, write: Write) -> None:
    read = json.loads(run("fanout", write(RING), *TWO, "--json").stdout)
    assert read["smallestMaxPeers"] == 1
    assert [limit["maxPeers"] for limit in read["limits"]] == [None, 2]
    assert read["limits"][0]["scatterWidth"] == 5
    assert read["limits"][1]["scatterWidth"] <= 2
    before, after = (limit["lossChances"][0]["chance"] for limit in read["limits"])
    assert before == 1.0
    assert after <= 6 / 15
    assert read["limits"][1]["moves"] > 0


def test_the_matrix_of_a_plan_has_few_in_each_line(run: Run, write: Write) -> None:
    lines = run("fanout", write(RING), *TWO, "--matrix").stdout.splitlines()
    assert all(1 <= len(line.split(" -> ")[1].split()) <= 2 for line in lines)


def test_more_peers_than_asked_is_told_by_the_exit_status(run: Run, write: Write) -> None:
    document = RING | {"settings": {"constraints": {"master": 1, "slave": 2}}}
    result = run("fanout", write(document), "--max-peers", "1")
    assert result.exit_code == 1
    assert "max peers 1: settings.maxPeers 1: " in result.stdout


def test_a_limit_is_planned_as_if_nothing_were_placed(run: Run, write: Write) -> None:
    arguments = ("fanout", write(RING), "--max-peers", "5", "--json")
    kept, fresh = (
        json.loads(run(*arguments, *more).stdout)["limits"][1] for more in ([], ["--fresh"])
    )
    assert kept["moves"] == 0
    assert fresh["moves"] > 0
    assert fresh["kept"]


@pytest.mark.parametrize("limits", [("2",), ("2", "4")])
def test_plans_are_drawn(run: Run, write: Write, tmp_path: Path, limits: tuple[str, ...]) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture.png"
    options = [option for limit in limits for option in ("--max-peers", limit)]
    assert run("fanout", write(RING), *options, "--plot", str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-peers", "2", "--target"], "plans from the current map"),
        (["--max-peers", "2", "--max-peers", "3", "--matrix"], "found several --max-peers"),
        (["--max-peers", "0"], "0 is not in the range"),
        (["--max-peers", "2", "--lose", "9"], "--lose: found 9, there are 6 nodes"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_use(
    run: Run, write: Write, options: list[str], message: str
) -> None:
    result = run("fanout", write(RING), *options)
    assert result.exit_code == 2
    assert message in result.stderr

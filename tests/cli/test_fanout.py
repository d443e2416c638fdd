from __future__ import annotations

import json

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, one_map


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

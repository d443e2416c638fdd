from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import mapcore
from mapcore.cluster import Mode
from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, one_map, two_maps


def planned(run: Run, tmp_path: Path, *arguments: str) -> mapcore.Cluster:
    """Return the cluster that `plan` writes."""
    path = tmp_path / "next.json"
    result = run("plan", *arguments, "-o", str(path))
    assert result.exit_code == 0, result.stderr
    return mapcore.load(path)


def held_by(cluster: mapcore.Cluster, node: str) -> int:
    assert cluster.target is not None
    return int(cluster.target.loads()[cluster.target.nodes.number(node)])


def test_the_report_says_what_the_plan_costs(run: Run) -> None:
    result = run("plan", COUCHBASE, "--remove", "kv-03")
    assert result.exit_code == 0
    assert "remove kv-03" in result.stdout
    assert "moves" in result.stdout
    assert "\x1b" not in result.stdout


def test_the_document_with_the_target_is_written(run: Run, tmp_path: Path) -> None:
    arguments = (COUCHBASE, "--add", "kv-50@group-1", "--remove", "kv-03")
    cluster = planned(run, tmp_path, *arguments)
    assert cluster.node("kv-50").location == "group-1"
    assert held_by(cluster, "kv-03") == 0
    assert held_by(cluster, "kv-50") > 0
    current = mapcore.load(COUCHBASE).current
    assert cluster.current is not None
    assert current is not None
    assert not mapcore.diff(cluster.current, current)


def test_the_written_plan_is_what_diff_shows(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "next.json")
    report = json.loads(run("plan", COUCHBASE, "--remove", "kv-03", "--json", "-o", path).stdout)
    read = json.loads(run("diff", COUCHBASE, path, "--json").stdout)
    assert read["counts"]["moves"] == len(report["moves"])
    assert read == json.loads(run("diff", path, "--json").stdout) | {"before": read["before"]}


def test_the_document_goes_to_standard_output_and_the_report_to_standard_error(
    run: Run,
) -> None:
    result = run("plan", COUCHBASE, "--maintain", "kv-00", "-o", "-")
    assert result.exit_code == 0
    assert mapcore.loads(result.stdout).node("kv-00").mode is Mode.MAINTENANCE
    assert "maintain kv-00" in result.stderr
    clash = run("plan", COUCHBASE, "-o", "-", "--json")
    assert clash.exit_code == 2
    assert "both print to standard output" in clash.stderr


def test_a_plan_reads_a_plan_from_standard_input(run: Run) -> None:
    first = run("plan", COUCHBASE, "--remove", "kv-03", "-o", "-")
    second = run("plan", "-", "--json", stdin=first.stdout)
    assert second.exit_code == 0
    assert json.loads(second.stdout)["nodes"] == 50


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        (["--swap", "kv-03=kv-50"], lambda c: c.node("kv-50").location == "group-1"),
        (["--fail", "kv-03"], lambda c: c.node("kv-03").mode is Mode.GONE),
        (["--fail", "kv-03", "--rebuild"], lambda c: held_by(c, "kv-03") == 0),
        (["--weight", "kv-03=0.5"], lambda c: c.node("kv-03").weight == 0.5),
        (["--add", "a@b@group-2"], lambda c: c.node("a@b").location == "group-2"),
        (["--add", "x@group-1", "--add", "y@group-1"], lambda c: len(c.nodes) == 52),
    ],
)
def test_each_change_reaches_the_planner(
    run: Run, tmp_path: Path, arguments: list[str], check: Any
) -> None:
    assert check(planned(run, tmp_path, COUCHBASE, *arguments))


@pytest.mark.parametrize(("argument", "name"), [("plain", "plain"), ("user@host@", "user@host")])
def test_a_node_may_be_added_without_a_location(
    run: Run, write: Write, tmp_path: Path, argument: str, name: str
) -> None:
    path = write(two_maps())
    added = planned(run, tmp_path, path, "--map", "logs", "--add", argument).node(name)
    assert added.location == ""


def test_a_node_comes_back_from_maintenance(run: Run, tmp_path: Path) -> None:
    path = str(tmp_path / "maintained.json")
    assert run("plan", COUCHBASE, "--maintain", "kv-00", "-o", path).exit_code == 0
    assert planned(run, tmp_path, path, "--activate", "kv-00").node("kv-00").mode is Mode.ACTIVE


def test_one_of_several_maps_is_planned_by_name(run: Run, write: Write, tmp_path: Path) -> None:
    path = write(two_maps())
    cluster = planned(run, tmp_path, path, "--map", "logs")
    assert cluster.map("logs").target is not None
    before = mapcore.load(path).maps["users"].target
    assert before is not None
    assert not mapcore.diff(before, cluster.maps["users"].target or before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--swap", "kv-03"], "found 'kv-03', expected OLD=NEW"),
        (["--swap", "kv-03="], "expected OLD=NEW"),
        (["--weight", "kv-03=much"], "found 'much', expected a number"),
        (["--weight", "kv-03"], "expected NODE=W"),
        (["--add", "@group-1"], "expected NODE[@LOCATION]"),
        (["--remove", "kv-99"], "kv-99"),
        (["--add", "kv-03"], "kv-03"),
        (["--remove", "kv-03", "--maintain", "kv-03"], "in both"),
        (["-o", "/nonexistent/x.json"], "/nonexistent"),
    ],
)
def test_what_cannot_be_planned_is_said_and_exits_with_2(
    run: Run, arguments: list[str], message: str
) -> None:
    result = run("plan", COUCHBASE, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_partitions_and_nodes_are_explained_instead_of_reported(run: Run) -> None:
    arguments = (COUCHBASE, "--remove", "kv-03", "--explain", "61", "--explain", "kv-03")
    result = run("plan", *arguments)
    assert result.exit_code == 0
    planned = mapcore.plan(mapcore.load(COUCHBASE), remove=["kv-03"])
    assert result.stdout == (
        f"{planned.explain(partition='61')}\n\n{planned.explain(node='kv-03')}\n"
    )
    read = json.loads(run("plan", *arguments, "--json").stdout)
    assert read["explanations"][0] == json.loads(
        json.dumps(planned.explain(partition="61").to_dict())
    )


def test_a_name_of_a_partition_and_of_a_node_explains_both(run: Run, write: Write) -> None:
    document = one_map()
    document["nodes"]["1"] = document["nodes"]["a"]
    found = json.loads(run("plan", write(document), "--explain", "1", "--json").stdout)
    assert [next(iter(each)) for each in found["explanations"]] == ["partition", "node"]


@pytest.mark.parametrize("name", ["9999", "kv-99"])
def test_what_is_not_there_cannot_be_explained(run: Run, name: str) -> None:
    result = run("plan", COUCHBASE, "--explain", name)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"mapcore: {COUCHBASE}: explain: found '{name}', expected")


def test_the_report_says_how_many_rounds_to_expect(run: Run) -> None:
    arguments = (COUCHBASE, "--remove", "kv-03", "--add", "kv-50@group-1")
    schedule = mapcore.schedule(
        mapcore.plan(mapcore.load(COUCHBASE), remove=["kv-03"], add={"kv-50": "group-1"})
    )
    assert (
        f"rounds        {schedule.rounds}  no schedule has less" in run("plan", *arguments).stdout
    )
    found = json.loads(run("plan", *arguments, "--json").stdout)
    assert found["expected"] == {"rounds": schedule.rounds, "roundsBound": schedule.bound}


def test_the_report_says_how_much_time_to_expect_where_sizes_and_rates_are_known(
    run: Run, write: Write
) -> None:
    document = one_map()
    document["config"] = {"maxBytesPerSecondPerStream": 1000}
    for partition in document["map"]["partitions"].values():
        partition["size"] = 60_000
    path = write(document)
    found = json.loads(run("plan", path, "--add", "new@z1/r1", "--json").stdout)
    assert found["expected"]["seconds"] >= found["expected"]["secondsBound"] >= 60
    assert "\ntime          0:0" in run("plan", path, "--add", "new@z1/r1").stdout


def test_a_policy_is_loaded_from_a_module_of_the_working_directory(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("numba")
    (tmp_path / "my_policies.py").write_text(
        "import mapcore\n"
        "def by_node(partition, node):\n    return node * partition % 7\n"
        "def by_array(partition, node, numbers):\n    return numbers[node]\n"
        "made = mapcore.policy(by_array, list(range(51)))\n"
    )
    monkeypatch.chdir(tmp_path)
    for name, shown in (("by_node", "by_node"), ("made", "by_array")):
        result = run("plan", COUCHBASE, "--remove", "kv-03", "--policy", f"my_policies:{name}")
        assert result.exit_code == 0, result.stderr
        assert f"policy {shown}: scores of new copies add up to" in result.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "found 'nothing', expected MODULE:FUNCTION"),
        ("no_such_module:f", "ModuleNotFoundError"),
        ("math:no_such_function", "AttributeError"),
        ("math:pi", "found 3.14"),
        ("math:sqrt", "expected a plain Python function"),
    ],
)
def test_a_policy_that_cannot_be_loaded_exits_with_2(run: Run, name: str, message: str) -> None:
    pytest.importorskip("numba")
    result = run("plan", COUCHBASE, "--policy", name)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_plan_is_drawn(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "plan.png"
    assert run("plan", COUCHBASE, "--remove", "kv-03", "--plot", str(path)).exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_drawn_exits_with_2(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = run("plan", COUCHBASE, "--plot", str(tmp_path / "plan.png"))
    assert result.exit_code == 2
    assert "pip install 'mapcore[plot]'" in result.stderr


def test_a_failed_plan_writes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "next.json"
    path.write_text("before")
    assert run("plan", COUCHBASE, "--remove", "kv-99", "-o", str(path)).exit_code == 2
    assert path.read_text() == "before"


def test_a_plan_that_falls_short_says_so_and_fails_if_strict(run: Run, write: Write) -> None:
    document = one_map()
    document["settings"]["constraints"]["slave"] = 9
    path = write(document)
    assert run("plan", path).exit_code == 0
    result = run("plan", path, "--strict", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["warnings"]


def test_several_maps_are_planned_together_and_written_as_one_document(
    run: Run, write: Write, tmp_path: Path
) -> None:
    path = write(two_maps())
    result = run("plan", path, "--remove", "a")
    assert result.exit_code == 0, result.stderr
    assert "plan of 2 maps" in result.stdout
    assert "all maps" in result.stdout
    cluster = planned(run, tmp_path, path, "--remove", "a")
    for name in ("users", "logs"):
        target = cluster.maps[name].target
        assert target is not None
        assert target.loads()[target.nodes.number("a")] == 0
    assert run("validate", str(tmp_path / "next.json")).exit_code == 0


def test_plans_of_several_maps_are_one_document_of_json(run: Run, write: Write) -> None:
    document = json.loads(run("plan", write(two_maps()), "--json").stdout)
    assert set(document["maps"]) == {"users", "logs"}
    assert document["moves"] == sum(len(each["moves"]) for each in document["maps"].values())


def test_a_node_is_explained_in_every_map(run: Run, write: Write) -> None:
    result = run("plan", write(two_maps()), "--explain", "a").stdout
    assert result.count("node a") == 2
    assert "map users\nnode a" in result


def test_a_picture_of_several_maps_needs_the_name_of_one(run: Run, write: Write) -> None:
    result = run("plan", write(two_maps()), "--plot", "balance.png")
    assert result.exit_code == 2
    assert "found 2 maps, expected the name of one (--map)" in result.stderr


def test_partitions_without_a_copy_in_reach_are_named_and_the_plan_falls_short(
    run: Run, write: Write
) -> None:
    document = one_map()
    nodes = [name for row in document["map"]["partitions"]["0"].values() for name in row]
    failed = [part for name in nodes for part in ("--fail", name)]
    path = str(write(document))
    result = run("plan", path, *failed, "--swap", f"{nodes[0]}=new", "--strict", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert "0" in report["lost"]
    assert report["warnings"][0].startswith("no live copy is left of ")
    assert all(move["source"] not in (None, *nodes) for move in report["moves"])

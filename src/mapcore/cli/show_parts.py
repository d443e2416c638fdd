"""`mapcore show --partition P` and `--node N`: one partition or node and the copies there."""

from __future__ import annotations

from typing import Any

import click
import msgspec
import numpy as np

from mapcore.cli.inputs import Form, choose_form, choose_map, fail
from mapcore.cli.rendering import Table, heading, print_json, print_table, styled
from mapcore.cluster import SOLE_MAP, Cluster
from mapcore.health import map_health, node_health
from mapcore.keys import RangeKeys
from mapcore.maps import PartitionMap
from mapcore.states import describe_code, placement_of

__all__ = ["show_node", "show_partition"]


def show_partition(
    cluster: Cluster,
    doc: str,
    map_name: str | None,
    form: Form | None,
    partition: str,
    as_json: bool,
) -> None:
    """Print one partition: its health, keys, source and copies."""
    name, entry = choose_map(cluster, doc, map_name)
    form, held = choose_form(entry, doc, form or "current", "target", only=bool(form))
    try:
        number = held.keys.number(partition)
    except KeyError:
        fail(doc, f"map {name}: found no partition called {partition!r}, {_expected(held)}")
    health = map_health(held, entry.settings, cluster.nodes)
    locations = {node.name: node.location for node in cluster.nodes}
    copies = held.copies(number)
    if as_json:
        print_json(
            {
                "map": name,
                "type": form,
                "partition": partition,
                "health": health.of(number).value,
                **_facts(held, number),
                "copies": [
                    {
                        "node": copy.node,
                        "location": locations.get(copy.node, ""),
                        "placement": copy.placement.label,
                        "running": copy.running.label,
                        "state": describe_code(copy.code),
                    }
                    for copy in copies
                ],
            }
        )
        return
    of_map = "" if name == SOLE_MAP else f" of map {name}"
    click.echo(f"partition {partition}{of_map}, {form}")
    level = health.of(number).value
    click.echo("health: " + health.describe(number).replace(level, styled(level, fg=level), 1))
    for fact, value in _facts(held, number).items():
        click.echo(f"{fact}: {value}")
    heading("copies")
    print_table(
        Table(
            ["node", "location", "state"],
            (
                (copy.node, locations.get(copy.node, ""), describe_code(copy.code))
                for copy in copies
            ),
        )
    )


def show_node(
    cluster: Cluster, doc: str, map_name: str | None, form: Form | None, node: str, as_json: bool
) -> None:
    """Print one node: what the document says of it, and its copies in each map or in one."""
    if node not in cluster.node_index:
        fail(doc, f"found no node called {node!r}, expected one of {len(cluster.nodes):,} nodes")
    described = cluster.node(node)
    names = [choose_map(cluster, doc, map_name)[0]] if map_name else list(cluster.maps)
    chosen: dict[str, PartitionMap] = {}
    for name in names:
        entry = cluster.maps[name]
        if form is not None or entry.current is not None or entry.target is not None:
            _, chosen[name] = choose_form(entry, doc, form or "current", "target", only=bool(form))
    copies = [
        (name, partition, code)
        for name, held in chosen.items()
        for partition, code in _copies_on(held, node)
    ]
    facts = {
        "name": node,
        "location": described.location,
        "health": node_health(described).value,
        "mode": described.mode.value,
        "weight": described.weight,
        "tags": list(described.tags),
        "volumes": msgspec.to_builtins(described.volumes),
    }
    if as_json:
        print_json(
            facts
            | {
                "copies": [
                    {"map": name, "partition": partition, "state": describe_code(code)}
                    for name, partition, code in copies
                ]
            }
        )
        return
    click.echo(f"node {node}")
    for fact in ("location", "health", "mode", "weight"):
        click.echo(f"{fact}: {facts[fact] or '-'}")
    if described.tags:
        click.echo("tags: " + ", ".join(described.tags))
    for volume in described.volumes:
        capacity = "" if volume.capacity is None else f", {volume.capacity:,} bytes"
        click.echo(f"volume: {volume.type} {volume.path or '-'}{capacity}")
    by_state: dict[str, int] = {}
    for _, _, code in copies:
        label = placement_of(code).label
        by_state[label] = by_state.get(label, 0) + 1
    counts = ", ".join(f"{count:,} {label}" for label, count in by_state.items())
    click.echo(f"copies: {len(copies):,}" + (f" ({counts})" if counts else ""))
    heading("copies")
    shows_map = list(chosen) != [SOLE_MAP]
    print_table(
        Table(
            [*["map"] * shows_map, "partition", "state"],
            (
                (*[name] * shows_map, partition, describe_code(code))
                for name, partition, code in copies
            ),
        )
    )


def _copies_on(held: PartitionMap, node: str) -> list[tuple[str, int]]:
    """Return (partition name, state code) of each copy on a node, masters first."""
    if node not in held.nodes:
        return []
    positions = np.flatnonzero(held.copy_nodes == held.nodes.number(node))
    rows = np.searchsorted(held.offsets, positions, side="right") - 1
    copies = [
        (held.keys.name(row), code)
        for row, code in zip(rows.tolist(), held.copy_codes[positions].tolist(), strict=True)
    ]
    return sorted(copies, key=lambda copy: -placement_of(copy[1]))


def _facts(held: PartitionMap, number: int) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if isinstance(held.keys, RangeKeys):
        bounds = held.keys.ranges[number]
        facts["start"] = bounds.start.decode(errors="backslashreplace")
        facts["end"] = None if bounds.end is None else bounds.end.decode(errors="backslashreplace")
    if number in held.sources:
        facts["source"] = held.sources[number]
    if held.sizes is not None:
        facts["size"] = int(held.sizes[number])
    if held.weights is not None:
        facts["weight"] = float(held.weights[number])
    return facts


def _expected(held: PartitionMap) -> str:
    last = held.partition_count - 1
    return f"expected {held.keys.name(0)} to {held.keys.name(last)}"

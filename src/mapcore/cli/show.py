"""`mapcore show`: a document's nodes, zones, balance, health and settings."""

from __future__ import annotations

from typing import Any, Final

import click
import msgspec
import numpy as np

from mapcore.cli.figures import balance_of, level_groups, node_loads, sharing_nodes
from mapcore.cli.inputs import (
    Form,
    choose_form,
    choose_map,
    document_argument,
    form_options,
    json_option,
    map_option,
    name_completion,
    read_cluster,
)
from mapcore.cli.rendering import Table, heading, print_json, print_table, styled
from mapcore.cli.show_parts import show_node, show_partition
from mapcore.cli.show_tables import show_transitions
from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Settings
from mapcore.health import LEVELS, MapHealth, cluster_health, map_health, node_health
from mapcore.maps import PartitionMap

__all__ = ["show"]

TERMINAL_ROWS: Final = 40


@click.command()
@document_argument(required=False, metavar="[DOC]")
@map_option
@form_options
@click.option("--partition", metavar="P", help="Show one partition and its copies.")
@click.option(
    "--node",
    metavar="N",
    shell_complete=name_completion("node"),
    help="Show one node and its copies.",
)
@click.option("--transitions", is_flag=True, help="Print the transition tables; needs no DOC.")
@json_option
def show(
    doc: str | None,
    map_name: str | None,
    form: Form | None,
    partition: str | None,
    node: str | None,
    transitions: bool,
    as_json: bool,
) -> None:
    """Show nodes, zones, balance, health and settings.

    Without --map all maps are shown; of each the current one, or the target where there is no
    other.
    """
    if transitions:
        show_transitions(as_json)
        return
    if doc is None:
        raise click.UsageError("Missing argument 'DOC'.")
    cluster = read_cluster(doc)
    if partition is not None:
        show_partition(cluster, doc, map_name, form, partition, as_json)
    elif node is not None:
        show_node(cluster, doc, map_name, form, node, as_json)
    else:
        _show_cluster(cluster, doc, map_name, form, as_json)


def _show_cluster(
    cluster: Cluster, doc: str, map_name: str | None, form: Form | None, as_json: bool
) -> None:
    if map_name is not None:
        name, entry = choose_map(cluster, doc, map_name)
        maps = {name: entry}
    else:
        maps = dict(cluster.maps)
    chosen: dict[str, tuple[Form, PartitionMap]] = {}
    for name, entry in maps.items():
        if form is not None or entry.current is not None or entry.target is not None:
            chosen[name] = choose_form(entry, doc, form or "current", "target", only=bool(form))
    if as_json:
        print_json(_to_dict(cluster, maps, chosen))
        return
    _print_summary(cluster)
    for name, entry in maps.items():
        _print_map(cluster, name, entry, chosen.get(name))
    heading("nodes")
    print_table(_nodes_table(cluster, chosen), TERMINAL_ROWS)


def _print_summary(cluster: Cluster) -> None:
    health = cluster_health(cluster)
    overall = styled(health.overall.value, fg=health.overall.value)
    nodes = ", ".join(f"{health.nodes[level]:,} {level.value}" for level in LEVELS)
    click.echo(f"health: {overall}")
    click.echo(f"nodes: {len(cluster.nodes):,} ({nodes})")
    if cluster.config.max_full_scans_per_volume_type:
        limits = cluster.config.max_full_scans_per_volume_type.items()
        click.echo("full scans at once: " + ", ".join(f"{kind} {n}" for kind, n in limits))


def _print_map(
    cluster: Cluster, name: str, entry: ClusterMap, chosen: tuple[Form, PartitionMap] | None
) -> None:
    title = "map" if name == SOLE_MAP else f"map {name}"
    heading(title)
    for setting, value in _settings_dict(entry.settings).items():
        if value not in (None, {}, []):
            click.echo(f"{setting}: {_plain(value)}")
    if chosen is None:
        click.echo("map: none yet")
        return
    form, held = chosen
    click.echo(
        f"{form}: {held.partition_count:,} partitions, {held.copy_count:,} copies, "
        f"{held.keys.label}, version {held.version}"
    )
    health = map_health(held, entry.settings, cluster.nodes)
    counts = ", ".join(f"{health.counts[level]:,} {level.value}" for level in LEVELS)
    click.echo(f"health: {styled(health.overall.value, fg=health.overall.value)} ({counts})")
    _print_unwell(held, health)
    loads = node_loads(cluster, held)
    sharing = sharing_nodes(cluster)
    click.echo(f"copies: {balance_of(loads.copies[sharing])}")
    click.echo(f"masters: {balance_of(loads.masters[sharing])}")
    for level, groups in level_groups(cluster.nodes, entry.settings.levels).items():
        table = Table([level, "nodes", "weight", "copies", "masters", "fewest", "most"])
        for value, numbers in groups.items():
            balance = balance_of(loads.copies[[n for n in numbers if sharing[n]]])
            weight = float(sum(cluster.nodes[number].weight for number in numbers))
            table.add(
                value,
                len(numbers),
                weight,
                int(loads.copies[numbers].sum()),
                int(loads.masters[numbers].sum()),
                balance.least,
                balance.most,
            )
        heading(f"{title}, by {level}")
        print_table(table, TERMINAL_ROWS)


def _print_unwell(held: PartitionMap, health: MapHealth, limit: int = 5) -> None:
    """Name the first partitions that are not green, the worst first."""
    unwell = np.flatnonzero(health.levels)
    worst_first = unwell[np.argsort(-health.levels[unwell].astype(np.int64), kind="stable")]
    for partition in worst_first[:limit].tolist():
        click.echo(f"  {held.keys.name(partition)} {health.describe(partition)}")
    if len(unwell) > limit:
        click.echo(f"  and {len(unwell) - limit:,} more")


def _settings_dict(settings: Settings) -> dict[str, Any]:
    """Return what is asked for, defaults included, with the names of the document."""
    return {
        "assignment": settings.assignment.value,
        "constraints": {
            "master": settings.constraints.master,
            "slave": settings.constraints.slave,
        },
        "numPartitions": settings.num_partitions,
        "keyFunc": settings.key_func,
        "levels": list(settings.levels),
        "spread": list(settings.spread_levels),
        "rules": msgspec.to_builtins(settings.rules),
        "maxPeers": msgspec.to_builtins(settings.max_peers),
        "quorum": msgspec.to_builtins(settings.quorum),
        "balance": msgspec.to_builtins(settings.balance),
    }


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_plain, value))
    return str(value)


def _nodes_table(cluster: Cluster, chosen: dict[str, tuple[Form, PartitionMap]]) -> Table:
    suffixes = {name: f" {name}" if len(chosen) > 1 else "" for name in chosen}
    header = ["node", "location", "health", "mode", "weight"]
    per_map = []
    for name, (_, held) in chosen.items():
        header += [f"masters{suffixes[name]}", f"copies{suffixes[name]}"]
        loads = node_loads(cluster, held)
        per_map += [loads.masters.tolist(), loads.copies.tolist()]
    return Table(
        header,
        (
            (
                node.name,
                node.location,
                node_health(node).value,
                node.mode.value,
                float(node.weight),
                *counts,
            )
            for node, *counts in zip(cluster.nodes, *per_map, strict=True)
        ),
    )


def _to_dict(
    cluster: Cluster,
    maps: dict[str, ClusterMap],
    chosen: dict[str, tuple[Form, PartitionMap]],
) -> dict[str, Any]:
    loads = {name: node_loads(cluster, held) for name, (_, held) in chosen.items()}
    nodes = {
        node.name: {
            "location": node.location,
            "health": node_health(node).value,
            "mode": node.mode.value,
            "weight": node.weight,
            "maps": {
                name: {
                    "masters": int(counted.masters[number]),
                    "slaves": int(counted.slaves[number]),
                    "copies": int(counted.copies[number]),
                }
                for name, counted in loads.items()
            },
        }
        for number, node in enumerate(cluster.nodes)
    }
    sharing = sharing_nodes(cluster)
    described: dict[str, dict[str, Any]] = {}
    for name, entry in maps.items():
        described[name] = {"settings": _settings_dict(entry.settings)}
        if name not in chosen:
            continue
        form, held = chosen[name]
        counted = loads[name]
        health = map_health(held, entry.settings, cluster.nodes)
        described[name] |= {
            "type": form,
            "keyFunc": held.keys.label,
            "version": list(held.version),
            "partitions": held.partition_count,
            "copies": held.copy_count,
            "health": {
                "overall": health.overall.value,
                **{level.value: count for level, count in health.counts.items()},
            },
            "balance": {
                "copies": balance_of(counted.copies[sharing]).to_dict(),
                "masters": balance_of(counted.masters[sharing]).to_dict(),
            },
            "levels": {
                level: {
                    value: {
                        "nodes": len(numbers),
                        "copies": int(counted.copies[numbers].sum()),
                        "masters": int(counted.masters[numbers].sum()),
                    }
                    for value, numbers in groups.items()
                }
                for level, groups in level_groups(cluster.nodes, entry.settings.levels).items()
            },
        }
    return {"health": cluster_health(cluster).to_dict(), "maps": described, "nodes": nodes}

"""`mapcore fanout`: with how many others each node exchanges data."""

from __future__ import annotations

import sys
from typing import Final

import click

import mapcore
from mapcore.cli.inputs import (
    Form,
    choose_form,
    choose_map,
    document_argument,
    fail,
    form_options,
    json_option,
    map_option,
    read_cluster,
)
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, heading, print_json, print_table
from mapcore.cluster import Cluster
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.fanout.measuring import fanout as measure

__all__ = ["fanout"]

_TERMINAL_ROWS: Final = 20
_LOSE: Final = (2, 3)
_MORE_PEERS: Final = 1


@click.command()
@document_argument()
@map_option
@form_options
@click.option(
    "--max-peers",
    "limits",
    metavar="N",
    type=click.IntRange(min=1),
    multiple=True,
    help="Plan with no more peers of a node; several times to compare.",
)
@click.option(
    "--after",
    type=click.Choice(["plan", "failover"]),
    default="failover",
    show_default=True,
    help="Whom a node replicates to as planned, or may have to after a failover.",
)
@click.option(
    "--reserve",
    metavar="R",
    type=click.IntRange(min=0),
    default=2,
    show_default=True,
    help="How many of N peers a first plan leaves unused.",
)
@click.option("--fresh", is_flag=True, help="Plan as if nothing were placed yet.")
@click.option(
    "--lose",
    metavar="K",
    type=click.IntRange(min=1),
    multiple=True,
    default=_LOSE,
    show_default=True,
    help="Tell how likely the loss of K nodes at once loses a partition.",
)
@click.option("--matrix", is_flag=True, help="Print who exchanges how many partitions with whom.")
@click.option(
    "--plot",
    metavar="PATH",
    help="Draw that as a heat map, too; with several N, the chances of loss.",
)
@json_option
def fanout(
    doc: str,
    map_name: str | None,
    form: Form | None,
    limits: tuple[int, ...],
    after: Reading,
    reserve: int,
    fresh: bool,
    lose: tuple[int, ...],
    matrix: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Show with how many others each node exchanges data.

    Counts fan-out, fan-in and scatter width of the nodes of a map as it is, how evenly partitions
    are shared out over pairs of nodes, and how likely the loss of a few nodes at once loses a
    partition. Takes the current map, or else the target.

    With --max-peers, plans within that number of peers from the current map, and shows both side by
    side. `mapcore plan` does the same where the settings have maxPeers, and writes the plan.

    Exit status: 0 done, 1 a plan has more peers than asked, 2 wrong use or a document that cannot
    be read.
    """
    cluster = read_cluster(doc)
    name, entry = choose_map(cluster, doc, map_name)
    if limits:
        if form is not None:
            raise click.UsageError("--max-peers plans from the current map: leave out --target.")
        if matrix and len(limits) > 1:
            raise click.UsageError("--matrix: found several --max-peers, expected one.")
        _compare(cluster, name, limits, after, reserve, fresh, lose, matrix, plot, as_json)
        return
    _, held = choose_form(entry, doc, form or "current", "target", only=form is not None)
    if held.node_count == 0:
        fail(doc, "found a map without nodes, expected some")
    lose = _within(lose, held.node_count)
    with progress("counting"):
        measured = measure(held, after=after)
    if plot is not None:
        measured.plot(plot)
    if as_json:
        chances = [measured.loss_chance(count) for count in lose]
        print_json(
            measured.to_dict()
            | {
                "lossChances": [
                    {"nodes": found.nodes, "chance": found.chance, "exact": found.is_exact}
                    for found in chances
                ]
            }
        )
        return
    if matrix:
        for line in measured.rows():
            click.echo(line)
        return
    click.echo(measured.report(lose=lose))
    heading("nodes with the most peers")
    columns = ["node", "copies", "fan-out", "fan-in", "scatter width"]
    print_table(Table(columns, measured.busiest()), _TERMINAL_ROWS)


def _compare(
    cluster: Cluster,
    name: str,
    limits: tuple[int, ...],
    after: Reading,
    reserve: int,
    fresh: bool,
    lose: tuple[int, ...],
    matrix: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Plan within each limit, print what comes of it, and exit."""
    lose = _within(lose, len(cluster.nodes))
    with progress("planning"):
        compared = mapcore.compare_max_peers(
            cluster, limits, map=name, after=after, reserve=reserve, fresh=fresh, lose=lose
        )
    last = compared.limits[-1]
    if plot is not None:
        (compared if len(limits) > 1 else last.measured).plot(plot)
    if as_json:
        print_json(compared.to_dict())
    elif matrix:
        for line in last.measured.rows():
            click.echo(line)
    else:
        print_table(Table(compared.header, compared.rows()))
        click.echo(
            f"no map with balanced copies and masters has fewer than {compared.fewest:,} peers"
        )
        for found in compared.limits:
            for warning in () if found.plan is None else found.plan.warnings:
                click.echo(f"max peers {found.max_peers}: {warning}")
    if not all(found.is_kept for found in compared.limits):
        sys.exit(_MORE_PEERS)


def _within(lose: tuple[int, ...], node_count: int) -> tuple[int, ...]:
    """Return the numbers of lost nodes that there are; one that was asked for must be."""
    too_many = [count for count in lose if count > node_count]
    if too_many and lose != _LOSE:
        raise click.UsageError(f"--lose: found {too_many[0]}, there are {node_count:,} nodes.")
    return tuple(count for count in lose if count <= node_count)

"""`mapcore fanout`: with how many others each node exchanges data."""

from __future__ import annotations

from typing import Final

import click

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
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.fanout.measuring import fanout as measure

__all__ = ["fanout"]

_TERMINAL_ROWS: Final = 20
_LOSE: Final = (2, 3)


@click.command()
@document_argument()
@map_option
@form_options
@click.option(
    "--after",
    type=click.Choice(["plan", "failover"]),
    default="failover",
    show_default=True,
    help="Whom a node replicates to as planned, or may have to after a failover.",
)
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
@click.option("--plot", metavar="PATH", help="Draw that as a heat map, too.")
@json_option
def fanout(
    doc: str,
    map_name: str | None,
    form: Form | None,
    after: Reading,
    lose: tuple[int, ...],
    matrix: bool,
    plot: str | None,
    as_json: bool,
) -> None:
    """Show with how many others each node exchanges data.

    Counts fan-out, fan-in and scatter width of the nodes of a map as it is, how evenly partitions
    are shared out over pairs of nodes, and how likely the loss of a few nodes at once loses a
    partition. Takes the current map, or else the target.

    Exit status: 0 done, 2 wrong use or a document that cannot be read.
    """
    cluster = read_cluster(doc)
    _, entry = choose_map(cluster, doc, map_name)
    _, held = choose_form(entry, doc, form or "current", "target", only=form is not None)
    if held.node_count == 0:
        fail(doc, "found a map without nodes, expected some")
    too_many = [count for count in lose if count > held.node_count]
    if too_many and lose != _LOSE:
        raise click.UsageError(f"--lose: found {too_many[0]}, there are {held.node_count:,} nodes.")
    lose = tuple(count for count in lose if count <= held.node_count)
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

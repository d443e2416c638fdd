"""`mapcore diff`: what differs between two maps."""

from __future__ import annotations

from typing import Any, Final

import click

import mapcore
from mapcore.cli.inputs import (
    STDIN,
    Form,
    choose_form,
    choose_map,
    document_argument,
    form_options,
    json_option,
    map_option,
    read_cluster,
)
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, heading, print_json, print_table
from mapcore.cluster import SOLE_MAP
from mapcore.differences import MapDiff
from mapcore.states import describe_code

__all__ = ["diff"]

DIFFER: Final = 1
TERMINAL_ROWS: Final = 20


@click.command()
@document_argument("a")
@document_argument("b", required=False, metavar="[B]")
@map_option
@form_options
@click.option("--summary", is_flag=True, help="Print the counts, but not each change.")
@json_option
@click.pass_context
def diff(
    ctx: click.Context,
    a: str,
    b: str | None,
    map_name: str | None,
    form: Form | None,
    summary: bool,
    as_json: bool,
) -> None:
    """Show the copies that differ between two maps.

    Compares A's current map with B's target map; a document that has only one of the two gives
    that one. Without B, compares the current map of A with its target. With --current or --target
    that map is taken from both.

    Exit status: 0 no difference, 1 the maps differ, 2 wrong use or unreadable documents.
    """
    if b is None and form is not None:
        raise click.UsageError("--current and --target compare two documents: found one.")
    if a == b == STDIN:
        raise click.UsageError("only one of the documents can be standard input.")
    cluster_a = read_cluster(a)
    cluster_b = cluster_a if b is None else read_cluster(b)
    name_a, entry_a = choose_map(cluster_a, a, map_name)
    name_b, entry_b = choose_map(cluster_b, b or a, map_name)
    is_strict = form is not None or b is None
    form_a, before = choose_form(entry_a, a, form or "current", "target", only=is_strict)
    form_b, after = choose_form(entry_b, b or a, form or "target", "current", only=is_strict)
    with progress("comparing"):
        difference = mapcore.diff(before, after)
    sides = [
        {"document": a, "map": name_a, "type": form_a},
        {"document": b or a, "map": name_b, "type": form_b},
    ]
    if as_json:
        document = {"before": sides[0], "after": sides[1]} | difference.to_dict()
        if summary:
            del document["changes"]
        print_json(document)
    else:
        _print(difference, sides, with_changes=not summary)
    ctx.exit(DIFFER if difference else 0)


def _print(difference: MapDiff, sides: list[dict[str, Any]], *, with_changes: bool) -> None:
    for side, what in zip(sides, ("before", "after"), strict=True):
        name = "" if side["map"] == SOLE_MAP else f" {side['map']}"
        click.echo(f"{what}: {side['document']}, {side['type']} map{name}")
    click.echo(difference.report(limit=0).split("\nand ")[0])
    if not (with_changes and len(difference)):
        return
    work = difference.moves_by_node()
    if work:
        heading("work by node")
        print_table(
            Table(
                ["node", "copies to fill", "copies to drop"],
                ((node, incoming, outgoing) for node, (incoming, outgoing) in work.items()),
            ),
            TERMINAL_ROWS,
        )
    heading("changes")
    rows = (
        (
            change.partition,
            change.node,
            change.kind,
            f"{describe_code(change.before)} -> {describe_code(change.after)}",
        )
        for change in difference
    )
    print_table(Table(["partition", "node", "kind", "state"], rows), TERMINAL_ROWS)

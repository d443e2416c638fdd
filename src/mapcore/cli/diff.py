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
from mapcore.cluster import SOLE_MAP, Cluster
from mapcore.differences import MapDiff
from mapcore.errors import MapcoreError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import expanded
from mapcore.states import describe_code

__all__ = ["diff"]

DIFFER: Final = 1
TERMINAL_ROWS: Final = 20
_PARTS: Final = "partitions"


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
    that one. Without B, compares the current map of A with its target; where their numbers of hash
    partitions differ, what is split or joined where it stands does not count. With --current or
    --target that map is taken from both. Of documents with the same several maps all are compared,
    without --map.

    Exit status: 0 no difference, 1 the maps differ, 2 wrong use or unreadable documents.
    """
    if b is None and form is not None:
        raise click.UsageError("--current and --target compare two documents: found one.")
    if a == b == STDIN:
        raise click.UsageError("only one of the documents can be standard input.")
    cluster_a = read_cluster(a)
    cluster_b = cluster_a if b is None else read_cluster(b)
    is_strict = form is not None or b is None
    clusters = (cluster_a, cluster_b)
    if map_name is None and len(cluster_a.maps) > 1 and set(cluster_a.maps) == set(cluster_b.maps):
        names: list[str | None] = list(cluster_a.maps)
    else:
        names = [map_name]
    found: list[tuple[list[dict[str, Any]], MapDiff]] = []
    of_one = b is None
    for name in names:
        try:
            sides, (one, other) = _choose(clusters, (a, b or a), name, form, is_strict=is_strict)
            if of_one:
                one, other = _as_many(one, other, sides)
            with progress("comparing"):
                found.append((sides, mapcore.diff(one, other)))
        except MapcoreError as error:  # of several maps, some may have nothing to compare
            if len(names) == 1 or (name == names[-1] and not found):
                raise
            click.echo(f"{name}: {error}", err=True)
    if as_json:
        documents = [_document(*each, with_changes=not summary) for each in found]
        print_json(
            documents[0]
            if len(names) == 1
            else {"maps": {each["before"]["map"]: each for each in documents}}
        )
    else:
        for number, (sides, difference) in enumerate(found):
            if number:
                click.echo()
            _print(difference, sides, with_changes=not summary)
    ctx.exit(DIFFER if any(difference or _PARTS in sides[0] for sides, difference in found) else 0)


def _choose(
    clusters: tuple[Cluster, Cluster],
    docs: tuple[str, str],
    name: str | None,
    form: Form | None,
    *,
    is_strict: bool,
) -> tuple[list[dict[str, Any]], list[PartitionMap]]:
    """Return what is compared of one map: in words, and the two maps."""
    sides, maps = [], []
    preferred: tuple[tuple[Form, Form], ...] = (("current", "target"), ("target", "current"))
    for cluster, doc, (first, second) in zip(clusters, docs, preferred, strict=True):
        found_name, entry = choose_map(cluster, doc, name)
        found_form, found = choose_form(entry, doc, form or first, second, only=is_strict)
        sides.append({"document": doc, "map": found_name, "type": found_form})
        maps.append(found)
    return sides, maps


def _as_many(
    before: PartitionMap, after: PartitionMap, sides: list[dict[str, Any]]
) -> tuple[PartitionMap, PartitionMap]:
    """Return a map and its target with the larger number of hash partitions of the two.

    Then what is split or joined where it stands is no difference; the numbers are said aside.
    """
    counts = before.partition_count, after.partition_count
    if counts[0] == counts[1] or not isinstance(before.keys, HashKeys):
        return before, after
    for side, count in zip(sides, counts, strict=True):
        side[_PARTS] = count
    return expanded(before, max(counts)), expanded(after, max(counts))


def _document(
    sides: list[dict[str, Any]], difference: MapDiff, *, with_changes: bool
) -> dict[str, Any]:
    document = {"before": sides[0], "after": sides[1]} | difference.to_dict()
    if not with_changes:
        del document["changes"]
    return document


def _print(difference: MapDiff, sides: list[dict[str, Any]], *, with_changes: bool) -> None:
    for side, what in zip(sides, ("before", "after"), strict=True):
        name = "" if side["map"] == SOLE_MAP else f" {side['map']}"
        parts = f", {side[_PARTS]:,} hash partitions" if _PARTS in side else ""
        click.echo(f"{what}: {side['document']}, {side['type']} map{name}{parts}")
    if _PARTS in sides[0] and not difference:
        click.echo("no copies differ")
        return
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

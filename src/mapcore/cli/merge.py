"""`mapcore merge`: neighbouring ranges made one, and fewer hash partitions."""

from __future__ import annotations

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
from mapcore.cli.outputs import check_output, output_option, write_cluster
from mapcore.cli.ranges import change_count, partitions_option, print_change
from mapcore.errors import MapError
from mapcore.planning.partitioning.ranges import merge as merge_ranges

__all__ = ["merge"]


@click.command()
@document_argument()
@click.argument("names", metavar="[RANGE RANGE...]", nargs=-1)
@partitions_option("How many hash partitions there shall be: a part of those that there are.")
@map_option
@form_options
@output_option
@json_option
def merge(
    doc: str,
    names: tuple[str, ...],
    partitions: int | None,
    map_name: str | None,
    form: Form | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Merge neighbouring ranges into one, or all hash partitions into fewer.

    The copies of ranges must stand on the same nodes in the same roles: move them together first.
    With --partitions those of hash partitions need not: of 16 partitions that become 8, the copies
    of 3 and 11 stand in the end where those of 3 do now, and are moved there first.

    Starts from the current map, or from the target where there is no other. The document gets the
    result as its target map; `steps --next` says how to get there while the partitions serve.

    With -o - the report goes to standard error.
    """
    check_output(output, as_json)
    if bool(names) == (partitions is not None):
        raise click.UsageError("expected either ranges, or --partitions of a hash map.")
    if partitions is not None:
        change_count("merge", doc, map_name, form, partitions, output, as_json=as_json)
        return
    cluster = read_cluster(doc)
    map_name, entry = choose_map(cluster, doc, map_name)
    _, before = choose_form(entry, doc, form or "current", "target", only=bool(form))
    try:
        after = merge_ranges(before, names)
    except MapError as error:
        fail(doc, str(error))
    if output is not None:
        write_cluster(cluster.with_target(after, map_name), output)
    print_change(map_name, before, after, None, as_json=as_json, output=output)

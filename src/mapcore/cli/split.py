"""`mapcore split`: ranges cut at keys or where sampled keys say, and more hash partitions."""

from __future__ import annotations

from dataclasses import replace

import click

from mapcore.cli.inputs import (
    STDIN,
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
from mapcore.cli.progress import progress
from mapcore.cli.ranges import change_count, partitions_option, print_change, read_keys
from mapcore.cluster import ClusterMap
from mapcore.errors import MapError
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.ranges import split as split_range
from mapcore.planning.partitioning.splitting import map_of_ranges, split_evenly, weights_of_ranges

__all__ = ["split"]


@click.command()
@document_argument()
@click.argument("name", metavar="[RANGE]", required=False)
@click.option(
    "--at", "cuts", metavar="KEY", multiple=True, help="Cut a range before a key; several times."
)
@click.option(
    "--keys",
    "keys_path",
    metavar="FILE",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Cut where keys that were sampled, one a line, fall evenly on both sides.",
)
@click.option(
    "--sizes", is_flag=True, help="The lines of --keys are KEY, a tab, and what the key weighs."
)
@click.option(
    "--parts",
    metavar="N",
    type=click.IntRange(min=1),
    help="How many ranges: in place of RANGE, or without it in all.",
)
@partitions_option("How many hash partitions there shall be: a multiple of those that there are.")
@map_option
@form_options
@output_option
@json_option
def split(
    doc: str,
    name: str | None,
    cuts: tuple[str, ...],
    keys_path: str | None,
    sizes: bool,
    parts: int | None,
    partitions: int | None,
    map_name: str | None,
    form: Form | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Split ranges, at keys or where sampled keys say; or all hash partitions.

    With --at cuts RANGE there. With --keys and --parts cuts RANGE, or the heaviest ranges of all,
    so that ranges weigh about the same; boundaries are as short as can be. A document without a
    map gets an empty one, which `plan` fills.

    With --partitions cuts all partitions of a hash map into equally many: a key of partition 3 of 8
    is then in 3 or 11 of 16. No data moves between nodes.

    Starts from the current map, or from the target where there is no other. The document gets the
    result as its target map: parts stand where the whole stood, and ranges have it as their source.
    `steps --next` says how to get there while the partitions serve.

    With -o - the report goes to standard error.
    """
    check_output(output, as_json)
    if doc == keys_path == STDIN:
        raise click.UsageError("only one of document and keys can be standard input.")
    if partitions is not None:
        if name or cuts or keys_path or sizes or parts:
            raise click.UsageError("--partitions splits all of a hash map: no RANGE, no keys.")
        change_count("split", doc, map_name, form, partitions, output, as_json=as_json)
        return
    if bool(cuts) == bool(keys_path) or (keys_path is None) != (parts is None):
        raise click.UsageError("expected --at, or --keys with --parts, or --partitions.")
    if cuts and name is None:
        raise click.UsageError("--at cuts a RANGE: found none.")
    if sizes and keys_path is None:
        raise click.UsageError("--sizes says what the lines of --keys are: found no --keys.")
    cluster = read_cluster(doc)
    map_name, entry = choose_map(cluster, doc, map_name)
    keys = None if keys_path is None else read_keys(keys_path, sizes)
    before = _before(entry, doc, name, form)
    with progress("splitting"):
        try:
            after = _after(before, name, cuts, keys, parts)
            weights = None if keys is None else weights_of_ranges(after, keys)
        except MapError as error:
            fail(doc, str(error))
    if output is not None:
        entry = replace(entry, current=after) if before is None else replace(entry, target=after)
        write_cluster(cluster.with_map(entry, map_name), output)
    print_change(map_name, before, after, weights, as_json=as_json, output=output)


def _before(
    entry: ClusterMap, doc: str, name: str | None, form: Form | None
) -> PartitionMap | None:
    """Return the map to start from; None for a document of ranges that has no map yet."""
    is_new = entry.current is None and entry.target is None
    if is_new and name is None and entry.settings.key_func == "range":
        return None
    return choose_form(entry, doc, form or "current", "target", only=bool(form))[1]


def _after(
    before: PartitionMap | None,
    name: str | None,
    cuts: tuple[str, ...],
    keys: dict[bytes, float] | None,
    parts: int | None,
) -> PartitionMap:
    if keys is None or parts is None:
        assert before is not None
        assert name is not None
        return split_range(before, name, cuts)
    if before is None:
        return map_of_ranges(keys, parts)
    return split_evenly(before, keys, parts, name=name)

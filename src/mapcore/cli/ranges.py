"""What `split` and `merge` share: sampled keys, the ranges before and after, hash partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, TypeVar

import click

from mapcore.cli.inputs import (
    STDIN,
    STDIN_SOURCE,
    Form,
    choose_form,
    choose_map,
    fail,
    read_cluster,
)
from mapcore.cli.outputs import STDOUT, write_cluster
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, columns, print_json, print_table
from mapcore.errors import DocumentError, MapError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import copies_to_gather, resized

__all__ = ["change_count", "partitions_option", "print_change", "read_keys"]

Command = TypeVar("Command", bound=Callable[..., Any])

TERMINAL_ROWS: Final = 20


def partitions_option(text: str) -> Callable[[Command], Command]:
    """Return the decorator for `--partitions N`."""
    return click.option("--partitions", metavar="N", type=click.IntRange(min=1), help=text)


def change_count(
    verb: Literal["split", "merge"],
    doc: str,
    map_name: str | None,
    form: Form | None,
    partition_count: int,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Plan another number of hash partitions: write the document, and print what changes."""
    cluster = read_cluster(doc)
    map_name, entry = choose_map(cluster, doc, map_name)
    _, before = choose_form(entry, doc, form or "current", "target", only=bool(form))
    count = before.partition_count
    try:
        after = resized(before, partition_count, gather=True)
    except MapError as error:
        fail(doc, str(error))
    if (partition_count > count) != (verb == "split") and partition_count != count:
        other = "merge" if verb == "split" else "split"
        fail(doc, f"found {count:,} partitions, and {partition_count:,} asked for: {other} does it")
    if output is not None:
        write_cluster(cluster.with_target(after, map_name), output)
    moved = copies_to_gather(before, after)
    if as_json:
        counts = {"before": count, "after": partition_count}
        print_json({"map": map_name, "partitions": counts, "copiesMoved": moved})
        return
    text = f"{map_name}: {count:,} hash partitions before, {partition_count:,} after"
    if partition_count > count:
        text += f": each becomes {partition_count // count:,} where it stands"
    elif partition_count < count:
        text += f": every {count // partition_count:,} become one, {moved:,} copies move first"
    click.echo(text, err=output == STDOUT)


def read_keys(path: str, has_sizes: bool) -> dict[bytes, float]:
    """Read keys, one a line, each as often as it occurs; or with a tab and its weight.

    Raises:
        DocumentError: a line without a weight, where it should have one.
        OSError: the file cannot be read.
    """
    weights: dict[bytes, float] = {}
    source = STDIN_SOURCE if path == STDIN else path
    with progress(f"reading {path}"), click.open_file(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            key, weight = line.removesuffix(b"\n"), 1.0
            if has_sizes:
                key, tab, text = key.rpartition(b"\t")
                try:
                    weight = float(text)
                except ValueError:
                    weight = -1.0
                if not tab or not 0 <= weight < float("inf"):
                    raise DocumentError(
                        f"line {number}",
                        repr(line.decode(errors="backslashreplace").removesuffix("\n")),
                        "a key, a tab, and a number from 0 up",
                        source,
                    )
            weights[key] = weights.get(key, 0.0) + weight
    return weights


def print_change(
    map_name: str,
    before: PartitionMap | None,
    after: PartitionMap,
    weights: Mapping[str, float] | None,
    *,
    as_json: bool,
    output: str | None,
) -> None:
    """Print the ranges that are new, and what they take the place of."""
    old = {} if before is None else {item.name: item for item in _ranges(before)}
    new = [item for item in _ranges(after) if item.name not in old]
    kept = {item.name for item in _ranges(after)}
    gone = [item for name, item in old.items() if name not in kept]
    if as_json:
        print_json(
            {
                "map": map_name,
                "ranges": {"before": len(old), "after": after.partition_count},
                "removed": [_tree(item, None) for item in gone],
                "added": [_tree(item, weights) for item in new],
            }
        )
        return
    is_error = output == STDOUT
    click.echo(
        f"{map_name}: {len(old):,} ranges before, {after.partition_count:,} after: "
        f"{len(gone):,} removed, {len(new):,} added",
        err=is_error,
    )
    table = Table(
        ["range", "from", "up to", "in place of", *(["weight"] if weights is not None else [])],
        (tuple(_row(item, gone, weights)) for item in new),
    )
    if not new:
        return
    click.echo(err=is_error)
    if is_error:
        click.echo("\n".join(columns(table)), err=True)
    else:
        print_table(table, TERMINAL_ROWS)


def _ranges(held: PartitionMap) -> tuple[KeyRange, ...]:
    assert isinstance(held.keys, RangeKeys)
    return held.keys.ranges


def _row(
    item: KeyRange, gone: list[KeyRange], weights: Mapping[str, float] | None
) -> Iterator[Any]:
    yield item.name
    yield _text(item.start)
    yield "" if item.end is None else _text(item.end)
    if item.source is not None:
        yield item.source
    else:
        yield ", ".join(other.name for other in gone if _overlap(item, other))
    if weights is not None:
        yield weights[item.name]


def _overlap(one: KeyRange, other: KeyRange) -> bool:
    return (one.end is None or other.start < one.end) and (
        other.end is None or one.start < other.end
    )


def _tree(item: KeyRange, weights: Mapping[str, float] | None) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "range": item.name,
        "start": _text(item.start),
        "end": None if item.end is None else _text(item.end),
    }
    if item.source is not None:
        tree["source"] = item.source
    if weights is not None:
        tree["weight"] = weights[item.name]
    return tree


def _text(key: bytes) -> str:
    return key.decode(errors="backslashreplace")

"""What `split` and `merge` share: keys that were sampled, and the ranges before and after."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from mapcore.cli.inputs import STDIN, STDIN_SOURCE
from mapcore.cli.outputs import STDOUT
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, columns, print_json, print_table
from mapcore.errors import DocumentError
from mapcore.keys import KeyRange, RangeKeys
from mapcore.maps import PartitionMap

__all__ = ["print_change", "read_keys"]

TERMINAL_ROWS: Final = 20


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

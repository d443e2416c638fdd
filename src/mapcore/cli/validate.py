"""`mapcore validate`: whether documents can be loaded."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from mapcore.cli.inputs import json_option, paths_argument, read_cluster
from mapcore.cli.rendering import print_json, styled
from mapcore.cluster import Cluster
from mapcore.errors import DocumentError

__all__ = ["validate"]

FOUND_WANTING: Final = 1


@click.command()
@paths_argument
@json_option
@click.pass_context
def validate(ctx: click.Context, docs: tuple[str, ...], as_json: bool) -> None:
    """Check that documents are right.

    A document that is wrong gets one line on standard error: the path in it, what was found and
    what was expected.

    Exit status: 0 all are right, 1 one is wrong, 2 one cannot be read.
    """
    results: list[dict[str, Any]] = []
    for doc in docs:
        try:
            cluster = read_cluster(doc)
        except DocumentError as error:
            results.append(_failure(doc, error))
            if not as_json:
                print(f"mapcore: {error}", file=sys.stderr)
        else:
            results.append({"document": doc, "valid": True})
            if not as_json:
                click.echo(f"{doc}: {styled('valid', fg='green')}: {_describe(cluster)}")
    if as_json:
        print_json(results[0] if len(results) == 1 else results)
    ctx.exit(0 if all(result["valid"] for result in results) else FOUND_WANTING)


def _failure(doc: str, error: DocumentError) -> dict[str, Any]:
    return {
        "document": doc,
        "valid": False,
        "error": {"path": error.path, "found": error.found, "expected": error.expected},
    }


def _describe(cluster: Cluster) -> str:
    maps = []
    for name, entry in cluster.maps.items():
        held = entry.target if entry.current is None else entry.current
        size = "empty" if held is None else f"{held.partition_count:,} partitions"
        maps.append(f"{name} ({size})")
    return f"{len(cluster.nodes):,} nodes; maps: {', '.join(maps) or 'none'}"

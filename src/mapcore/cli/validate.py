"""`mapcore validate`: whether documents are right, and what is odd about them."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

import mapcore
from mapcore.cli.inputs import json_option, paths_argument, read_cluster
from mapcore.cli.progress import progress
from mapcore.cli.rendering import print_json, styled
from mapcore.cluster import Cluster
from mapcore.errors import DocumentError

__all__ = ["validate"]

FOUND_WANTING: Final = 1
TERMINAL_ROWS: Final = 20


@click.command()
@paths_argument
@click.option("--strict", is_flag=True, help="Exit with 1 if anything is odd, too.")
@json_option
@click.pass_context
def validate(ctx: click.Context, docs: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Check that documents are right, and say what is odd about them.

    A document that is wrong gets one line on standard error: the path in it, what was found and
    what was expected. What is odd, such as a gap between ranges, a partition with fewer copies
    than asked or a field that may be misspelt, gets a line each on standard output.

    Exit status: 0 all are right, 1 one is wrong, 2 one cannot be read.
    """
    results = []
    for doc in docs:
        result = _check(doc)
        results.append(result)
        if not as_json:
            _print(result)
    if as_json:
        print_json(results[0] if len(results) == 1 else results)
    is_all_right = all(
        result["valid"] and not (strict and result["problems"]) for result in results
    )
    ctx.exit(0 if is_all_right else FOUND_WANTING)


def _check(doc: str) -> dict[str, Any]:
    try:
        cluster = read_cluster(doc)
    except DocumentError as error:
        return {
            "document": doc,
            "valid": False,
            "error": {
                "path": error.path,
                "found": error.found,
                "expected": error.expected,
                "text": str(error),
            },
            "problems": [],
        }
    with progress(f"checking {doc}"):
        found = mapcore.problems(cluster)
    return {
        "document": doc,
        "valid": True,
        "nodes": len(cluster.nodes),
        "maps": _sizes(cluster),
        "problems": [problem._asdict() for problem in found],
    }


def _print(result: dict[str, Any]) -> None:
    doc = result["document"]
    if not result["valid"]:
        print(f"mapcore: {result['error']['text']}", file=sys.stderr)
        return
    maps = ", ".join(
        f"{name} ({'empty' if count is None else f'{count:,} partitions'})"
        for name, count in result["maps"].items()
    )
    odd = len(result["problems"])
    verdict = styled("valid", fg="yellow" if odd else "green")
    click.echo(
        f"{doc}: {verdict}: {result['nodes']:,} nodes; maps: {maps or 'none'}"
        + (f"; odd: {odd:,}" if odd else "")
    )
    shown = odd if not sys.stdout.isatty() else min(odd, TERMINAL_ROWS)
    for problem in result["problems"][:shown]:
        click.echo(f"{doc}: odd: {problem['path'] or 'document'}: {problem['text']}")
    if shown < odd:
        click.echo(f"and {odd - shown:,} more: all of them in a pipe, or with --json")


def _sizes(cluster: Cluster) -> dict[str, int | None]:
    """Return the number of partitions of each map; None where there is none yet."""
    sizes = {}
    for name, entry in cluster.maps.items():
        held = entry.target if entry.current is None else entry.current
        sizes[name] = None if held is None else held.partition_count
    return sizes

"""Documents that verbs write."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

import mapcore
from mapcore.cli.progress import progress
from mapcore.cluster import Cluster

__all__ = ["STDOUT", "check_output", "output_option", "write_cluster"]

Command = TypeVar("Command", bound=Callable[..., Any])

STDOUT: Final = "-"


def output_option(command: Command) -> Command:
    """Add `-o TARGET`."""
    return click.option(
        "-o",
        "--output",
        metavar="TARGET",
        type=click.Path(dir_okay=False, allow_dash=True),
        help="Write the document with the target map to a file, or with - to standard output.",
    )(command)


def check_output(output: str | None, as_json: bool) -> None:
    """Refuse to print both the document and JSON to standard output."""
    if as_json and output == STDOUT:
        raise click.UsageError("--json and -o - both print to standard output.")


def write_cluster(cluster: Cluster, output: str) -> None:
    """Write a document to a file, or to standard output for `-`."""
    with progress(f"writing {output}"):
        if output == STDOUT:
            sys.stdout.buffer.write(mapcore.dumps(cluster))
            sys.stdout.buffer.flush()
        else:
            mapcore.save(cluster, output)

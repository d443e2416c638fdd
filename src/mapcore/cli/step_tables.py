"""Steps as tables and lines, as `mapcore steps` prints them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

import click

from mapcore.actualizing.steps import Step
from mapcore.cli.rendering import Table, print_table

__all__ = ["HEADER", "TERMINAL_ROWS", "print_lines", "print_rows", "row_of"]

TERMINAL_ROWS: Final = 20
HEADER: Final = ("step", "kind", "partition", "node", "change", "reason")


def row_of(step: Step) -> tuple[Any, ...]:
    """Return a step as a row under `HEADER`."""
    nodes = " -> ".join(step.nodes)
    ends = step.ends[-1:] if step.kind.value == "stream" else step.ends
    change = ", ".join(f"{end.before} -> {end.after}" for end in ends)
    if step.num_partitions is not None:
        change = f"{step.num_partitions:,} partitions"
    elif not ends:
        change = step.what or f"{step.before} -> {step.after}"
    return step.id, step.kind.value, step.partition, nodes, change, step.reason


def print_rows(header: Sequence[str], rows: Iterable[Sequence[Any]], count: int) -> None:
    """Print a table; on a terminal no more rows are made than it shows."""
    if not sys.stdout.isatty():
        print_table(Table(header, rows))
        return
    shown = list(islice(rows, TERMINAL_ROWS + 1))
    print_table(Table(header, shown[:TERMINAL_ROWS]))
    if len(shown) > TERMINAL_ROWS:
        click.echo(f"of {count:,} in all: the others in a pipe, or with --json")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines, as they are made."""
    for line in lines:
        sys.stdout.write(line + "\n")

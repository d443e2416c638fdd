"""What verbs print: text and tables for people, JSON for programs.

On a terminal tables are laid out and coloured by rich. In a pipe they are plain columns, whole and
unadorned, two spaces apart: easy to read, to grep and to cut.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

__all__ = ["Table", "columns", "heading", "print_json", "print_table", "styled"]

STYLES: Final = {
    "green": "green",
    "yellow": "yellow",
    "red": "red",
    "master": "bold",
    "dead": "red",
    "added": "green",
    "removed": "red",
    "changed": "yellow",
}
"""Words that stand out on a terminal wherever they are a whole cell."""


class Table:
    """Rows under a header; cells are written with `str`, numbers with commas and to the right."""

    def __init__(self, header: Sequence[str], rows: Iterable[Sequence[Any]] = ()) -> None:
        self.header = tuple(header)
        self.rows = [tuple(row) for row in rows]

    def add(self, *row: Any) -> None:
        """Add a row."""
        self.rows.append(row)

    @property
    def right_aligned(self) -> list[bool]:
        """For each column, whether it holds nothing but numbers."""
        return [
            bool(self.rows) and all(isinstance(row[column], int | float) for row in self.rows)
            for column in range(len(self.header))
        ]


def format_cell(value: Any) -> str:
    """Return a cell as text: integers with commas, other numbers as short as they are."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.6g}"
    return str(value) or "-"


def columns(table: Table) -> Iterable[str]:
    """Return the lines of a table as plain columns."""
    body = [[format_cell(value) for value in row] for row in table.rows]
    right = table.right_aligned
    widths = [max(map(len, column)) for column in zip(table.header, *body, strict=True)]
    for row in ([*table.header], *body):
        cells = (
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(row, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip()


def print_table(table: Table, limit: int | None = None) -> None:
    """Print a table.

    Args:
        table: what to print.
        limit: on a terminal, the most rows; the rest is counted in a last line.
    """
    if not sys.stdout.isatty():
        click.echo("\n".join(columns(table)))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, is_right in zip(table.header, table.right_aligned, strict=True):
        drawn.add_column(name, justify="right" if is_right else "left", overflow="fold")
    for row in table.rows[:limit]:
        cells = map(format_cell, row)
        drawn.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in cells))
    Console(highlight=False).print(drawn)
    if limit is not None and len(table.rows) > limit:
        click.echo(f"and {len(table.rows) - limit:,} more: all of them in a pipe, or with --json")


def styled(text: str, **style: Any) -> str:
    """Return text in a style where standard output is a terminal that shows colour."""
    import os

    if os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return click.style(text, **style)


def heading(text: str) -> None:
    """Print a heading, with an empty line before it."""
    click.echo()
    click.echo(styled(text, bold=True))


def print_json(document: Any) -> None:
    """Print one JSON document: on one line in a pipe, indented on a terminal."""
    import json

    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(document, indent=indent, ensure_ascii=False))

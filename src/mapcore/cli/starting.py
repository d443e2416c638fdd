"""`mapcore steps --next` and `--explain`: what may start now, and what the rest waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec

from mapcore.actualizing.next_steps import HeldBack, NextSteps
from mapcore.cli.changing import Partitions
from mapcore.cli.rendering import Table, heading, print_table
from mapcore.cli.step_tables import HEADER, print_lines, print_rows, row_of

__all__ = ["print_next", "print_next_lines"]


def print_next(found: NextSteps, partitions: Partitions, explain: bool) -> None:
    """Print what may start now as tables; with `explain` also each change that waits."""
    click.echo(f"{len(found):,} steps may start now, {found.held_back_count:,} changes wait")
    if found.held_back_by:
        heading("waiting")
        print_table(Table(["changes", "for"], ((n, why) for why, n in found.held_back_by.items())))
    starting = list(partitions.of(found))
    if starting:
        heading("may start now")
        print_rows(HEADER, map(row_of, starting), len(starting))
    waiting = list(partitions.of(found.held_back())) if explain else []
    if waiting:
        heading("why the others wait")
        rows = ((each.map, each.partition, each.node, each.change, _why(each)) for each in waiting)
        print_rows(("map", "partition", "node", "change", "why"), rows, len(waiting))


def print_next_lines(found: NextSteps, partitions: Partitions, explain: bool) -> None:
    """Print the same as JSON: a header, and then a step a line."""
    print_lines(_lines(found, partitions, explain))


def _lines(found: NextSteps, partitions: Partitions, explain: bool) -> Iterator[str]:
    header: dict[str, Any] = {
        "steps": len(found),
        "waiting": found.held_back_count,
        "heldBackBy": found.held_back_by,
    }
    if explain:
        header["heldBack"] = [
            {
                "map": each.map,
                "partition": each.partition,
                "node": each.node,
                "change": each.change,
                "why": _why(each),
                "throttle": each.throttle,
            }
            for each in partitions.of(found.held_back())
        ]
    yield msgspec.json.encode(header).decode()
    for step in partitions.of(found):
        yield step.to_json()


def _why(each: HeldBack) -> str:
    return each.hold.text if each.throttle is None else f"held back by {each.throttle}"

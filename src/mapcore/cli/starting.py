"""`mapcore steps --next` and `--explain`: what may start now, and what the rest waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import click
import msgspec

from mapcore.actualizing.deriving.derived import DerivedSteps, WaitingFeed
from mapcore.actualizing.next_steps import HeldBack
from mapcore.cli.changing import Partitions
from mapcore.cli.rendering import Table, heading, print_table
from mapcore.cli.step_tables import HEADER, print_lines, print_rows, row_of

__all__ = ["print_next", "print_next_lines"]

WAITING: Final = ("map", "partition", "node", "change", "why")


def print_next(found: DerivedSteps, partitions: Partitions, explain: bool) -> None:
    """Print what may start now as tables; with `explain` also each change that waits."""
    click.echo(f"{len(found):,} steps may start now, {found.held_back_count:,} changes wait")
    if found.held_back_by:
        heading("waiting")
        print_table(Table(["changes", "for"], ((n, why) for why, n in found.held_back_by.items())))
    starting = list(partitions.of(found))
    if starting:
        heading("may start now")
        print_rows(HEADER, map(row_of, starting), len(starting))
    waiting = list(_waiting(found, partitions)) if explain else []
    if waiting:
        heading("why the others wait")
        print_rows(WAITING, (list(each.values())[: len(WAITING)] for each in waiting), len(waiting))


def print_next_lines(found: DerivedSteps, partitions: Partitions, explain: bool) -> None:
    """Print the same as JSON: a header, and then a step a line."""
    print_lines(_lines(found, partitions, explain))


def _lines(found: DerivedSteps, partitions: Partitions, explain: bool) -> Iterator[str]:
    header: dict[str, Any] = {
        "steps": len(found),
        "waiting": found.held_back_count,
        "heldBackBy": found.held_back_by,
    }
    if explain:
        header["heldBack"] = list(_waiting(found, partitions))
    yield msgspec.json.encode(header).decode()
    for step in partitions.of(found):
        yield step.to_json()


def _waiting(found: DerivedSteps, partitions: Partitions) -> Iterator[dict[str, Any]]:
    """Iterate over what waits, fields in the order of a row: changes, then streams from sources."""
    for change in partitions.of(found.own.held_back()):
        yield _tree(change, change.change, _why(change), change.throttle)
    for feed in partitions.of(found.waiting):
        why = feed.why if feed.throttle is None else f"held back by {feed.throttle}"
        yield _tree(feed, f"from {feed.source}", why, feed.throttle)


def _tree(each: HeldBack | WaitingFeed, change: str, why: str, throttle: str | None) -> Any:
    where = {"map": each.map, "partition": each.partition, "node": each.node}
    return {**where, "change": change, "why": why, "throttle": throttle}


def _why(each: HeldBack) -> str:
    return each.hold.text if each.throttle is None else f"held back by {each.throttle}"

"""`mapcore show --transitions`: the transition tables as they are in `mapcore.states`."""

from __future__ import annotations

from typing import Any

import click

from mapcore.cli.rendering import heading, print_json
from mapcore.states import PAIRED, TABLES, TAKEOVER_COMMITS, TransitionTable

__all__ = ["show_transitions"]

_USES = {
    "literal": "placement, for copies on nodes that cannot be reached",
    "safe": "placement, for all planned work: masters step down by way of slave",
    "running": "the process that serves a copy; online unless stopped",
}


def show_transitions(as_json: bool) -> None:
    """Print all tables: row, where a copy is; column, where it is to get; cell, its next hop."""
    if as_json:
        print_json(_to_dict())
        return
    click.echo("Row: where a copy is. Column: where it is to get. Cell: its next hop.")
    for name, table in TABLES.items():
        heading(f"{name}: {_USES[name]}")
        click.echo(str(table))
    heading("paired: two copies change in one commit")
    for pair in PAIRED:
        click.echo(str(pair))
    heading("commit of a takeover: what pending copies become")
    for before, after in TAKEOVER_COMMITS:
        click.echo(f"{before.label} -> {after.label}")


def _to_dict() -> dict[str, Any]:
    return {
        **{name: _hops(table) for name, table in TABLES.items()},
        "paired": [
            {
                "name": pair.name,
                "source": [pair.source_before.label, pair.source_after.label],
                "target": [pair.target_before.label, pair.target_after.label],
            }
            for pair in PAIRED
        ],
        "takeoverCommits": [[before.label, after.label] for before, after in TAKEOVER_COMMITS],
    }


def _hops(table: TransitionTable) -> dict[str, dict[str, str]]:
    return {
        before: {
            after: table.states[hop]
            for after, hop in zip(table.states, table.hops[row].tolist(), strict=True)
            if after != before
        }
        for row, before in enumerate(table.states)
    }

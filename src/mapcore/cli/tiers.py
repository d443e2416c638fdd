"""`mapcore tiers`: proxies between many clients and many nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

import mapcore
from mapcore.cli.inputs import STDIN, STDIN_SOURCE, json_option
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, print_json, print_table
from mapcore.errors import MapcoreError
from mapcore.planning.tiers.members import Given
from mapcore.planning.tiers.plans import TierPlan

__all__ = ["tiers"]

SHORT: Final = 1


@click.command()
@click.argument("nodes", metavar="NODES")
@click.option("--clients", metavar="CLIENTS", required=True, help="The clients.")
@click.option("--proxies", metavar="PROXIES", required=True, help="The proxies.")
@click.option(
    "--max-connections",
    metavar="N",
    type=click.IntRange(min=1),
    required=True,
    help="The most proxies that a client may connect to.",
)
@click.option(
    "--copies",
    metavar="N",
    type=click.IntRange(min=1),
    help="How many proxies a client has to choose from for each group of nodes; 2 unless given.",
)
@click.option(
    "--groups",
    metavar="N",
    type=click.IntRange(min=1),
    help="How many groups the nodes are shared out into; as many as cost least unless given.",
)
@click.option(
    "--zone-depth",
    metavar="N",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="How many parts of a location make the zone that clients stay in; 0 for none.",
)
@click.option(
    "--previous",
    metavar="TIER",
    type=click.Path(dir_okay=False),
    help="The tier in force, as -o wrote it: as few connections change as can be.",
)
@click.option(
    "--regroup",
    is_flag=True,
    help="Even out what losses and additions have made uneven since, at the cost of more changes.",
)
@click.option(
    "--client",
    "client_names",
    metavar="NAME",
    multiple=True,
    help="Print the proxies of a client, group by group, instead of the report.",
)
@click.option(
    "-o",
    "--output",
    metavar="TIER",
    type=click.Path(dir_okay=False),
    help="Write who connects to whom to a file (JSON).",
)
@click.option("--strict", is_flag=True, help="Exit with 1 if anything could not be had.")
@json_option
@click.pass_context
def tiers(
    ctx: click.Context,
    nodes: str,
    clients: str,
    proxies: str,
    max_connections: int,
    copies: int | None,
    groups: int | None,
    zone_depth: int,
    previous: str | None,
    regroup: bool,
    client_names: tuple[str, ...],
    output: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Plan proxies between clients and nodes: who connects to whom.

    NODES, CLIENTS and PROXIES are each a number; or a cluster document, whose nodes they are; or a
    file of names, one a line, as NAME or NAME@LOCATION; - is standard input, for one of them.

    Prints the connections with and without the tier, what changes from the previous one, and the
    proof that loads are even and no fewer clients could have been given new proxies.

    Exit status: 0 planned, 1 with --strict if anything could not be had, 2 what was asked cannot
    be planned.
    """
    if [nodes, clients, proxies].count(STDIN) > 1:
        raise click.UsageError("only one of nodes, clients and proxies can be standard input.")
    before = None if previous is None else TierPlan.from_json(Path(previous).read_bytes(), previous)
    ends = _members(clients), _members(proxies), _members(nodes)
    with progress("planning"):
        plan = mapcore.plan_tiers(
            ends[0],
            ends[1],
            ends[2],
            max_connections,
            copies=copies,
            groups=groups,
            zone_depth=zone_depth,
            previous=before,
            regroup=regroup,
        )
    rows = [row for name in client_names for row in _rows(plan, name)]
    if output is not None:
        with progress(f"writing {output}"):
            Path(output).write_bytes(plan.to_json())
    if as_json:
        document = plan.to_dict()
        if client_names:
            document["routes"] = [
                {"client": client, "group": group, "proxies": names}
                for client, group, names in rows
            ]
        print_json(document)
    elif client_names:
        shown = ((client, group, ", ".join(names)) for client, group, names in rows)
        print_table(Table(["client", "group", "proxies"], shown))
    else:
        click.echo(plan.report())
    ctx.exit(SHORT if strict and plan.warnings else 0)


def _members(text: str) -> Given:
    """Read clients, proxies or nodes: a number, a cluster document or a list of names."""
    if text.isascii() and text.isdecimal():
        return int(text)
    source = STDIN_SOURCE if text == STDIN else text
    with progress(f"reading {text}"), click.open_file(text, "rb") as file:
        content: bytes = file.read()
    if content.lstrip()[:1] in (b"{", b"/"):
        return mapcore.loads(content, source=source).nodes
    found: dict[str, str] = {}
    try:
        lines = content.decode().splitlines()
    except UnicodeDecodeError as error:
        raise MapcoreError(f"{source}: {error}") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, at, location = line.strip().rpartition("@")
        if not at:
            name, location = location, ""
        if not name or name in found:
            raise MapcoreError(f"{source}: line {number}: found {line!r}, expected a name, once")
        found[name] = location
    return found


def _rows(plan: TierPlan, name: str) -> list[tuple[str, int, list[str]]]:
    """Return the proxies of a client, group by group."""
    proxies = plan.proxies.index.names
    return [
        (name, group, [proxies[number] for number in row if number >= 0])
        for group, row in enumerate(plan.proxies_by_group(name).tolist())
    ]

"""`mapcore steps`: the way from the current map to the target, step by step."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Final

import click
import msgspec

import mapcore
from mapcore.actualizing.next_steps import HeldBack, NextSteps, Work, next_steps_of_maps
from mapcore.actualizing.schedule import Schedule
from mapcore.actualizing.steps import Step
from mapcore.cli.inputs import (
    choose_form,
    choose_map,
    document_argument,
    fail,
    json_option,
    map_option,
    name_completion,
    read_cluster,
)
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, heading, print_table
from mapcore.cli.throttles import throttle_option, with_throttles
from mapcore.cluster import Cluster, ClusterMap, Config
from mapcore.errors import MapError, ScheduleError

__all__ = ["gone_option", "steps"]

BLOCKED: Final = 1
TERMINAL_ROWS: Final = 20
HEADER: Final = ("step", "kind", "partition", "node", "change", "reason")

gone_option = click.option(
    "--gone",
    metavar="NODE",
    multiple=True,
    shell_complete=name_completion("node"),
    help="A node that is known to be gone, beside those whose mode says so.",
)


@click.command()
@document_argument()
@map_option
@click.option("--next", "only_next", is_flag=True, help="Only the steps that may start now.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say what may start now, and what each other change waits for; as --next, with reasons.",
)
@click.option(
    "--partition",
    "partitions",
    metavar="PARTITION",
    multiple=True,
    help="Only the steps of a partition.",
)
@click.option(
    "--by",
    type=click.Choice(["rounds", "time"]),
    metavar="UNIT",
    help="Count in rounds, or in time (seconds); in time where sizes and a rate are known.",
)
@gone_option
@throttle_option
@click.option(
    "--plot",
    metavar="PICTURE",
    type=click.Path(dir_okay=False, writable=True),
    help="Draw the streams of each node as a picture (.png, .svg, .pdf); needs the extra plot.",
)
@click.option(
    "-o",
    "--output",
    metavar="SCHEDULE",
    type=click.Path(dir_okay=False),
    help="Write the schedule to a file, as --json prints it.",
)
@json_option
@click.pass_context
def steps(
    ctx: click.Context,
    doc: str,
    map_name: str | None,
    only_next: bool,
    explain: bool,
    partitions: tuple[str, ...],
    by: Any,
    gone: tuple[str, ...],
    throttles: Sequence[tuple[str, int | None]],
    plot: str | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Schedule the way from the current map to the target.

    Prints how many rounds it takes, why no fewer will do, what each node has to do, and the steps
    in an order in which they may run. Steps of one round may run at once. With --json prints a
    header and then a step a line, which `verify` reads.

    With --next or --explain looks only at what may start now; nothing is under way then. Throttles
    hold for all maps of the document together unless --map names one.

    Exit status: 0 all can be done, 1 some changes cannot be made, 2 wrong use, or maps that
    cannot be scheduled.
    """
    cluster = read_cluster(doc)
    config = with_throttles(cluster, throttles)
    if only_next or explain:
        if plot or output or by:
            raise click.UsageError("--plot, --output and --by are about whole schedules.")
        found = _next(cluster, config, doc, map_name, gone)
        _check_partitions(cluster, doc, map_name, partitions)
        if as_json:
            _print_lines(_next_lines(found, partitions, explain))
        else:
            _print_next(found, partitions, explain)
        ctx.exit(0)
    scheduled = _schedule(cluster, config, doc, map_name, by, gone)
    _check_partitions(cluster, doc, map_name, partitions)
    if plot is not None:
        with progress(f"drawing {plot}"):
            scheduled.plot(plot)
    if output is not None:
        with progress(f"writing {output}"):
            scheduled.save(Path(output))
    if as_json:
        _print_lines(_schedule_lines(scheduled, partitions))
    else:
        _print_schedule(scheduled, partitions)
    ctx.exit(BLOCKED if scheduled.blocked_count else 0)


def _schedule(
    cluster: Cluster,
    config: Config,
    doc: str,
    map_name: str | None,
    by: Any,
    gone: Collection[str],
) -> Schedule:
    name, entry = choose_map(cluster, doc, map_name)
    _, current = choose_form(entry, doc, "current", only=True)
    _, target = choose_form(entry, doc, "target", only=True)
    with progress("scheduling"):
        try:
            return mapcore.schedule(
                current,
                target,
                config,
                nodes=cluster.nodes,
                settings=entry.settings,
                name=name,
                gone=gone,
                by=by,
            )
        except (ScheduleError, MapError) as error:
            fail(doc, f"{error}; --next says what may start now")


def _next(
    cluster: Cluster, config: Config, doc: str, map_name: str | None, gone: Collection[str]
) -> NextSteps:
    works = {}
    for name, entry in _changing(cluster, doc, map_name):
        _, current = choose_form(entry, doc, "current", only=True)
        _, target = choose_form(entry, doc, "target", only=True)
        works[name] = Work(current, target, settings=entry.settings)
    with progress("looking for steps"):
        try:
            return next_steps_of_maps(works, config, nodes=cluster.nodes, gone=gone)
        except MapError as error:
            fail(doc, str(error))


def _changing(cluster: Cluster, doc: str, map_name: str | None) -> Iterable[tuple[str, ClusterMap]]:
    """Return the map that is named, or all that have a current and a target map."""
    if map_name is None:
        both = [(n, e) for n, e in cluster.maps.items() if e.current and e.target]
        if both:
            return both
    return [choose_map(cluster, doc, map_name)]


def _check_partitions(
    cluster: Cluster, doc: str, map_name: str | None, partitions: Sequence[str]
) -> None:
    entries = [entry for _, entry in _changing(cluster, doc, map_name)]
    for partition in partitions:
        for held in [held for e in entries for held in (e.current, e.target) if held is not None]:
            try:
                held.keys.number(partition)
                break
            except KeyError:
                continue
        else:
            fail(doc, f"found no partition {partition!r} (--partition)")


def _of(found: Iterable[Any], partitions: Sequence[str]) -> Iterator[Any]:
    """Yield the steps, or changes that wait, of these partitions, or of all."""
    return (each for each in found if not partitions or each.partition in partitions)


def _schedule_lines(scheduled: Schedule, partitions: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(scheduled.to_json_lines()):
        if not number or not partitions or scheduled.steps[number - 1].partition in partitions:
            yield line


def _next_lines(found: NextSteps, partitions: Sequence[str], explain: bool) -> Iterator[str]:
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
            for each in _of(found.held_back(), partitions)
        ]
    yield msgspec.json.encode(header).decode()
    for step in _of(found, partitions):
        yield step.to_json()


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(line + "\n")


def _print_schedule(scheduled: Schedule, partitions: Sequence[str]) -> None:
    click.echo(scheduled.report(limit=0))
    blocked = list(_of(scheduled.blocked, partitions))
    if blocked:
        heading("cannot be done")
        rows = ((b.partition, b.node, f"{b.before} -> {b.after}", b.reason) for b in blocked)
        print_table(Table(["partition", "node", "change", "why"], rows), TERMINAL_ROWS)
    if not len(scheduled.rows):
        return
    if partitions and not any(step.partition in partitions for step in scheduled.steps):
        click.echo(f"no steps of {', '.join(partitions)}")
        return
    heading("steps")
    when = [("start", "finish"), ("round",)][not scheduled.is_timed]
    rows = ((*_when(scheduled, n, step), *_row(step)) for n, step in enumerate(scheduled.steps))
    if partitions:
        at = len(when) + HEADER.index("partition")
        rows = (row for row in rows if row[at] in partitions)
    _print_rows((*when, *HEADER), rows, len(scheduled.rows))


def _when(scheduled: Schedule, place: int, step: Step) -> tuple[Any, ...]:
    if not scheduled.is_timed:
        return (step.round,)
    row = scheduled.rows[place]
    return float(row["start"]), float(row["finish"])


def _print_next(found: NextSteps, partitions: Sequence[str], explain: bool) -> None:
    click.echo(f"{len(found):,} steps may start now, {found.held_back_count:,} changes wait")
    if found.held_back_by:
        heading("waiting")
        print_table(Table(["changes", "for"], ((n, why) for why, n in found.held_back_by.items())))
    starting = list(_of(found, partitions))
    if starting:
        heading("may start now")
        _print_rows(HEADER, map(_row, starting), len(starting))
    if explain and next(_of(found.held_back(), partitions), None) is not None:
        heading("why the others wait")
        rows = (
            (each.map, each.partition, each.node, each.change, _why(each))
            for each in _of(found.held_back(), partitions)
        )
        _print_rows(("map", "partition", "node", "change", "why"), rows, found.held_back_count)


def _print_rows(header: Sequence[str], rows: Iterable[Sequence[Any]], count: int) -> None:
    """Print a table; on a terminal no more rows are made than it shows."""
    if not sys.stdout.isatty():
        print_table(Table(header, rows))
        return
    shown = list(islice(rows, TERMINAL_ROWS + 1))
    print_table(Table(header, shown[:TERMINAL_ROWS]))
    if len(shown) > TERMINAL_ROWS:
        click.echo(f"of {count:,} in all: the others in a pipe, or with --json")


def _row(step: Step) -> tuple[Any, ...]:
    nodes = " -> ".join(step.nodes)
    ends = step.ends[-1:] if step.kind.value == "stream" else step.ends
    change = ", ".join(f"{end.before} -> {end.after}" for end in ends)
    if not ends:
        change = step.what or f"{step.before} -> {step.after}"
    return step.id, step.kind.value, step.partition, nodes, change, step.reason


def _why(each: HeldBack) -> str:
    return each.hold.text if each.throttle is None else f"held back by {each.throttle}"

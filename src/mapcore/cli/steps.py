"""`mapcore steps`: the way from the current map to the target, step by step."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

import mapcore
from mapcore.actualizing.scheduling.schedule import Schedule
from mapcore.actualizing.steps import Step
from mapcore.actualizing.works import Work
from mapcore.cli.changing import (
    Partitions,
    changing_works,
    check_gone,
    gone_option,
    maps_option,
)
from mapcore.cli.inputs import document_argument, fail, json_option, read_cluster
from mapcore.cli.outputs import STDOUT
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, heading, print_table
from mapcore.cli.sources import Sources, check_founded, source_options
from mapcore.cli.starting import print_next, print_next_lines
from mapcore.cli.step_tables import HEADER, TERMINAL_ROWS, print_lines, print_rows, row_of
from mapcore.cli.throttles import throttle_option, with_throttles
from mapcore.cluster import Cluster, Config
from mapcore.errors import MapError, ScheduleError

__all__ = ["steps"]

BLOCKED: Final = 1


@click.command()
@document_argument()
@maps_option
@click.option("--next", "only_next", is_flag=True, help="Only the steps that may start now.")
@click.option(
    "--explain",
    is_flag=True,
    help="Say what may start now, and what each other change waits for; as --next, with reasons.",
)
@click.option(
    "--partition",
    "partition_names",
    metavar="PARTITION",
    multiple=True,
    help="Only the steps of a partition, by its name or as MAP/PARTITION; several times.",
)
@click.option(
    "--by",
    type=click.Choice(["rounds", "time"]),
    metavar="UNIT",
    help="Count in rounds, or in time (seconds); in time where sizes and a rate are known.",
)
@gone_option
@throttle_option
@source_options
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
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the schedule to a file, as --json prints it; with - as --json does.",
)
@json_option
@click.pass_context
def steps(
    ctx: click.Context,
    doc: str,
    map_names: tuple[str, ...],
    only_next: bool,
    explain: bool,
    partition_names: tuple[str, ...],
    by: Any,
    gone: tuple[str, ...],
    throttles: Sequence[tuple[str, int | None]],
    other_clusters: tuple[str, ...],
    follow: Any,
    plot: str | None,
    output: str | None,
    as_json: bool,
) -> None:
    """Schedule the way from current maps to their targets.

    Prints how many rounds it takes, why no fewer will do, what each node has to do, and the steps
    in an order in which they may run. Steps of one round may run at once. With --json prints a
    header and then a step a line, which `verify` reads.

    Of a document with several maps all that have a current and a target map change together:
    throttles hold for all of them, and they take turns.

    With --next or --explain looks only at what may start now; nothing is under way then. Maps that
    are derived from others get the streams from their sources too.

    Exit status: 0 all can be done, 1 some changes cannot be made, 2 wrong use, or maps that
    cannot be scheduled.
    """
    cluster = read_cluster(doc)
    config = with_throttles(cluster, throttles)
    sources = Sources.of(cluster, doc, other_clusters)
    check_gone(gone, {node.name for node in sources.nodes}, doc)
    works = sources.told(changing_works(cluster, doc, map_names))
    partitions = Partitions(partition_names, works, doc)
    if only_next or explain:
        if plot or output or by:
            raise click.UsageError("--plot, --output and --by are about whole schedules.")
        with progress("looking for steps"):
            try:
                found = sources.next_steps(works, config, gone, follow)
            except MapError as error:
                fail(doc, str(error))
        printing = print_next_lines if as_json else print_next
        printing(found, partitions, explain)
        ctx.exit(0)
    check_founded(works, doc)
    scheduled = _schedule(cluster, works, config, doc, by, gone)
    if plot is not None:
        with progress(f"drawing {plot}"):
            scheduled.plot(plot)
    as_json = as_json or output == STDOUT
    if output not in (None, STDOUT):
        with progress(f"writing {output}"):
            scheduled.save(Path(output))
    if as_json:
        print_lines(_lines(scheduled, partitions))
    else:
        _print(scheduled, partitions)
    ctx.exit(BLOCKED if scheduled.blocked_count else 0)


def _schedule(
    cluster: Cluster,
    works: Mapping[str, Work],
    config: Config,
    doc: str,
    by: Any,
    gone: Collection[str],
) -> Schedule:
    with progress("scheduling"):
        try:
            return mapcore.schedule(works, None, config, nodes=cluster.nodes, gone=gone, by=by)
        except (ScheduleError, MapError) as error:
            fail(doc, f"{error}; --next says what may start now")


def _lines(scheduled: Schedule, partitions: Partitions) -> Iterator[str]:
    for number, line in enumerate(scheduled.to_json_lines()):
        if not number or not partitions or scheduled.steps[number - 1] in partitions:
            yield line


def _print(scheduled: Schedule, partitions: Partitions) -> None:
    click.echo(scheduled.report(limit=0))
    blocked = list(partitions.of(scheduled.blocked))
    if blocked:
        heading("cannot be done")
        rows = ((b.map, b.partition, b.node, f"{b.before} -> {b.after}", b.reason) for b in blocked)
        print_table(Table(["map", "partition", "node", "change", "why"], rows), TERMINAL_ROWS)
    if not len(scheduled.rows):
        return
    if partitions and not any(step in partitions for step in scheduled.steps):
        click.echo(f"no steps of {partitions}")
        return
    heading("steps")
    when = ("start", "finish") if scheduled.is_timed else ("round",)
    rows = (
        (*_when(scheduled, place, step), *row_of(step))
        for place, step in enumerate(scheduled.steps)
        if step in partitions
    )
    print_rows((*when, *HEADER), rows, len(scheduled.rows))


def _when(scheduled: Schedule, place: int, step: Step) -> tuple[Any, ...]:
    if not scheduled.is_timed:
        return (step.round,)
    row = scheduled.rows[place]
    return float(row["start"]), float(row["finish"])

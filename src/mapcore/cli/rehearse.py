"""`mapcore rehearse`: the whole run, with time simulated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import click
import msgspec

from mapcore.actualizing.rehearsal import Done, Rehearsal
from mapcore.cli.changing import changing_works, check_gone, gone_option, maps_option
from mapcore.cli.inputs import document_argument, fail, json_option, read_cluster
from mapcore.cli.outputs import STDOUT, check_output, write_cluster
from mapcore.cli.progress import progress
from mapcore.cli.rendering import Table, columns
from mapcore.cli.sources import Sources, check_founded
from mapcore.cli.step_tables import print_lines
from mapcore.cli.throttles import throttle_option, with_throttles
from mapcore.cluster import Cluster
from mapcore.errors import MapError

__all__ = ["rehearse"]

NOT_THERE: Final = 1


@click.command()
@document_argument()
@maps_option
@click.option(
    "--until",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    help="Stop at a moment; what is under way then is taken back.",
)
@gone_option
@throttle_option
@click.option(
    "-o",
    "--output",
    metavar="DOC",
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Write the document as the run leaves it to a file, or with - to standard output.",
)
@json_option
@click.pass_context
def rehearse(
    ctx: click.Context,
    doc: str,
    map_names: tuple[str, ...],
    until: float | None,
    gone: tuple[str, ...],
    throttles: Sequence[tuple[str, int | None]],
    output: str | None,
    as_json: bool,
) -> None:
    """Run the change from current maps to their targets, with time simulated.

    Leads it as a conductor does: starts every step as soon as it may, without faults. A stream
    takes as long as its bytes at the rate that config allows, or a second where one of them is not
    known. So it shows what would happen, where `steps` shows how short the way could be. With
    --json prints a header and then every step with its times, which `verify` reads.

    With -o - the report goes to standard error.

    Exit status: 0 all maps are their targets or --until came first, 1 changes wait that nothing
    can start, 2 wrong use.
    """
    check_output(output, as_json)
    cluster = read_cluster(doc)
    check_gone(gone, cluster.node_index, doc)
    works = Sources.of(cluster, doc, ()).told(changing_works(cluster, doc, map_names))
    check_founded(works, doc)
    config = with_throttles(cluster, throttles)
    rehearsal = Rehearsal(works, config, nodes=cluster.nodes, gone=gone)
    done = []
    with progress("rehearsing") as say:
        try:
            for each in rehearsal.run(until):
                done.append(each)
                say(
                    f"{rehearsal.now:,.6g} s: {len(done):,} steps done, "
                    f"{rehearsal.underway_count:,} under way"
                )
        except MapError as error:
            fail(doc, str(error))
    if output is not None:
        write_cluster(_reached(cluster, rehearsal), output)
    if as_json:
        print_lines(_lines(rehearsal, done))
    else:
        for line in _report(rehearsal, done):
            click.echo(line, err=output == STDOUT)
    ctx.exit(NOT_THERE if until is None and not rehearsal.is_done else 0)


def _reached(cluster: Cluster, rehearsal: Rehearsal) -> Cluster:
    maps = {
        name: replace(cluster.maps[name], current=held.on_nodes(cluster.node_index))
        for name, held in rehearsal.maps.items()
    }
    return cluster.with_maps({**cluster.maps, **maps})


def _report(rehearsal: Rehearsal, done: Sequence[Done]) -> Iterator[str]:
    kinds = Counter(each.step.kind.value for each in done)
    counts = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    state = "every map is its target" if rehearsal.is_done else "not all maps are their targets"
    yield f"{rehearsal.now:,.6g} seconds: {state}"
    yield f"{len(done):,} steps{': ' if counts else ''}{counts}"
    if rehearsal.is_done or rehearsal.waiting is None or not rehearsal.waiting.held_back_by:
        return
    yield ""
    waiting = ((count, why) for why, count in rehearsal.waiting.held_back_by.items())
    yield from columns(Table(["changes", "wait for"], waiting))


def _lines(rehearsal: Rehearsal, done: Sequence[Done]) -> Iterator[str]:
    waiting = rehearsal.waiting
    header = {
        "maps": list(rehearsal.maps),
        "seconds": rehearsal.now,
        "steps": len(done),
        "done": rehearsal.is_done,
        "waiting": {} if waiting is None or rehearsal.is_done else waiting.held_back_by,
    }
    yield msgspec.json.encode(header).decode()
    for each in done:
        times = {"start": each.start, "finish": each.finish}
        yield msgspec.json.encode(each.step.to_dict() | times).decode()

"""`mapcore verify`: whether every moment of a schedule is safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import click
import msgspec

import mapcore
from mapcore.actualizing.verifying.verdicts import Verification
from mapcore.cli.changing import changing_works, check_gone, gone_option, maps_option
from mapcore.cli.inputs import (
    STDIN,
    STDIN_SOURCE,
    document_argument,
    fail,
    json_option,
    read_cluster,
)
from mapcore.cli.progress import progress
from mapcore.cli.rendering import print_json, styled
from mapcore.cli.throttles import throttle_option, with_throttles
from mapcore.errors import DocumentError, MapError, ScheduleError

__all__ = ["verify"]

NOT_SAFE: Final = 1


@click.command()
@document_argument()
@document_argument("schedule", required=False, metavar="[SCHEDULE]")
@maps_option
@gone_option
@throttle_option
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    doc: str,
    schedule: str | None,
    map_names: tuple[str, ...],
    gone: tuple[str, ...],
    throttles: Sequence[tuple[str, int | None]],
    as_json: bool,
) -> None:
    """Prove that every moment of a schedule is safe, or print the first that is not.

    SCHEDULE is a file of steps as `steps --json` prints them, one a line, or one JSON array of
    them, whoever made it; or - for standard input. Without it, proves the schedule that `steps`
    makes.

    Walks the steps from the current maps of DOC: each must be allowed by the transition tables and
    find what it expects; there is never a second master, never fewer copies in sync than there
    were or shall be, spread, rules and peers are kept, never a throttle is overrun, no copy is
    filled twice; and in the end each map is its target. The steps of all maps that have both are
    walked together.

    Exit status: 0 safe, 1 not safe, 2 wrong use, or a file that holds no steps.
    """
    if doc == schedule == STDIN:
        raise click.UsageError("only one of document and schedule can be standard input.")
    cluster = read_cluster(doc)
    config = with_throttles(cluster, throttles)
    check_gone(gone, cluster.node_index, doc)
    works = changing_works(cluster, doc, map_names)
    is_by_line = True
    try:
        if schedule is not None:
            steps, is_by_line = _read(schedule)
        else:
            with progress("scheduling"):
                made = mapcore.schedule(works, None, config, nodes=cluster.nodes, gone=gone)
                steps = list(made.to_json_lines())
        with progress("verifying"):
            proof = mapcore.verify(works, None, steps, config, nodes=cluster.nodes, gone=gone)
    except (ScheduleError, MapError) as error:
        fail(doc, str(error))
    except DocumentError as error:
        source = STDIN_SOURCE if schedule == STDIN else schedule
        path = error.path if is_by_line else error.path.replace("line", "item")
        raise DocumentError(path, error.found, error.expected, source) from None
    if as_json:
        print_json(proof.to_dict())
    else:
        _print(proof)
    ctx.exit(0 if proof else NOT_SAFE)


def _read(path: str) -> tuple[list[str], bool]:
    """Read a schedule: steps in JSON, and whether they stand one a line or in one array."""
    with progress(f"reading {path}"), click.open_file(path, "rb") as file:
        content: bytes = file.read()
    try:
        if not content.lstrip().startswith(b"["):
            lines = content.decode().splitlines()
            _check_steps(lines)
            return lines, True
        items = msgspec.json.decode(content, type=list[msgspec.Raw])
        return [bytes(item).decode() for item in items], False
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError("", str(error), "steps in JSON") from None


def _check_steps(lines: Sequence[str]) -> None:
    """Refuse what has no steps, unless its header says that there are none."""
    said = [line for line in lines if line.strip()]
    if len(said) > 1:
        return
    first = msgspec.json.decode(said[0]) if said else None
    if not isinstance(first, dict) or ("step" not in first and first.get("steps") != 0):
        raise DocumentError("", "no steps", "a step in JSON a line")


def _print(proof: Verification) -> None:
    verdict, rest = proof.report().split(" ", 1) if proof else ("not safe", proof.report()[9:])
    click.echo(f"{styled(verdict, fg='green' if proof else 'red')} {rest}")

"""`mapcore plan`: the next map of a cluster, and what it costs to get there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Final

import click

import mapcore
from mapcore.actualizing.throttles import Limits
from mapcore.cli.inputs import (
    document_argument,
    fail,
    json_option,
    map_option,
    name_completion,
    read_cluster,
)
from mapcore.cli.outputs import STDOUT, check_output, output_option, write_cluster
from mapcore.cli.progress import progress
from mapcore.cli.rendering import print_json
from mapcore.errors import PlanError
from mapcore.planning.reporting.explain import (
    NodeExplanation,
    PartitionExplanation,
    is_partition_name,
)

__all__ = ["plan"]

SHORT_OF_SETTINGS: Final = 1

_node_names = name_completion("node")


class Pairs(click.ParamType[tuple[str, Any]]):
    """A name and a value with a separator between, as in `OLD=NEW`."""

    name = "pair"

    def __init__(
        self, separator: str, value: type = str, *, is_value_optional: bool = False
    ) -> None:
        self.separator = separator
        self.value = value
        self.is_value_optional = is_value_optional

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Split at the last separator."""
        name, found, rest = value.rpartition(self.separator)
        if not found and self.is_value_optional:
            name, rest = rest, ""
        elif not found or not name or (not rest and not self.is_value_optional):
            self.fail(f"found {value!r}, expected {param.metavar if param else 'a pair'}.")
        try:
            return name, self.value(rest)
        except ValueError:
            self.fail(f"found {rest!r}, expected a number.")


@click.command()
@document_argument()
@click.option(
    "--add",
    metavar="NODE[@LOCATION]",
    type=Pairs("@", is_value_optional=True),
    multiple=True,
    help="Add a node; end a name that holds an @ with one (user@host@).",
)
@click.option(
    "--remove",
    metavar="NODE",
    multiple=True,
    shell_complete=_node_names,
    help="Have a node give up all its copies.",
)
@click.option(
    "--swap",
    metavar="OLD=NEW",
    type=Pairs("="),
    multiple=True,
    help="Give a new node exactly what an old one had.",
)
@click.option(
    "--maintain",
    metavar="NODE",
    multiple=True,
    shell_complete=_node_names,
    help="Have a node hand over its masters and keep its copies.",
)
@click.option(
    "--fail",
    "failed",
    metavar="NODE",
    multiple=True,
    shell_complete=_node_names,
    help="Have other copies take over from a node that is lost.",
)
@click.option(
    "--activate",
    metavar="NODE",
    multiple=True,
    shell_complete=_node_names,
    help="Bring a node back from maintenance or failure.",
)
@click.option(
    "--weight",
    "weights",
    metavar="NODE=W",
    type=Pairs("=", float),
    multiple=True,
    help="Change the weight of a node.",
)
@click.option("--rebuild", is_flag=True, help="Restore and balance copies, whatever else is asked.")
@click.option(
    "--policy",
    "policy_name",
    metavar="MODULE:FUNCTION",
    help=(
        "Choose among equal plans by a Python function of yours, or a policy made with it; needs "
        "the extra policy."
    ),
)
@map_option
@click.option(
    "--explain",
    metavar="PARTITION|NODE",
    multiple=True,
    shell_complete=_node_names,
    help=(
        "Say why the copies of a partition stand where they do, or what a node gets and gives up "
        "and why, instead of the report."
    ),
)
@click.option(
    "--plot",
    metavar="PICTURE",
    type=click.Path(dir_okay=False, writable=True),
    help="Draw balance and moves as a picture (.png, .svg, .pdf); needs the extra plot.",
)
@output_option
@click.option("--strict", is_flag=True, help="Exit with 1 if the plan falls short of the settings.")
@json_option
@click.pass_context
def plan(
    ctx: click.Context,
    doc: str,
    add: Sequence[tuple[str, str]],
    remove: Sequence[str],
    swap: Sequence[tuple[str, str]],
    maintain: Sequence[str],
    failed: Sequence[str],
    activate: Sequence[str],
    weights: Sequence[tuple[str, float]],
    rebuild: bool,
    policy_name: str | None,
    map_name: str | None,
    explain: Sequence[str],
    plot: str | None,
    output: str | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Plan the next map, and say what it costs.

    Of a document with several maps all are planned together: each is balanced, and the sum of them.
    With --map one is, and the others stay as they are.

    Without changes, puts the map in order: the copies that the settings ask for, spread and
    balanced. The document gets the plan as its target map; the current map stays.

    Options that name nodes may be given several times. With -o - the report goes to standard
    error.

    Exit status: 0 planned, 1 with --strict if the plan falls short of the settings, 2 what was
    asked cannot be planned.
    """
    check_output(output, as_json)
    policy = None if policy_name is None else _load_policy(policy_name)
    cluster = read_cluster(doc)
    with progress("planning"):
        try:
            planned: mapcore.Plan | mapcore.ClusterPlan = mapcore.plan(
                cluster,
                map=map_name,
                add=dict(add),
                remove=remove,
                swap=dict(swap),
                maintain=maintain,
                fail=failed,
                activate=activate,
                weights=dict(weights),
                rebuild=rebuild,
                policy=policy,
            )
            _refuse_for_several(planned, plot=plot)
            explanations = [each for name in explain for each in _explanations(planned, name)]
        except PlanError as error:
            fail(doc, str(error))
    with progress("reporting"):
        if as_json:
            document = planned.to_dict(*_schedules(planned))
            document["explanations"] = [
                ({} if name is None else {"map": name}) | each.to_dict()
                for name, each in explanations
            ]
        else:
            texts = (
                f"{each}" if name is None else f"map {name}\n{each}" for name, each in explanations
            )
            text = "\n\n".join(texts) or planned.report(*_schedules(planned))
    if plot is not None and isinstance(planned, mapcore.Plan):
        with progress(f"drawing {plot}"):
            planned.plot(plot)
    if output is not None:
        write_cluster(planned.cluster, output)
    if as_json:
        print_json(document)
    else:
        click.echo(text, file=sys.stderr if output == STDOUT else None)
    ctx.exit(SHORT_OF_SETTINGS if strict and planned.warnings else 0)


def _refuse_for_several(planned: mapcore.Plan | mapcore.ClusterPlan, plot: str | None) -> None:
    if plot is not None and isinstance(planned, mapcore.ClusterPlan):
        raise PlanError(f"plot: found {len(planned)} maps, expected the name of one (--map)")


def _load_policy(name: str) -> Any:
    """Import what is named `module:function`, also from the working directory."""
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise click.UsageError(f"--policy: found {name!r}, expected MODULE:FUNCTION.")
    sys.path.insert(0, os.getcwd())
    try:
        return getattr(import_module(module_name), attribute)
    except Exception as error:
        raise click.UsageError(f"--policy {name}: {type(error).__name__}: {error}.") from None
    finally:
        sys.path.pop(0)


def _explanations(
    planned: mapcore.Plan | mapcore.ClusterPlan, name: str
) -> Iterator[tuple[str | None, PartitionExplanation | NodeExplanation]]:
    """Explain what has this name: a partition, a node, or one of each; in every map that has it.

    Yields the name of the map, where several are planned, and the explanation.
    """
    is_one = isinstance(planned, mapcore.Plan)
    plans = [planned] if isinstance(planned, mapcore.Plan) else list(planned.values())
    found = False
    for plan in plans:
        map_name = None if is_one else plan.map_name
        if is_partition_name(plan, name):
            found = True
            yield map_name, plan.explain(partition=name)
        if name in plan.target.nodes:
            found = True
            yield map_name, plan.explain(node=name)
    if not found:
        raise PlanError(
            f"explain: found {name!r}, expected the name of a partition or of a node of the plan"
        )


def _schedules(planned: mapcore.Plan | mapcore.ClusterPlan) -> list[mapcore.Schedule]:
    """Return a schedule in rounds, and one in time where rates and sizes are known.

    None for several maps: those are scheduled map by map.
    """
    if isinstance(planned, mapcore.ClusterPlan):
        return []
    schedules = [mapcore.schedule(planned, by="rounds")]
    rate = Limits.from_config(planned.cluster.config).stream_bytes_per_second
    if rate is not None and planned.bytes_moved is not None:
        schedules.append(mapcore.schedule(planned, by="time"))
    return schedules

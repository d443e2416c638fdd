"""`mapcore demo`: plan a large cluster, lose a zone of it, plan again, check, and route keys."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

import click
import numpy as np
from numpy.typing import NDArray

import mapcore
from mapcore.cli.demo_checks import Check, check_map, check_moves, check_routes
from mapcore.cli.figures import balance_of
from mapcore.cli.inputs import json_option
from mapcore.cli.progress import progress
from mapcore.cli.rendering import heading, print_json, styled
from mapcore.cluster import SOLE_MAP, Cluster, ClusterMap, Constraints, Node, Settings
from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["demo"]

FRESH: Final = "fresh map"
AFTER_THE_LOSS: Final = "map after the loss"

BROKEN_PROMISE: Final = 1
BAR_LENGTH: Final = 40
MOST_BARS: Final = 12
KEY_LENGTH: Final = 16

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Size:
    """How large the demo is."""

    nodes: int
    zones: int
    partitions: int
    copies: int
    keys: int


class Stage(NamedTuple):
    """One thing that was done, how long it took, and what came of it."""

    name: str
    seconds: float
    result: str


@dataclass
class Demo:
    """Runs stages one after the other, prints a line for each as it ends, and keeps the checks.

    `checks` holds them by the map that they are of.
    """

    is_printing: bool
    stages: list[Stage] = field(default_factory=list)
    checks: dict[str, list[Check]] = field(default_factory=lambda: {FRESH: [], AFTER_THE_LOSS: []})

    @property
    def is_all_kept(self) -> bool:
        """Whether every promise was kept."""
        return all(check.is_kept for checks in self.checks.values() for check in checks)

    def stage(
        self, name: str, call: Callable[[], Result], describe: Callable[[Result, float], str]
    ) -> Result:
        """Run a stage and return what it gives; `describe` gets that and the seconds, untimed."""
        with progress(name):
            start = time.perf_counter()
            result = call()
            seconds = time.perf_counter() - start
        done = Stage(name, seconds, describe(result, seconds))
        self.stages.append(done)
        if self.is_printing:
            click.echo(f"{name:<32}{seconds * 1e3:>10,.1f} ms  {done.result}".rstrip())
        return result

    def plan(self, of_map: str, name: str, call: Callable[[], mapcore.Plan]) -> mapcore.Plan:
        """Plan as a stage, and verify the plan's certificate as another."""
        planned = self.stage(name, call, _describe_plan)
        certificate = planned.certificate
        is_proven = self.stage(
            "  verify its certificate",
            certificate.verify,
            lambda proven, _: "proven optimal" if proven else "not proven optimal",
        )
        reached = sum(objective.is_reached for objective in certificate.objectives)
        counted = f"{reached} of {len(certificate.objectives)} objectives at their bound"
        self.checks[of_map].append(
            Check("the certificate proves that no plan is better", is_proven, counted)
        )
        return planned

    def recount(self, of_map: str, call: Callable[[], list[Check]]) -> None:
        """Run checks as a stage."""
        checks = self.stage("  count again with numpy", call, _describe_checks)
        self.checks[of_map] += checks

    def route(self, of_map: str, held: PartitionMap, keys: NDArray[np.bytes_]) -> NDArray[np.int32]:
        """Route all keys as a stage, and check a sample of them."""
        router = self.stage("  make a router", lambda: mapcore.Router(held), lambda *_: "")
        nodes = self.stage(
            f"  route {len(keys):,} keys",
            lambda: router.nodes(keys),
            lambda _, seconds: f"{seconds / len(keys) * 1e9:,.1f} ns a key",
        )
        self.checks[of_map].append(check_routes(held, keys, router.partitions(keys), nodes))
        return nodes


@click.command()
@click.option("--nodes", default=40_000, show_default=True, type=click.IntRange(2, 1_000_000))
@click.option("--zones", default=8, show_default=True, type=click.IntRange(2, 10_000))
@click.option("--partitions", default=65_536, show_default=True, type=click.IntRange(1, 1 << 24))
@click.option("--copies", default=3, show_default=True, type=click.IntRange(1, 64))
@click.option("--keys", default=1_000_000, show_default=True, type=click.IntRange(1, 1 << 27))
@click.option("--seed", default=1, show_default=True, help="Chooses the lost zone and the keys.")
@json_option
@click.pass_context
def demo(
    ctx: click.Context,
    nodes: int,
    zones: int,
    partitions: int,
    copies: int,
    keys: int,
    seed: int,
    as_json: bool,
) -> None:
    """Plan a large cluster, lose a zone, plan again, and check it all.

    Routes keys before and after. The checks count in plain numpy, apart from the planner.

    Exit status: 0 all promises are kept, 1 one is broken.
    """
    size = Size(nodes, zones, partitions, copies, keys)
    if nodes - -(-nodes // zones) < copies:
        raise click.UsageError(
            f"found {nodes:,} nodes in {zones:,} zones, expected enough for {copies} copies "
            "after the loss of a zone."
        )
    if not as_json:
        click.echo(
            styled(
                f"{nodes:,} nodes in {zones:,} zones, {partitions:,} partitions x {copies} copies",
                bold=True,
            )
        )
        click.echo()
    ran = Demo(is_printing=not as_json)
    outcome = _run(ran, size, np.random.default_rng(seed))
    if as_json:
        print_json({"seed": seed} | outcome.to_dict())
    else:
        outcome.show()
    ctx.exit(0 if ran.is_all_kept else BROKEN_PROMISE)


def _run(ran: Demo, size: Size, random: np.random.Generator) -> Outcome:
    zones = np.arange(size.nodes) % size.zones
    lost_zone = int(random.integers(size.zones))
    live = zones != lost_zone
    keys = _make_keys(random, size.keys)

    cluster = ran.stage("build the cluster", lambda: _build(size, zones), lambda *_: "")
    fresh = ran.plan(FRESH, "plan a fresh map", lambda: mapcore.plan(cluster))
    ran.recount(FRESH, lambda: list(check_map(fresh.target, zones, size.copies, None)))
    before = ran.route(FRESH, fresh.target, keys)

    failed = [cluster.nodes[number].name for number in np.flatnonzero(~live)]
    running = fresh.cluster.with_current(fresh.target)
    rebuilt = ran.plan(
        AFTER_THE_LOSS,
        f"lose {_zone_name(lost_zone)}, plan again",
        lambda: mapcore.plan(running, fail=failed, rebuild=True),
    )
    ran.recount(
        AFTER_THE_LOSS,
        lambda: [
            *check_map(rebuilt.target, zones, size.copies, lost_zone),
            check_moves(fresh.target, rebuilt.target, live, _fewest_moves(rebuilt)),
        ],
    )
    after = ran.route(AFTER_THE_LOSS, rebuilt.target, keys)
    difference = ran.stage(
        "compare the two maps",
        lambda: mapcore.diff(fresh.target, rebuilt.target),
        lambda found, _: f"{len(found):,} cells differ",
    )
    return Outcome(
        ran, size, lost_zone, live, fresh.target, rebuilt.target, difference, before != after
    )


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the demo did and found."""

    ran: Demo
    size: Size
    lost_zone: int
    live: NDArray[np.bool_]
    fresh: PartitionMap
    rebuilt: PartitionMap
    difference: mapcore.MapDiff
    rerouted: NDArray[np.bool_]

    def show(self) -> None:
        """Print what moved, how balanced it is, and what the checks say."""
        counts = self.difference.counts
        lost_nodes = int((~self.live).sum())
        heading("What moved")
        click.echo(
            f"{counts['moves']:,} of {self.fresh.copy_count:,} copies, for the loss of "
            f"{lost_nodes:,} of {self.size.nodes:,} nodes; "
            f"{counts['roleChanges']:,} other copies change role"
        )
        click.echo(
            f"{int(self.rerouted.sum()):,} of {self.size.keys:,} keys have another master "
            f"({self.rerouted.mean():.1%})"
        )
        for what, placements in (("Copies", ()), ("Masters", (Placement.MASTER,))):
            heading(f"{what} a node")
            before = self.fresh.loads(*placements)
            after = self.rebuilt.loads(*placements)[self.live]
            for line in _histogram({"before": before, "after": after}):
                click.echo(line)
        for of_map, checks in self.ran.checks.items():
            heading(f"Checked: {of_map}")
            for check in checks:
                mark = styled("ok", fg="green") if check.is_kept else styled("BROKEN", fg="red")
                click.echo(f"{mark}  {check.promise}: {check.counted}")
        click.echo()
        total = sum(stage.seconds for stage in self.ran.stages)
        click.echo(f"{total:.2f} s in all stages")

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a JSON-ready document."""
        return {
            "nodes": self.size.nodes,
            "zones": self.size.zones,
            "partitions": self.size.partitions,
            "copies": self.size.copies,
            "lostZone": _zone_name(self.lost_zone),
            "lostNodes": int((~self.live).sum()),
            "changes": self.difference.counts,
            "keys": self.size.keys,
            "keysRerouted": int(self.rerouted.sum()),
            "balance": {
                name: {
                    "copies": balance_of(held.loads()[live]).to_dict(),
                    "masters": balance_of(held.loads(Placement.MASTER)[live]).to_dict(),
                }
                for name, held, live in (
                    ("before", self.fresh, np.ones_like(self.live)),
                    ("after", self.rebuilt, self.live),
                )
            },
            "checks": [
                {
                    "map": of_map,
                    "promise": check.promise,
                    "kept": check.is_kept,
                    "counted": check.counted,
                }
                for of_map, checks in self.ran.checks.items()
                for check in checks
            ],
            "stages": [
                {"stage": stage.name.strip(), "seconds": stage.seconds, "result": stage.result}
                for stage in self.ran.stages
            ],
        }


def _zone_name(number: int) -> str:
    return f"zone{number + 1}"


def _build(size: Size, zones: NDArray[np.int64]) -> Cluster:
    settings = Settings(
        constraints=Constraints(master=1, slave=size.copies - 1),
        num_partitions=size.partitions,
        levels=("zone",),
    )
    width = len(str(size.nodes - 1))
    nodes = tuple(
        Node(name=f"node{number:0{width}}", location=_zone_name(zone))
        for number, zone in enumerate(zones.tolist())
    )
    return Cluster(nodes=nodes, settings=settings, maps={SOLE_MAP: ClusterMap(settings)})


def _make_keys(random: np.random.Generator, count: int) -> NDArray[np.bytes_]:
    """Return random keys of 16 hexadecimal digits, as a numpy array of bytes."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    drawn = digits[random.integers(0, 16, (count, KEY_LENGTH), dtype=np.uint8)]
    keys: NDArray[np.bytes_] = drawn.view(f"S{KEY_LENGTH}").ravel()
    return keys


def _fewest_moves(planned: mapcore.Plan) -> int:
    """Return the number of moves that the certificate proves to be needed; 0 if it proves none."""
    bounds = {each.name: each.bound for each in planned.certificate.objectives}
    return bounds["moves"] or 0


def _describe_plan(planned: mapcore.Plan, _: float) -> str:
    return f"{len(planned.moves):,} moves, {len(planned.role_changes):,} role changes"


def _describe_checks(checks: list[Check], _: float) -> str:
    broken = sum(not check.is_kept for check in checks)
    return f"{broken} promises broken" if broken else f"{len(checks)} promises kept"


def _histogram(counts: dict[str, NDArray[np.int64]]) -> list[str]:
    """Return bars: how many nodes hold how many copies, in ranges where there are many values."""
    low = min(int(values.min()) for values in counts.values())
    high = max(int(values.max()) for values in counts.values())
    step = -(-(high - low + 1) // MOST_BARS)
    bars = []
    for name, values in counts.items():
        found = np.bincount((values - low) // step)
        for position in np.flatnonzero(found).tolist():
            first = low + position * step
            label = f"{first:,}" if step == 1 else f"{first:,}-{first + step - 1:,}"
            bars.append((name, label, int(found[position])))
    width = max(len(label) for _, label, _ in bars)
    most = max(count for *_, count in bars)
    mark = "█" if sys.stdout.isatty() else "#"
    return [
        f"{name:<7} {label:>{width}}  {mark * max(1, BAR_LENGTH * count // most):<{BAR_LENGTH}}"
        f"  {count:,} nodes"
        for name, label, count in bars
    ]

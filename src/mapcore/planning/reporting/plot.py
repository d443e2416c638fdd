"""A plan as a picture: copies and masters before and after, moves into and out of nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import PlanError
from mapcore.pictures import DARK, LIGHT, new_figure, save_figure
from mapcore.planning.nodes import ACTIVE
from mapcore.states import LEADING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from mapcore.planning.certificates.proofs import PlanCertificate
    from mapcore.planning.facts import PlanFacts

__all__ = ["draw"]

_MOST_NAMED_NODES: Final = 64
_MOST_BARS: Final = 40
_INCHES: Final = (11, 9)


def draw(plan: PlanFacts, certificate: PlanCertificate, path: Path) -> None:
    """Write the picture of a plan; errors as in `Plan.plot`."""
    figure = new_figure(*_INCHES)
    names = plan.target.nodes.names
    draw_loads = _bars_by_node if len(names) <= _MOST_NAMED_NODES else _nodes_by_load
    copies, masters, moves = figure.subplots(3, 1)
    draw_loads(copies, plan, "copies")
    draw_loads(masters, plan, "masters", *LEADING)
    _moves(moves, plan)
    status = "proven optimal" if certificate.is_optimal else "not proven optimal"
    figure.suptitle(
        f"{plan.map_name}: {plan.target.partition_count:,} partitions on {len(names):,} nodes, "
        f"{len(plan.moves):,} moves, {len(plan.role_changes):,} role changes, {status}"
    )
    save_figure(figure, path, 120, error=PlanError)


def _bars_by_node(axes: Axes, plan: PlanFacts, what: str, *placements: Any) -> None:
    places = np.arange(plan.target.node_count)
    before, after = plan.loads_before(*placements), plan.loads_after(*placements)
    axes.bar(places - 0.2, before, 0.4, color=LIGHT, label="before")
    axes.bar(places + 0.2, after, 0.4, color=DARK, label="after")
    axes.set_title(f"{what} of each node", loc="left")
    _name_nodes(axes, plan)
    _finish(axes)


def _nodes_by_load(axes: Axes, plan: PlanFacts, what: str, *placements: Any) -> None:
    """Draw how many nodes hold how many; nodes that are on their way out are left out."""
    active = plan.work.start.table.modes == ACTIVE
    sides = (
        ("before", plan.loads_before(*placements)[active & plan.existed], LIGHT, -0.2),
        ("after", plan.loads_after(*placements)[active], DARK, 0.2),
    )
    values = np.concatenate([loads for _, loads, _, _ in sides])
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    width = -(-(high - low + 1) // _MOST_BARS)
    count = (high - low) // width + 1
    for label, loads, colour, shift in sides:
        counts = np.bincount((loads - low) // width, minlength=count)
        bars = axes.bar(np.arange(count) + shift, counts, 0.4, color=colour, label=label)
        if count <= _MOST_BARS // 4:
            axes.bar_label(bars, [f"{height:,}" if height else "" for height in counts])
    firsts = low + np.arange(count) * width
    step = -(-count // 20)
    labels = [f"{v:,}" if width == 1 else f"{v:,}-{v + width - 1:,}" for v in firsts.tolist()]
    axes.set_xticks(np.arange(count)[::step], labels[::step], fontsize=8)
    axes.set_title(f"nodes by how many {what} they have", loc="left")
    axes.margins(y=0.15)
    _finish(axes)


def _moves(axes: Axes, plan: PlanFacts) -> None:
    """Draw moves into nodes upwards, out of them downwards; many nodes the busiest first."""
    traffic = plan.traffic
    if plan.target.node_count <= _MOST_NAMED_NODES:
        places = np.arange(plan.target.node_count)
        axes.bar(places, traffic.moves_in, 0.6, color=DARK, label="in")
        axes.bar(places, -traffic.moves_out, 0.6, color=LIGHT, label="out")
        axes.set_title("moves into and out of each node", loc="left")
        _name_nodes(axes, plan)
    else:
        for moved, sign, colour, label in (
            (traffic.moves_in, 1, DARK, "in"),
            (traffic.moves_out, -1, LIGHT, "out"),
        ):
            ranked = _ranked(moved)
            axes.fill_between(
                np.arange(len(ranked)), sign * ranked, step="post", color=colour, label=label
            )
        axes.set_title("moves into and out of nodes, each with the busiest first", loc="left")
        axes.set_xlabel("nodes")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.axhline(0, color="black", linewidth=0.8)
    _finish(axes)


def _ranked(moved: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the counts above 0, the most first, and a 0 to end a step with."""
    return np.append(-np.sort(-moved[moved > 0]), 0)


def _name_nodes(axes: Axes, plan: PlanFacts) -> None:
    names = plan.target.nodes.names
    is_tight = len(names) > 12 or len(names) * max(map(len, names), default=0) > 130
    axes.set_xticks(
        np.arange(len(names)), names, rotation=90 if is_tight else 0, fontsize=7 if is_tight else 9
    )
    axes.set_xlim(-0.8, len(names) - 0.2)


def _finish(axes: Axes) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    axes.locator_params(axis="y", integer=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.yaxis.grid(visible=True, linewidth=0.3)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)

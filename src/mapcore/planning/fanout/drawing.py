"""The matrix of who replicates how much to whom as a heat map, and chances of loss as curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mapcore.pictures import new_figure, save_figure

if TYPE_CHECKING:
    from mapcore.planning.fanout.facts import FanoutFacts, LossChance

__all__ = ["draw", "draw_chances"]

_MOST_LABELS: Final = 60


def draw(measured: FanoutFacts, path: Path) -> None:
    """Write the heat map; errors as in `Fanout.plot`."""
    matrix = measured.dense().astype(np.float64)
    matrix[matrix == 0] = np.nan
    count = len(measured.names)
    side = min(16.0, 4.5 + 0.12 * count)
    figure = new_figure(side + 1.2, side)
    axes = figure.add_subplot()
    image = axes.imshow(matrix, cmap="viridis", interpolation="nearest")
    figure.colorbar(image, ax=axes, label="partitions", shrink=0.8)
    if count <= _MOST_LABELS:
        axes.set_xticks(np.arange(count), measured.names, rotation=90, fontsize=7)
        axes.set_yticks(np.arange(count), measured.names, fontsize=7)
    axes.set_ylabel("from" if measured.after == "plan" else "with")
    axes.set_xlabel("to" if measured.after == "plan" else "with")
    peers = measured.fan_out.tolist() or [0]
    axes.set_title(
        f"partitions exchanged by {count:,} nodes; {min(peers)} to {max(peers)} peers each"
    )
    save_figure(figure, path)


def draw_chances(limits: Sequence[tuple[int | None, Sequence[LossChance]]], path: Path) -> None:
    """Write the curves, one for each number of lost nodes; a line across for the map as it is.

    Args:
        limits: the limit on peers, None for the map as it is, and its chances.
        path: of the picture.
    """
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for place, chance in enumerate(limits[0][1] if limits else ()):
        points = sorted(
            (limit, found[place].chance) for limit, found in limits if limit is not None
        )
        label = f"{chance.nodes} nodes lost at once"
        (line,) = axes.plot(*zip(*points, strict=True), marker="o", label=label)
        for limit, found in limits:
            if limit is None:
                axes.axhline(
                    found[place].chance, color=line.get_color(), linestyle=":", label="as it is"
                )
    axes.set_yscale("symlog", linthresh=1e-9)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("maxPeers")
    axes.set_ylabel("chance that a partition is lost")
    axes.legend(frameon=False)
    axes.grid(visible=True, linewidth=0.3)
    save_figure(figure, path, 120)

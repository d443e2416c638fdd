"""The matrix of who replicates how much to whom, as a heat map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from mapcore.pictures import new_figure

if TYPE_CHECKING:
    from mapcore.planning.fanout.facts import FanoutFacts

__all__ = ["draw"]

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
    figure.savefig(path)

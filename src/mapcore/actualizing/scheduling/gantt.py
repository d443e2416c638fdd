"""A schedule as a picture: a lane for each node, streams in above, streams out below."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from mapcore.actualizing.scheduling.scheduled_change import ScheduledChange
from mapcore.pictures import DARK, LIGHT, URGENT, new_figure, save_figure

__all__ = ["draw"]

_LANE_INCHES: Final = 0.28


def draw(schedule: ScheduledChange, path: Path, most_nodes: int) -> None:
    """Write the picture of a schedule; errors as in `Schedule.plot`."""
    streams = schedule.rows[schedule.rows["move"] >= 0]
    names = schedule.view.index.names
    load = np.bincount(streams["node"], minlength=len(names))
    load += np.bincount(streams["other"], minlength=len(names))
    chosen = np.argsort(-load, kind="stable")[:most_nodes]
    chosen = chosen[load[chosen] > 0]
    figure = new_figure(11, 1.6 + _LANE_INCHES * max(1, len(chosen)))
    axes = figure.add_subplot()
    lengths = streams["finish"] - streams["start"]
    for lane, node in enumerate(chosen.tolist()):
        for column, base, colour in (("node", 0.05, DARK), ("other", 0.5, LIGHT)):
            mine = np.flatnonzero(streams[column] == node)
            colours = np.where((streams["urgent"][mine] == 1) & (column == "node"), URGENT, colour)
            spans = np.stack([streams["start"][mine], lengths[mine] * 0.96], axis=1)
            axes.broken_barh(
                spans.tolist(), (lane + base, 0.4), facecolors=colours.tolist(), alpha=0.75
            )
    axes.set_yticks(np.arange(len(chosen)) + 0.5, [names[node] for node in chosen.tolist()])
    axes.invert_yaxis()
    axes.axvline(schedule.bound, color="black", linestyle=":", linewidth=1)
    unit = "seconds" if schedule.is_timed else "rounds"
    axes.set_xlabel(f"{unit}; streams in dark, out light, lost redundancy red; dotted: bound")
    axes.set_title(
        f"{schedule.name}: {schedule.stream_count:,} streams, {schedule.length:,.6g} {unit}, "
        f"bound {schedule.bound:,.6g}"
    )
    save_figure(figure, path)

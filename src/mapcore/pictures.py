"""Pictures with matplotlib, which is imported when the first one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapcore.errors import MapcoreError

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "URGENT", "new_figure", "save_figure"]

DARK, LIGHT, URGENT = "#2b6cb0", "#9cc3e6", "#c0392b"


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure that needs no display; `save_figure` writes it.

    Raises:
        MapcoreError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise MapcoreError(
            "a plot needs matplotlib, which is not installed: pip install 'mapcore[plot]'"
        ) from None
    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(
    figure: Figure,
    path: Path,
    dots_per_inch: int = 100,
    *,
    error: type[MapcoreError] = MapcoreError,
) -> None:
    """Write a figure to a file, whose ending says what kind of picture it is.

    Raises:
        MapcoreError: or `error`: there is no such kind.
        OSError: the file cannot be written.
    """
    kinds = figure.canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in kinds:
        raise error(
            f"{path}: found ending {path.suffix!r}, expected that of a picture, such as .png or "
            f".svg (one of {', '.join(sorted(kinds))})"
        )
    figure.savefig(path, dpi=dots_per_inch)

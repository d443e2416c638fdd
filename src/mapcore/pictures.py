"""Pictures with matplotlib, which is imported when the first one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapcore.errors import MapcoreError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DARK", "LIGHT", "URGENT", "new_figure"]

DARK, LIGHT, URGENT = "#2b6cb0", "#9cc3e6", "#c0392b"


def new_figure(width_inches: float, height_inches: float) -> Figure:
    """Return an empty figure that needs no display; `savefig` writes it.

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

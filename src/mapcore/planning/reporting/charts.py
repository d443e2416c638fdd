"""Small bar charts as text: a table of few nodes, and how many of many nodes hold how many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.states import LEADING

if TYPE_CHECKING:
    from mapcore.planning.facts import PlanFacts

__all__ = ["busiest_nodes", "bytes_text", "few", "histogram", "node_table_text"]


_NAME_WIDTH: Final = 22
_HISTOGRAM_WIDTH: Final = 20
_COPIES_WIDTH: Final = 12
_MOST_BARS: Final = 10
_BUSIEST: Final = 8
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def node_table_text(plan: PlanFacts) -> Iterator[str]:
    """Yield a line a node: its copies before and after as bars, masters, and what moves."""
    before, after = plan.loads_before(), plan.loads_after()
    led, leads = plan.loads_before(*LEADING), plan.loads_after(*LEADING)
    most = int(max(before.max(initial=0), after.max(initial=0)))
    width = _COPIES_WIDTH + 8
    yield (
        f"{'nodes':<{_NAME_WIDTH + 2}}{'copies before':<{width}}{'after':<{width}}"
        f"{'masters':>14}{_traffic_header(plan)}"
    )
    for node, name in enumerate(plan.target.nodes.names):
        bars = (
            f"{_bar(int(loads[node]), most, _COPIES_WIDTH):<{_COPIES_WIDTH}}{loads[node]:>6,}  "
            for loads in (before, after)
        )
        masters = f"{led[node]:,} -> {leads[node]:,}"
        line = f"  {_fit(name)}{''.join(bars)}{masters:>14}{_traffic_cells(plan, node)}"
        yield line.rstrip()


def busiest_nodes(plan: PlanFacts) -> Iterator[str]:
    """Yield what moves into and out of the nodes with the most moves."""
    total = plan.traffic.moves
    busy = np.argsort(-total, kind="stable")[: np.count_nonzero(total)].tolist()
    if not busy:
        return
    yield f"{'busiest nodes':<{_NAME_WIDTH + 2}}{_traffic_header(plan)}"
    for node in busy[:_BUSIEST]:
        yield f"  {_fit(plan.target.nodes.names[node])}{_traffic_cells(plan, node)}"
    if len(busy) > _BUSIEST:
        yield f"  and {len(busy) - _BUSIEST:,} more nodes, all of them in the report as JSON"


def histogram(title: str, before: NDArray[np.int64], after: NDArray[np.int64]) -> Iterator[str]:
    """Yield a bar for each load: how many nodes have it, before and after.

    Args:
        title: what is counted.
        before: by node that counts before.
        after: likewise; there may be other nodes.
    """
    together = np.concatenate([before, after])
    if not len(together):
        return
    firsts, lasts = _classes(together)
    counted = [
        np.bincount(np.searchsorted(firsts, loads, side="right") - 1, minlength=len(firsts))
        for loads in (before, after)
    ]
    most = max(int(counts.max()) for counts in counted)
    width = _HISTOGRAM_WIDTH + 10
    yield f"{title:<18}{'nodes before':<{width}}nodes after"
    for first, last, was, now in zip(firsts, lasts, *counted, strict=True):
        if was or now:
            label = f"{first:,}" if first == last else f"{first:,}-{last:,}"
            left, right = (
                f"{_bar(int(count), most, _HISTOGRAM_WIDTH)} {count:,}" if count else ""
                for count in (was, now)
            )
            yield f"  {label:>14}  {left:<{width}}{right}".rstrip()


def bytes_text(count: int) -> str:
    """Return a number of bytes with the unit that fits."""
    amount, unit = float(count), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{amount:.1f} {_UNITS[unit]}"


def few(names: list[str]) -> str:
    """Return names as a list, the first five of many."""
    listed = ", ".join(names[:5])
    return listed if len(names) <= 5 else f"{listed} and {len(names) - 5:,} more"


def _classes(loads: NDArray[np.int64]) -> tuple[list[int], list[int]]:
    """Return the first and the last load of each bar: few values one each, many by equal widths."""
    values = np.unique(loads).tolist()
    if len(values) <= _MOST_BARS:
        return values, values
    width = -(-(values[-1] - values[0] + 1) // _MOST_BARS)
    firsts = list(range(values[0], values[-1] + 1, width))
    return firsts, [min(values[-1], first + width - 1) for first in firsts]


def _traffic_header(plan: PlanFacts) -> str:
    sized = f"{'bytes in':>12}{'out':>12}" if plan.traffic.bytes_in is not None else ""
    return f"{'moves in':>10}{'out':>8}{sized}"


def _traffic_cells(plan: PlanFacts, node: int) -> str:
    traffic = plan.traffic
    cells = f"{traffic.moves_in[node]:>10,}{traffic.moves_out[node]:>8,}"
    if traffic.bytes_in is not None and traffic.bytes_out is not None:
        for amount in (traffic.bytes_in[node], traffic.bytes_out[node]):
            cells += f"{bytes_text(int(amount)):>12}"
    return cells


def _fit(name: str) -> str:
    shown = name if len(name) < _NAME_WIDTH else f"{name[: _NAME_WIDTH - 2]}…"
    return f"{shown:<{_NAME_WIDTH}}"


def _bar(count: int, most: int, width: int) -> str:
    return "#" * max(1, round(count * width / most)) if count else ""

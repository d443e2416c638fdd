"""How many partitions each node replicates to each: R, a flow along the edges of RI.

    graph = fanout_graph(nodes, zones, max_peers=10)
    counts = fanout_counts(graph, masters, slaves)
    counts.cells[x, i]      # how many partitions x replicates to graph.targets[x, i]

Row sums are the masters of a node times the slaves of a partition, column sums the slaves that a
node holds; no cell is more than the masters of its row, as a node holds a partition once. The cells
are as even as any flow allows: the least difference between the largest and the smallest is found
by turns. A flow with cells between two bounds is looked for by Dinic's algorithm; where there is
none, the cut that shows it rules out further bounds, until the best that are left have a flow. So
the cuts together prove that no flow is more even.

The matrices RI and R are those of vbmap (https://github.com/couchbase/vbmap).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _fanout
from mapcore.errors import PlanError
from mapcore.planning.fanout.cuts import (
    NEVER,
    Cut,
    CutSums,
    Demand,
    leasts_in_question,
    most_needed,
    sums_of,
)
from mapcore.planning.fanout.graph import FanoutGraph

__all__ = ["FanoutCounts", "fanout_counts"]

_MOST_DENSE: Final = 2_000
_NAMES_SHOWN: Final = 3
_FITTING_TURNS: Final = 12


@dataclass(frozen=True, eq=False)
class FanoutCounts:
    """How many partitions each node replicates to each of its peers.

    Attributes:
        graph: who may replicate to whom.
        demand: the sums of rows and columns.
        cells: int64, nodes by peers: how many partitions a node replicates to `graph.targets`.
        cuts: what proves that no flow is more even.
    """

    graph: FanoutGraph
    demand: Demand
    cells: NDArray[np.int64]
    cuts: tuple[Cut, ...]

    @property
    def cell_range(self) -> tuple[int, int]:
        """The least and the most of the cells that can be above 0."""
        used = self.cells[self.demand.is_used]
        return (int(used.min()), int(used.max())) if len(used) else (0, 0)

    @property
    def least_difference(self) -> int:
        """The least difference between largest and smallest cell that the cuts leave possible.

        Computed from the cuts, sums and edges alone.
        """
        sums = [sums_of(cut, self.demand) for cut in self.cuts]
        return int((most_needed(self.demand, sums) - leasts_in_question(self.demand)).min())

    @property
    def is_as_even_as_can_be(self) -> bool:
        """Whether the cuts prove that the cells of no flow differ by less."""
        least, most = self.cell_range
        return most - least <= self.least_difference

    def dense(self) -> NDArray[np.int64]:
        """Return R, nodes by nodes.

        Raises:
            PlanError: more than 2,000 nodes.
        """
        count = len(self.graph.names)
        if count > _MOST_DENSE:
            raise PlanError(
                f"found {count:,} nodes, expected at most {_MOST_DENSE:,} for a dense matrix"
            )
        matrix = np.zeros((count, count), np.int64)
        np.put_along_axis(matrix, self.graph.targets.astype(np.int64), self.cells, axis=1)
        return matrix

    def rows(self) -> Iterator[str]:
        """Yield R as lines of text: a node, and how much it replicates to which others."""
        names = self.graph.names
        for name, row, cells in zip(
            names, self.graph.targets.tolist(), self.cells.tolist(), strict=True
        ):
            line = " ".join(
                f"{names[target]}:{cell}" for target, cell in zip(row, cells, strict=True)
            )
            yield f"{name} -> {line or '-'}"

    def report(self) -> str:
        """Return as text how even the cells are, and what stands against more."""
        least, most = self.cell_range
        lines = [
            f"{int(self.demand.sent.sum()):,} copies over "
            f"{int(np.count_nonzero(self.demand.is_used)):,} pairs: {least:,} to {most:,} each"
        ]
        if most - least > 1:
            lines += [self._against(cut, least, most) for cut in self.cuts]
        return "\n".join(line for line in lines if line)

    def _against(self, cut: Cut, least: int, most: int) -> str:
        """Say why cells cannot be from `least` + 1, or to `most` - 1; nothing if the cut is not."""
        sums = sums_of(cut, self.demand)
        for low, high in ((least + 1, most), (least, most - 1)):
            carried = sums.carries(low, high)
            if carried < sums.surplus:
                what = _what_flows(self.graph.names, cut, sums.surplus, carried)
                return f"not {low:,} to {high:,} each: {what}"
        return ""

    def __repr__(self) -> str:
        least, most = self.cell_range
        return f"<FanoutCounts of {len(self.graph.names):,} nodes: cells from {least} to {most}>"


def fanout_counts(
    graph: FanoutGraph,
    masters: Sequence[int] | NDArray[np.int64],
    slaves: Sequence[int] | NDArray[np.int64],
    *,
    interrupt: Callable[[], object] | None = None,
) -> FanoutCounts:
    """Say how many partitions each node replicates to each of its peers, as evenly as can be.

    Args:
        graph: who may replicate to whom.
        masters: how many partitions each node leads.
        slaves: how many copies each node holds of partitions that others lead; together as many
            for each master.
        interrupt: called every few milliseconds; what it raises stops the search.

    Raises:
        PlanError: the sums do not fit, or no flow along the graph has them; names the nodes that
            cannot pass on what they lead.

    A few flows, each usually in a few passes over the edges.
    """
    demand = _demand(graph, np.asarray(masters, np.int64), np.asarray(slaves, np.int64))
    cuts = _plain_cuts(demand)
    sums = [sums_of(cut, demand) for cut in cuts]
    leasts = leasts_in_question(demand)
    while True:
        mosts = most_needed(demand, sums)
        differences = mosts - leasts
        best = len(leasts) - 1 - int(np.argmin(differences[::-1]))
        least, most = int(leasts[best]), int(mosts[best])
        if most >= NEVER:
            raise PlanError(_no_flow(graph, cuts, sums))
        found = _flow(demand, *_bounds(demand, least, most), _even_rows(demand), interrupt)
        if not isinstance(found, Cut):
            break
        cuts.append(found)
        sums.append(sums_of(found, demand))
    if most - least > 1:
        found = _fitted(demand, least, most, found, interrupt)
    return FanoutCounts(graph, demand, found, tuple(cuts))


def _demand(graph: FanoutGraph, masters: NDArray[np.int64], slaves: NDArray[np.int64]) -> Demand:
    count = len(graph.names)
    for what, given in (("masters", masters), ("slaves", slaves)):
        if given.shape != (count,):
            raise PlanError(
                f"{what}: found {given.size:,}, expected one for each of {count:,} nodes"
            )
        if (given < 0).any():
            node = int(np.argmax(given < 0))
            raise PlanError(
                f"{what}: found {given[node]} for {graph.names[node]!r}, expected 0 or more"
            )
    led, held = int(masters.sum()), int(slaves.sum())
    if held % led if led else held:
        raise PlanError(f"slaves: found {held:,} in all, expected a multiple of {led:,} masters")
    return Demand(graph.targets, masters, masters * (held // led if led else 0), slaves)


def _plain_cuts(demand: Demand) -> list[Cut]:
    """Return the cuts of single nodes that leave least choice: most and least for each edge."""
    count = len(demand.sent)
    everyone, nobody = np.ones(count, np.bool_), np.zeros(count, np.bool_)
    is_used = demand.is_used
    out_edges = np.count_nonzero(is_used, axis=1)
    in_edges = np.bincount(demand.targets[is_used], minlength=count)
    cuts = []
    for sums, edges in ((demand.sent, out_edges), (demand.received, in_edges)):
        if not (edges > 0).any():
            continue
        mean = sums / np.maximum(edges, 1)
        for node in (
            int(np.argmax(np.where(edges > 0, mean, -1.0))),
            int(np.argmin(np.where(edges > 0, mean, np.inf))),
        ):
            one = nobody.copy()
            one[node] = True
            if sums is demand.sent:
                cuts += [Cut(one, nobody), Cut(~one, everyone)]
            else:
                cuts += [Cut(everyone, ~one), Cut(nobody, one)]
    return cuts


def _bounds(demand: Demand, least: int, most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    is_used = demand.is_used
    limits = np.minimum(most, demand.masters)[:, None] * is_used
    return np.where(is_used, least, 0), limits


def _even_rows(demand: Demand) -> NDArray[np.int64]:
    """Return every row shared out evenly, what is left over to other places from row to row."""
    rows, degree = demand.targets.shape
    whole, rest = np.divmod(demand.sent, max(1, degree))
    places = (np.arange(degree) - np.arange(rows)[:, None] * rest[:, None]) % max(1, degree)
    cells: NDArray[np.int64] = whole[:, None] + (places < rest[:, None])
    return cells


def _flow(
    demand: Demand,
    least: NDArray[np.int64],
    most: NDArray[np.int64],
    start: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> NDArray[np.int64] | Cut:
    """Return a flow with cells between bounds, or a cut that shows that there is none."""
    cells = np.clip(start, least, most)
    sources, sinks = np.zeros((2, len(demand.sent)), np.uint8)
    is_found = _fanout.flow(
        demand.targets, demand.sent, demand.received, least, most, cells, sources, sinks, interrupt
    )
    return cells if is_found else Cut(sources.astype(np.bool_), sinks.astype(np.bool_))


def _fitted(
    demand: Demand,
    least: int,
    most: int,
    found: NDArray[np.int64],
    interrupt: Callable[[], object] | None,
) -> NDArray[np.int64]:
    """Return a flow within the bounds whose cells are near those that divide every sum evenly.

    Those are a price of the row and a price of the column added up, fitted to the sums by turns.
    """
    is_used = demand.is_used
    low, high = _bounds(demand, least, most)
    even = np.zeros(demand.targets.shape)
    counts_in = np.maximum(np.bincount(demand.targets[is_used], minlength=len(demand.sent)), 1)
    counts_out = np.maximum(np.count_nonzero(is_used, axis=1), 1)
    for _ in range(_FITTING_TURNS):
        even += ((demand.sent - even.sum(axis=1)) / counts_out)[:, None] * is_used
        into = np.bincount(demand.targets.ravel(), even.ravel(), minlength=len(demand.sent))
        even += ((demand.received - into) / counts_in)[demand.targets] * is_used
        even = np.clip(even, low, high)
    stray = 0
    while stray < most - least:
        lower = np.clip(np.floor(even).astype(np.int64) - stray, low, high)
        upper = np.clip(np.ceil(even).astype(np.int64) + stray, low, high)
        nearer = _flow(demand, lower, upper, np.rint(even).astype(np.int64), interrupt)
        if not isinstance(nearer, Cut):
            return nearer
        stray = max(1, 2 * stray)
    return found


def _no_flow(graph: FanoutGraph, cuts: list[Cut], sums: list[CutSums]) -> str:
    for cut, asked in zip(cuts, sums, strict=True):
        carried = asked.carries(0, NEVER)
        if carried < asked.surplus:
            what = _what_flows(graph.names, cut, asked.surplus, carried)
            return f"slaves: no flow along the graph has these sums: {what}"
    return "slaves: no flow along the graph has these sums"


def _what_flows(names: tuple[str, ...], cut: Cut, surplus: int, carried: int) -> str:
    """Say what a cut asks for, and what there would be."""
    sources, sinks = _some(names, cut.sources), _some(names, cut.sinks)
    if not cut.sinks.any():
        return f"{sources} would send {carried:,}, expected {surplus:,}"
    if cut.sources.all():
        return f"{_some(names, ~cut.sinks)} would receive {carried:,}, expected {surplus:,}"
    if cut.sinks.all():
        return f"{_some(names, ~cut.sources)} would send {-carried:,}, expected {-surplus:,}"
    if not cut.sources.any():
        return f"{sinks} would receive {-carried:,}, expected {-surplus:,}"
    return (
        f"{sources} would send others than {sinks} {carried:,} copies more than these receive from "
        f"elsewhere, expected {surplus:,}"
    )


def _some(names: tuple[str, ...], chosen: NDArray[np.bool_]) -> str:
    numbers = np.flatnonzero(chosen).tolist()
    if len(numbers) == len(names):
        return "all nodes"
    shown = ", ".join(names[number] for number in numbers[:_NAMES_SHOWN])
    more = len(numbers) - _NAMES_SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown or "nobody"

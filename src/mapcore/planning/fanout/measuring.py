"""Counting who exchanges partitions with whom in a map; what it means is said in `facts`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.maps import PartitionMap
from mapcore.planning.fanout.facts import FanoutFacts, Reading
from mapcore.states import LEADING, PLACEMENT_MASK, Placement

__all__ = ["Fanout", "fanout", "pairs_of"]

_BAR: Final = 40


class Fanout(FanoutFacts):
    """Who exchanges partitions with whom, as text and as a picture."""

    def report(self, *, lose: tuple[int, ...] = (2, 3)) -> str:
        """Return the sums as text; `lose` says for how many lost nodes the chance is told."""
        if not self.names:
            return "no nodes"
        when = "as planned" if self.after == "plan" else "as planned or after a failover"
        lines = [
            f"pairs of nodes that exchange partitions {when}: {len(self.sources):,}",
            _spread("fan-out", self.fan_out),
            _spread("fan-in", self.fan_in),
            _spread("scatter width", self.scatter_width),
        ]
        if len(self.counts):
            least, most = self.cell_range
            lines.append(
                f"partitions of a pair: {least:,} / {self.counts.mean():,.4g} / {most:,} "
                "(min / mean / max)"
            )
        lines.append(f"sets of nodes that hold all copies of a partition: {len(self.copy_sets):,}")
        lines += [str(self.loss_chance(count)) for count in lose if 1 <= count <= len(self.names)]
        lines += ["", "peers  nodes that replicate to so many"]
        peers, nodes = np.unique(self.fan_out, return_counts=True)
        for peer_count, node_count in zip(peers.tolist(), nodes.tolist(), strict=True):
            bar = "#" * max(1, round(_BAR * node_count / int(nodes.max())))
            lines.append(f"{peer_count:>5}  {bar} {node_count:,}")
        return "\n".join(lines)

    def rows(self) -> Iterator[str]:
        """Yield R as lines of text: a node, and what it exchanges with which others."""
        bounds = np.searchsorted(self.sources, np.arange(len(self.names) + 1)).tolist()
        for node, name in enumerate(self.names):
            row = slice(bounds[node], bounds[node + 1])
            cells = " ".join(
                f"{self.names[target]}:{count}"
                for target, count in zip(
                    self.targets[row].tolist(), self.counts[row].tolist(), strict=True
                )
            )
            yield f"{name} -> {cells or '-'}"

    def plot(self, path: str | Path) -> None:
        """Draw R as a heat map.

        Raises:
            MapcoreError: matplotlib is not installed (`pip install 'mapcore[plot]'`).
            MapError: more than 2,000 nodes.
        """
        from mapcore.planning.fanout.drawing import draw

        draw(self, Path(path))

    def __repr__(self) -> str:
        most = int(self.fan_out.max(initial=0))
        return f"<Fanout of {len(self.names):,} nodes after {self.after}: at most {most} peers>"


def _spread(what: str, values: NDArray[np.int64]) -> str:
    return (
        f"{what}: {int(values.min()):,} / {values.mean():,.4g} / {int(values.max()):,} "
        "(min / mean / max of the nodes)"
    )


def fanout(held: PartitionMap, *, after: Reading = "failover") -> Fanout:
    """Count who exchanges partitions with whom in a map; dead copies count for nothing.

    Time and memory are linear in the pairs of copies of all partitions.

    Raises:
        ValueError: `after` is neither `plan` nor `failover`.
    """
    if after not in ("plan", "failover"):
        raise ValueError(f"found after={after!r}, expected plan or failover")
    rows, nodes, is_master = _live_copies(held)
    sources, targets, counts = _pairs(rows, nodes, is_master, held.node_count, after)
    return Fanout(
        held.nodes.names,
        after,
        sources,
        targets,
        counts,
        np.bincount(nodes, minlength=held.node_count),
        _copy_sets(rows, nodes, held.node_count),
    )


def pairs_of(
    held: PartitionMap, after: Reading
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return `Fanout.sources`, `targets` and `counts` of a map alone."""
    return _pairs(*_live_copies(held), held.node_count, after)


def _live_copies(
    held: PartitionMap,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Return the partition and the node of each live copy, and whether it leads."""
    placements = held.copy_codes & PLACEMENT_MASK
    is_live = placements != Placement.DEAD
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))[is_live]
    nodes = held.copy_nodes[is_live].astype(np.int64)
    return rows, nodes, np.isin(placements[is_live], LEADING)


def _pairs(
    rows: NDArray[np.int64],
    nodes: NDArray[np.int64],
    is_master: NDArray[np.bool_],
    node_count: int,
    after: Reading,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Return the pairs that exchange something; copies come by row."""
    found = [np.zeros(0, np.int64)]
    width = max(1, node_count)
    # In one row, a copy and the one `apart` places after it.
    for apart in range(1, int(np.bincount(rows).max(initial=0))):
        left, right = slice(None, -apart), slice(apart, None)
        same = rows[left] == rows[right]
        if after == "failover":
            one, other = nodes[left][same], nodes[right][same]
            found.append(np.minimum(one, other) * width + np.maximum(one, other))
            continue
        for first, second in ((left, right), (right, left)):
            chosen = same & is_master[first] & ~is_master[second]
            found.append(nodes[first][chosen] * width + nodes[second][chosen])
    pairs, counts = np.unique(np.concatenate(found), return_counts=True)
    sources, targets = np.divmod(pairs, width)
    if after == "failover":  # both ways round
        order = np.argsort(np.concatenate([pairs, targets * width + sources]), kind="stable")
        sources, targets = (
            np.concatenate(both)[order] for both in ((sources, targets), (targets, sources))
        )
        counts = np.concatenate([counts, counts])[order]
    return sources.astype(np.int32), targets.astype(np.int32), counts.astype(np.int64)


def _copy_sets(
    rows: NDArray[np.int64], nodes: NDArray[np.int64], node_count: int
) -> dict[tuple[int, ...], int]:
    """Return the sets of nodes that hold all live copies of a partition, and how often."""
    counts = np.bincount(rows)
    starts = np.cumsum(counts) - counts
    found: dict[tuple[int, ...], int] = {}
    for size in np.unique(counts[counts > 0]).tolist():
        chosen = starts[counts == size]
        members = np.sort(nodes[chosen[:, None] + np.arange(size)], axis=1)
        sets, times = _distinct(members, node_count)
        found.update(zip(zip(*sets.T.tolist(), strict=True), times.tolist(), strict=True))
    return found


def _distinct(
    members: NDArray[np.int64], node_count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct rows in order, and how often each is there."""
    size = members.shape[1]
    if node_count**size >= 2**63:
        sets, times = np.unique(members, axis=0, return_counts=True)
        return sets, times
    places = node_count ** np.arange(size - 1, -1, -1, dtype=np.int64)
    keys, times = np.unique(members @ places, return_counts=True)
    return keys[:, None] // places % node_count, times

"""What streams into and out of each node, if every move is filled from its source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mapcore.planning.moves import Moves

__all__ = ["Traffic", "traffic_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Moves and bytes by node; int64.

    A move without a source, as when the first copies are made or nothing is left to fill one from,
    streams in and out of no node, but counts as a move into its node.

    Attributes:
        moves_in: copies that the node gets.
        moves_out: copies that are filled from it.
        bytes_in: the sizes of the partitions that it gets; None where sizes are not known.
        bytes_out: likewise, of those that it sends.
    """

    moves_in: NDArray[np.int64]
    moves_out: NDArray[np.int64]
    bytes_in: NDArray[np.int64] | None
    bytes_out: NDArray[np.int64] | None

    @property
    def moves(self) -> NDArray[np.int64]:
        """Moves in and out together."""
        return self.moves_in + self.moves_out


def traffic_of(moves: Moves, node_count: int, sizes: NDArray[np.int64] | None) -> Traffic:
    """Count what moves into and out of each node.

    Args:
        moves: the moves.
        node_count: the number of nodes.
        sizes: bytes of each partition, None where they are not known.
    """
    has_source = moves.sources >= 0
    sources = moves.sources[has_source]
    moves_in = np.bincount(moves.nodes, minlength=node_count)
    moves_out = np.bincount(sources, minlength=node_count)
    if sizes is None:
        return Traffic(moves_in, moves_out, None, None)
    bytes_in, bytes_out = np.zeros(node_count, np.int64), np.zeros(node_count, np.int64)
    moved = sizes[moves.partitions].astype(np.int64)
    np.add.at(bytes_in, moves.nodes[has_source], moved[has_source])
    np.add.at(bytes_out, sources, moved[has_source])
    return Traffic(moves_in, moves_out, bytes_in, bytes_out)

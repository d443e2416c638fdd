"""The keys of a batch by the node that serves them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _layout

__all__ = ["Groups"]


class Groups:
    """Positions of keys by node: one request a node instead of one a key.

    Iterating gives (node name, positions), in order of the nodes' numbers; positions ascend.

    Attributes:
        nodes: int32 numbers of the nodes that have keys, ascending.
        offsets: int64, one more: the positions of `nodes[i]` are
            `positions[offsets[i]:offsets[i + 1]]`.
        positions: int64 positions of keys, node by node.
        unserved: int64 positions of the keys that no node serves: in a gap, or without a master.
    """

    __slots__ = ("_names", "nodes", "offsets", "positions", "unserved")

    def __init__(self, node_numbers: NDArray[np.int32], names: tuple[str, ...]) -> None:
        """Group by node numbers, -1 for keys that no node serves."""
        starts = np.zeros(len(names) + 2, np.int64)
        positions = np.empty(len(node_numbers), np.int64)
        _layout.group_positions(node_numbers, starts, positions)
        used = np.flatnonzero(np.diff(starts[1:]))
        self._names = names
        self.nodes: NDArray[np.int32] = used.astype(np.int32)
        self.unserved: NDArray[np.int64] = positions[: starts[1]]
        self.positions: NDArray[np.int64] = positions[starts[1] :]
        self.offsets: NDArray[np.int64] = np.append(starts[1:][used], starts[-1]) - starts[1]

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[tuple[str, NDArray[np.int64]]]:
        bounds = self.offsets.tolist()
        for i, node in enumerate(self.nodes.tolist()):
            yield self._names[node], self.positions[bounds[i] : bounds[i + 1]]

    def __repr__(self) -> str:
        return (
            f"<Groups: {len(self.positions)} keys on {len(self.nodes)} nodes, "
            f"{len(self.unserved)} unserved>"
        )

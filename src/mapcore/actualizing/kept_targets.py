"""What partitions shall be that serve until others take over from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.rows import row_of
from mapcore.maps import PartitionMap
from mapcore.states import (
    LEADING,
    PLACEMENT_MASK,
    REPLICATION_PAUSED,
    RUNNING_MASK,
    RUNNING_SHIFT,
    Placement,
    Running,
    state_code,
)

__all__ = ["brought_together", "with_kept"]

_FILLED: Final = state_code(Placement.SLAVE)
_RUNS: Final = Running.RUNNING << RUNNING_SHIFT


def with_kept(
    target: PartitionMap, current: PartitionMap, kept: NDArray[np.bool_], *, runs: bool = False
) -> PartitionMap:
    """Return the target in which some rows are what they are now, as far as that is live.

    One of their copies shall lead, should none do so now, and all shall run where `runs` says so.
    """
    from_current = np.repeat(kept, np.diff(current.offsets))
    from_current &= (current.copy_codes & PLACEMENT_MASK) > Placement.DEAD
    from_target = np.repeat(~kept, np.diff(target.offsets))
    rows = [
        np.repeat(np.arange(len(kept)), np.diff(held.offsets))[mask]
        for held, mask in ((current, from_current), (target, from_target))
    ]
    order = np.argsort(np.concatenate(rows), kind="stable")
    nodes = np.concatenate([current.copy_nodes[from_current], target.copy_nodes[from_target]])
    kept_codes = _led(current, from_current)
    if runs:
        kept_codes = kept_codes & np.uint8(~RUNNING_MASK & 0xFF) | np.uint8(_RUNS)
    codes = np.concatenate([kept_codes, target.copy_codes[from_target]])
    counts = np.bincount(np.concatenate(rows), minlength=len(kept))
    return PartitionMap.from_index(
        np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
        nodes[order],
        codes[order],
        target.nodes,
        keys=target.keys,
        **target.attributes,
    )


def _led(current: PartitionMap, chosen: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the codes of some copies, one of each partition that none leads made its master."""
    codes = current.copy_codes[chosen].copy()
    rows = np.repeat(np.arange(current.partition_count), np.diff(current.offsets))[chosen]
    leads = np.isin(codes & PLACEMENT_MASK, LEADING)
    led = np.bincount(rows[leads], minlength=current.partition_count) > 0
    unled, first = np.unique(rows, return_index=True)
    heirs = first[~led[unled]]
    codes[heirs] = codes[heirs] & ~np.uint8(PLACEMENT_MASK) | np.uint8(Placement.MASTER)
    return codes


def brought_together(
    target: PartitionMap, merged: Mapping[int, tuple[int, ...]]
) -> dict[int, dict[int, int]]:
    """Return the rows of parts: they get copies where the whole shall stand, and all follow."""
    changed = {}
    for whole, parts in merged.items():
        nodes = [
            node
            for node, code in row_of(target, whole).items()
            if code & PLACEMENT_MASK > Placement.DEAD
        ]
        for part in parts:
            row = row_of(target, part)
            changed[part] = {node: code & ~REPLICATION_PAUSED for node, code in row.items()} | {
                node: _FILLED for node in nodes if node not in row
            }
    return changed

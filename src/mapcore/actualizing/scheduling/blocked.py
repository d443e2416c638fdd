"""What of a change cannot be scheduled, and why not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mapcore.actualizing.scheduling.change import Cells, Change
from mapcore.states import PLACEMENT_MASK, Placement, describe_code, state_code

__all__ = ["Blocked", "blocked_cells", "blocked_changes"]


@dataclass(frozen=True, slots=True)
class Blocked:
    """A change that cannot be scheduled.

    Attributes:
        map: the map's name.
        partition: the partition's name.
        node: the node whose copy would change.
        before: its placement.
        after: what it should become.
        reason: why not.
    """

    map: str
    partition: str
    node: str
    before: str
    after: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.map}/{self.partition}: {self.node} {self.before} -> {self.after}: {self.reason}"
        )


def blocked_changes(name: str, change: Change, stuck: Cells) -> list[Blocked]:
    """Return what of the map called `name` cannot be scheduled, and why.

    `stuck` are copies whose running state or pauses cannot change, with whole state codes.
    """
    names = change.view.index.names
    return [
        Blocked(
            name,
            change.current.keys.name(partition),
            names[node],
            describe_code(before),
            describe_code(after),
            _why(change, partition, node, after & PLACEMENT_MASK),
        )
        for cells in (_as_codes(blocked_cells(change)), stuck)
        for partition, node, before, after in zip(
            *(column.tolist() for column in cells), strict=True
        )
    ]


def _as_codes(cells: Cells) -> Cells:
    """Return cells with the state codes of copies that run in place of placements."""
    codes = np.array([state_code(placement) for placement in Placement], np.uint8)
    return cells._replace(before=codes[cells.before], after=codes[cells.after])


def blocked_cells(change: Change) -> Cells:
    """Return the cells that do not become what the target says."""
    taken, rescued = change.takeovers, change.rescues
    gets_there = {
        Placement.NULL: (change.collections,),
        Placement.DEAD: (change.drops, change.burials, (rescued.partitions, rescued.leaders)),
        Placement.SLAVE: (change.fills, change.demotions, (taken.partitions, taken.leaders)),
        Placement.MASTER: (
            change.lonely_promotions,
            (taken.partitions, taken.heirs),
            (rescued.partitions, rescued.heirs),
        ),
    }
    cells = change.cells
    keys = change.cell_keys(cells.partitions, cells.nodes)
    is_done = np.zeros(len(keys), dtype=np.bool_)
    for placement, groups in gets_there.items():
        done = np.concatenate([change.cell_keys(group[0], group[1]) for group in groups])
        is_done |= (cells.after == placement) & np.isin(keys, done)
    changing = cells.where(~is_done)
    stuck = change.stuck_pending
    stuck = stuck.where(~np.isin(change.cell_keys(stuck.partitions, stuck.nodes), keys))
    # A leader that is gone in fact, but leads in the target.
    wanted = rescued.where(
        (rescued.leaders >= 0) & (change.goals[rescued.partitions] == rescued.leaders)
    )
    lost = Cells(
        wanted.partitions,
        wanted.leaders,
        np.full(len(wanted.partitions), Placement.DEAD, dtype=np.uint8),
        np.full(len(wanted.partitions), Placement.MASTER, dtype=np.uint8),
    )
    parts = (changing, stuck, lost)
    return Cells(
        np.concatenate([part.partitions for part in parts]),
        np.concatenate([part.nodes for part in parts]),
        np.concatenate([part.before for part in parts]),
        np.concatenate([part.after for part in parts]),
    )


def _why(change: Change, partition: int, node: int, after: int) -> str:
    name = change.view.index.names[node]
    if change.is_gone[node]:
        return f"{name} is gone"
    if change.is_unreachable[node]:
        return f"{name} is unreachable"
    if not change.has_source[partition] and after >= Placement.SLAVE:
        return "no copy in sync is left to fill it from"
    if change.lacks_a_copy[partition]:
        return "another copy of it is lost or cannot be filled"
    return "its master cannot be handed over"

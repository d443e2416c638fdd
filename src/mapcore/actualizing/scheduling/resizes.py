"""Maps whose number of hash partitions changes: what comes before the switch, and what after.

To more partitions first, in place, then copies move to where the target wants them; to fewer once
those that become one are alike. So the rest of a schedule is a change between maps with as many
partitions: the larger number of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Work
from mapcore.errors import ScheduleError
from mapcore.keys import HashKeys
from mapcore.maps import PartitionMap
from mapcore.planning.partitioning.resizing import expanded
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["Resize", "check_reachable", "without_resize"]


@dataclass(frozen=True, slots=True)
class Resize:
    """A change of the number of hash partitions.

    Attributes:
        before: how many there are.
        after: how many there shall be.
    """

    before: int
    after: int

    @property
    def comes_first(self) -> bool:
        """Whether it comes before all other steps; otherwise after them."""
        return self.after > self.before

    @property
    def most(self) -> int:
        """The number of partitions while copies move."""
        return max(self.before, self.after)


def without_resize(work: Work) -> tuple[Work, Resize | None]:
    """Return a change between as many partitions, and the resize before or after it.

    Raises:
        ScheduleError: the maps have ranges that differ, or neither number of partitions is a
            multiple of the other.
    """
    current, target = work.snapshot(), work.target
    if current.keys == target.keys:
        return work, None
    before, after = current.partition_count, target.partition_count
    are_hashed = isinstance(current.keys, HashKeys) and isinstance(target.keys, HashKeys)
    if not are_hashed or not HashKeys(before).can_become(after):
        raise ScheduleError(
            f"found a current map over {current.keys!r} and a target over {target.keys!r}, "
            "expected the same partitions, or a multiple or fraction of as many hash partitions; "
            "what ranges that are split or merged may do now, next_steps says"
        )
    resize = Resize(before, after)
    if not resize.comes_first:
        return replace(work, target=expanded(target, before)), resize
    died_at = {
        (str(int(partition) + part * before), node): since
        for (partition, node), since in work.died_at().items()
        for part in range(after // before)
    }
    return replace(work, current=expanded(current, after), dead_since=died_at), resize


def check_reachable(current: PartitionMap, view: NodeView) -> None:
    """Raise a `ScheduleError` if a node holds copies to be split or joined and cannot be asked."""
    is_live = (current.copy_codes & PLACEMENT_MASK) > Placement.DEAD
    nodes = np.unique(current.on_nodes(view.index).copy_nodes[is_live])
    lost = NodeFlag.UNREACHABLE | NodeFlag.GONE
    stuck = nodes[view.flags[nodes] & lost == NodeFlag.UNREACHABLE]
    if stuck.size:
        raise ScheduleError(
            f"found {view.index.names[int(stuck[0])]} unreachable and not gone, with copies whose "
            "partitions are to be split or joined; expected a node that can be asked to"
        )

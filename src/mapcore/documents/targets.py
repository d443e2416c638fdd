"""What a target map may not do: break the constraints that its document states."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Assignment, Settings
from mapcore.documents.places import Place, fail
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["check_target", "count_copies", "falls_short", "has_too_many"]


def count_copies(found: PartitionMap, placement: Placement) -> NDArray[np.int64]:
    """Return how many copies of a placement each partition has."""
    partitions = np.repeat(np.arange(found.partition_count), np.diff(found.offsets))
    chosen = (found.copy_codes & PLACEMENT_MASK) == placement
    return np.bincount(partitions[chosen], minlength=found.partition_count)


def check_target(
    target: PartitionMap,
    settings: Settings,
    place: Place,
    *,
    are_constraints_stated: bool,
    is_partial: bool,
) -> None:
    """Check that each partition has as many masters and slaves as are asked for.

    Nothing is asked for where the document states no constraints, apart from the one master that
    masterSlave means. A partial target owns up to fewer copies than asked, never to more; a copy
    that may not lead, as on a node in maintenance, is a slave in the place of a missing master.
    """
    constraints = settings.constraints
    missing_masters = np.maximum(constraints.master - count_copies(target, Placement.MASTER), 0)
    asked = []
    if are_constraints_stated:
        asked.append((Placement.MASTER, constraints.master, "constraints.master"))
        asked.append((Placement.SLAVE, constraints.slave, "constraints.slave"))
    elif settings.assignment is Assignment.MASTER_SLAVE:
        asked.append((Placement.MASTER, 1, "assignment masterSlave"))
        is_partial = True
    for placement, count, reason in asked:
        counts = count_copies(target, placement)
        room = count + missing_masters if placement == Placement.SLAVE else count
        wrong = counts > room if is_partial else counts != count
        if wrong.any():
            partition = int(np.argmax(wrong))
            fail(
                place.entry(target.keys.name(partition)).field(placement.label),
                f"{counts[partition]} {placement.label}{'' if counts[partition] == 1 else 's'}",
                f"{'at most ' if is_partial else ''}{count}, as {reason} of a target map asks",
            )


def falls_short(target: PartitionMap, settings: Settings) -> bool:
    """Whether a partition has fewer masters or slaves than the constraints ask for."""
    asked = settings.constraints
    return bool(
        (count_copies(target, Placement.MASTER) < asked.master).any()
        or (count_copies(target, Placement.SLAVE) < asked.slave).any()
    )


def has_too_many(target: PartitionMap, settings: Settings) -> bool:
    """Whether a partition has more masters, or more copies in all, than constraints ask for."""
    asked = settings.constraints
    masters = count_copies(target, Placement.MASTER)
    slaves = count_copies(target, Placement.SLAVE)
    room = asked.slave + np.maximum(asked.master - masters, 0)
    return bool((masters > asked.master).any() or (slaves > room).any())

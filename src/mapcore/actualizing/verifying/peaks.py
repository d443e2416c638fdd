"""How many partitions each node leads, over all maps in which a partition has one master.

The peak is the most that any node leads at the start, or shall lead in the end, with what it leads
and cannot hand over, as the next master is lost. What nobody can choose (failovers, and takeovers
from nodes that are leaving or in maintenance) may lift it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.proposals import NodeFlag
from mapcore.actualizing.verifying.promises import Broken, Ends, RowChange
from mapcore.actualizing.verifying.rows import leaders
from mapcore.maps import PartitionMap
from mapcore.states import LEADING, PLACEMENT_MASK

__all__ = ["KeepsPeak"]


class KeepsPeak:
    """No planned takeover lifts a node above the peak, save one node by one.

    Masters that change in a circle among nodes at the peak need that: one goes first.
    """

    def __init__(self, maps: Iterable[Ends]) -> None:
        self._by_map: dict[str, Counter[str]] = {}
        goals: Counter[str] = Counter()
        self._released: set[str] = set()
        for ends in maps:
            if not ends.is_single_master:
                continue
            self._by_map[ends.name] = _masters_of(ends.current)
            final = ends.after_switch or ends
            goals.update(_masters_of(ends.target) | _masters_of(final.target))
            goals.update(_stuck(ends))
            flags = zip(ends.view.index.names, ends.view.flags.tolist(), strict=True)
            self._released.update(node for node, flag in flags if flag & NodeFlag.RELEASED)
        self._masters = sum(self._by_map.values(), Counter())
        self._peak = max([*self._masters.values(), *goals.values()], default=0)
        self._above: set[str] = set()

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a takeover gives a node too many masters."""
        if not change.ends.is_single_master:
            return
        before, after = set(leaders(change.before)), set(leaders(change.after))
        own = self._by_map[change.ends.name]
        own.subtract(before - after)
        own.update(after - before)
        for node in before - after:
            self._masters[node] -= 1
            if self._masters[node] <= self._peak:
                self._above.discard(node)
        source = change.step.source
        is_chosen = change.is_planned_takeover and source and source.node not in self._released
        for node in after - before:
            self._masters[node] += 1
            if self._masters[node] <= self._peak:
                continue
            if not is_chosen:
                self._peak = self._masters[node]
                self._above.clear()
                continue
            self._above.add(node)
            if self._masters[node] > self._peak + 1 or len(self._above) > 1:
                raise Broken(
                    "peak",
                    f"found {node} leading {self._masters[node]} partitions, "
                    f"expected at most {self._peak}, as many as any node led or shall lead",
                )

    def resize(self, name: str, masters: Counter[str]) -> None:
        """Take note of how many partitions of a map each node leads after a change of their number.

        As many more are no fault of a takeover.
        """
        self._masters.subtract(self._by_map[name])
        self._masters.update(masters)
        self._by_map[name] = masters
        self._peak = max([self._peak, *self._masters.values()])
        self._above.clear()


def _masters_of(held: PartitionMap) -> Counter[str]:
    return Counter(dict(zip(held.nodes.names, held.loads(*LEADING).tolist(), strict=True)))


def _stuck(ends: Ends) -> Counter[str]:
    """Return how many partitions each node leads whose next master is on a node that is lost."""
    if ends.current.keys != ends.target.keys:
        return Counter()
    index = ends.view.index
    is_lost = ends.view.flags & (NodeFlag.GONE | NodeFlag.UNREACHABLE) != 0
    now, then = (_leaders_of(held.on_nodes(index)) for held in (ends.current, ends.target))
    stuck = now[(now >= 0) & (then >= 0) & (now != then) & is_lost[then]]
    return Counter(index.names[node] for node in stuck.tolist())


def _leaders_of(held: PartitionMap) -> NDArray[np.int32]:
    """Return a node that leads each partition; -1 for none."""
    found = np.full(held.partition_count, -1, np.int32)
    leads = np.isin(held.copy_codes & PLACEMENT_MASK, LEADING)
    owners = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
    found[owners[leads]] = held.copy_nodes[leads]
    return found

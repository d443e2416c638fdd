"""`maxPeers` on the way: who exchanges data with whom although neither map has them do so.

A plan holds the map in which a change ends to `maxPeers`, and the one in which it starts was held
to it, too. On the way a node may exchange data with its peers of both. Others come to it only by
streams, as long as they run, and by copies that stand where neither map has them: those count
apart, and are no more than `maxPeers` at any moment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations

from mapcore.actualizing.steps import Kind, Step
from mapcore.actualizing.verifying.promises import Broken, RowChange
from mapcore.actualizing.verifying.rows import in_sync, leaders
from mapcore.cluster import MaxPeers
from mapcore.maps import PartitionMap
from mapcore.planning.fanout.measuring import fanout

__all__ = ["FewPeers"]

Pair = tuple[str, str]


class FewPeers:
    """A node has at most `maxPeers` peers at once beside those of either map."""

    def __init__(self, maps: Iterable[PartitionMap], most: MaxPeers) -> None:
        """Take the peers from some maps: the current and the target one."""
        self._most = most
        self._known = {pair for held in maps for pair in _pairs_of(held, most)}
        self._shared: Counter[Pair] = Counter()
        self._others: defaultdict[str, set[str]] = defaultdict(set)

    def check(self, change: RowChange) -> None:
        """Raise `Broken` where a step adds a peer too many."""
        for pair in self._detours(change, change.before):
            self._remove(pair)
        for pair in self._detours(change, change.after):
            self._add(pair)

    def start(self, step: Step) -> None:
        """Count the ends of a stream that starts; raise `Broken` where a peer is too many."""
        self._add(*self._stream(step))

    def end(self, step: Step) -> None:
        """Count the ends of a stream no more."""
        self._remove(*self._stream(step))

    def _stream(self, step: Step) -> tuple[Pair, ...]:
        if step.kind is not Kind.STREAM or step.source is None or step.target is None:
            return ()
        if step.source.map not in (None, step.map) or step.source.node == step.target.node:
            return ()
        return (_pair(step.source.node, step.target.node),)

    def _detours(self, change: RowChange, row: Mapping[str, int]) -> Iterator[Pair]:
        """Yield the pairs that exchange a partition by a copy where neither map has one."""
        ends = change.ends
        planned = {
            node
            for known in (ends.start(change.partition), ends.goal(change.partition))
            for node in in_sync(known, frozenset())
        }
        holders = list(in_sync(row, ends.gone))
        if planned.issuperset(holders):
            return
        led = set(leaders(row, ends.gone))
        for a, b in combinations(holders, 2):
            exchanges = self._most.after == "failover" or (a in led) != (b in led)
            if exchanges and not planned.issuperset((a, b)):
                yield _pair(a, b)

    def _add(self, *pairs: Pair) -> None:
        for pair in pairs:
            self._shared[pair] += 1
            if pair in self._known:
                continue
            for node, other in (pair, pair[::-1]):
                self._others[node].add(other)
                found = len(self._others[node])
                if found > self._most.count:
                    raise Broken(
                        "peers",
                        f"found {node} exchanging data with {found} nodes that are its peers in "
                        f"neither map, expected at most {self._most.count} at once",
                    )

    def _remove(self, *pairs: Pair) -> None:
        for pair in pairs:
            self._shared[pair] -= 1
            if not self._shared[pair]:
                del self._shared[pair]
                for node, other in (pair, pair[::-1]):
                    self._others[node].discard(other)


def _pairs_of(held: PartitionMap, most: MaxPeers) -> Iterable[Pair]:
    found = fanout(held, after=most.after)
    pairs = zip(found.sources.tolist(), found.targets.tolist(), strict=True)
    return (_pair(found.names[a], found.names[b]) for a, b in pairs)


def _pair(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)

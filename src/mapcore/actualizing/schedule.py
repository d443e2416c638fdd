"""A whole change of maps as a schedule: every step, when it runs, and how short that is.

    schedule = mapcore.schedule(current, target, cluster.config, nodes=cluster.nodes)
    schedule.rounds, schedule.bound
    print(schedule.report())
    for step in schedule.steps: ...

A schedule is a forecast, and a document that an executor can run as it stands. A conductor does
not need it: it asks `mapcore.next_steps` what may start now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.blocked import Blocked, blocked_cells, blocked_changes
from mapcore.actualizing.change import Change
from mapcore.actualizing.describing import reasons_as_text, report_of
from mapcore.actualizing.moves import Moves, StreamLimits
from mapcore.actualizing.rounds import Rounds, find_rounds
from mapcore.actualizing.scheduled import StepList
from mapcore.actualizing.sequence import StreamTimes, sequence_of
from mapcore.actualizing.steps import Step
from mapcore.actualizing.strangers import within_peers
from mapcore.actualizing.streams import streams_of
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.times import Times, find_times
from mapcore.actualizing.view import NodeView
from mapcore.cluster import (
    SOLE_MAP,
    Assignment,
    Cluster,
    ClusterMap,
    Config,
    Node,
    Settings,
)
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap

if TYPE_CHECKING:
    from mapcore.planning.plans import Plan

__all__ = ["Schedule", "schedule"]

_CHUNK_LINES: Final = 1000


@dataclass(frozen=True, eq=False)
class Schedule:
    """Steps from one map to another.

    Attributes:
        name: the map's name.
        change: what has to happen, taken apart.
        moves: the copies that are filled, as arrays.
        limits: on their streams, as arrays.
        found: rounds, or times, of the moves, with the lower bound and what it comes from.
        rows: all steps as an array of `sequence.ROW`, in an order in which they may run.
    """

    name: str
    change: Change
    moves: Moves
    limits: StreamLimits
    found: Rounds | Times
    rows: NDArray[Any]

    @property
    def is_timed(self) -> bool:
        """Whether steps stand on a time line in seconds; otherwise in rounds."""
        return isinstance(self.found, Times)

    @property
    def rounds(self) -> int | None:
        """The last round with a stream; None on a time line."""
        return self.found.rounds if isinstance(self.found, Rounds) else None

    @property
    def bound(self) -> int | float:
        """No schedule has fewer rounds, or ends in fewer seconds."""
        if isinstance(self.found, Times):
            return self.found.bound_seconds
        return self.found.bound

    @property
    def length(self) -> int | float:
        """Rounds, or seconds until the last stream ends."""
        if isinstance(self.found, Times):
            return self.found.end_seconds
        return self.found.rounds

    @property
    def is_optimal(self) -> bool:
        """Whether the length is that of the bound."""
        return self.length <= self.bound

    @cached_property
    def steps(self) -> Sequence[Step]:
        """All steps, made when they are asked for, in an order in which they may run."""
        return StepList(self.name, self.change, self.limits, self.rows, is_timed=self.is_timed)

    @property
    def stream_count(self) -> int:
        """How many copies are filled with data."""
        return len(self.moves)

    @cached_property
    def total_bytes(self) -> int | None:
        """What all streams move; None where sizes are not known."""
        return None if self.moves.sizes is None else int(self.moves.sizes.sum())

    @cached_property
    def bytes_in(self) -> dict[str, int]:
        """What each node takes in, where sizes are known; nodes without streams are left out."""
        return self._bytes_by(self.moves.targets)

    @cached_property
    def bytes_out(self) -> dict[str, int]:
        """What each node sends, likewise."""
        return self._bytes_by(self.limits.node_of_volume[self.found.sources])

    def _bytes_by(self, nodes: NDArray[np.int32]) -> dict[str, int]:
        if self.moves.sizes is None:
            return {}
        # Exact up to 2**53 bytes a node.
        sums = np.bincount(nodes, self.moves.sizes)
        names = self.change.view.index.names
        return {names[node]: int(sums[node]) for node in np.unique(nodes).tolist()}

    @cached_property
    def finish(self) -> dict[str, int | float]:
        """In which round, or after how many seconds, each node's last stream ends."""
        last = np.zeros(len(self.change.view))
        ends = self.rows["finish"][self.rows["move"] >= 0]
        for column in ("node", "other"):
            np.maximum.at(last, self.rows[column][self.rows["move"] >= 0], ends)
        names = self.change.view.index.names
        busy = np.flatnonzero(last > 0).tolist()
        if self.is_timed:
            return {names[node]: float(last[node]) for node in busy}
        return {names[node]: int(last[node]) for node in busy}

    @cached_property
    def blocked(self) -> list[Blocked]:
        """Changes that cannot be made: the schedule ends in the target but for these."""
        return blocked_changes(self.change)

    @cached_property
    def blocked_count(self) -> int:
        """How many changes cannot be made."""
        return len(blocked_cells(self.change).partitions)

    @property
    def reasons(self) -> list[str]:
        """What the bound comes from, the strongest reason first, as text."""
        return reasons_as_text(self.found, self.change, self.limits)

    def report(self, limit: int = 20) -> str:
        """Return the schedule as text: its length and why, what each node does, the first steps.

        Args:
            limit: how many steps, and changes that cannot be made, are listed; 0 for none.
        """
        return report_of(self, limit)

    def header(self) -> dict[str, Any]:
        """Return the first line of `to_json_lines`, as a JSON-ready tree."""
        tree: dict[str, Any] = {"map": self.name}
        if isinstance(self.found, Times):
            tree |= {"seconds": self.found.end_seconds, "secondsBound": self.found.bound_seconds}
        else:
            tree |= {"rounds": self.found.rounds, "bound": self.found.bound}
        tree |= {
            "steps": len(self.rows),
            "streams": self.stream_count,
            "blocked": self.blocked_count,
        }
        if self.total_bytes is not None:
            tree["bytes"] = self.total_bytes
        return tree

    def to_json_lines(self) -> Iterator[str]:
        """Yield a header and then a step a line, without line ends."""
        yield msgspec.json.encode(self.header()).decode()
        for position, step in enumerate(self.steps):
            tree = step.to_dict()
            if self.is_timed:
                row = self.rows[position]
                tree |= {"start": float(row["start"]), "finish": float(row["finish"])}
            yield msgspec.json.encode(tree).decode()

    def save(self, path: str | Path) -> None:
        """Write `to_json_lines` to a file.

        Raises:
            OSError: it cannot be written.
        """
        with Path(path).open("w", encoding="utf-8") as file:
            lines: list[str] = []
            for line in self.to_json_lines():
                lines.append(line)
                if len(lines) == _CHUNK_LINES:
                    file.write("\n".join(lines) + "\n")
                    lines.clear()
            file.write("".join(line + "\n" for line in lines))

    def plot(self, path: str | Path, *, most_nodes: int = 60) -> None:
        """Draw what streams into and out of each node, over rounds or seconds, as a picture.

        Args:
            path: of the file; its ending says what kind (png, svg, pdf).
            most_nodes: how many nodes are drawn, the busiest first.

        Raises:
            MapcoreError: matplotlib is not installed (`pip install 'mapcore[plot]'`).
        """
        from mapcore.actualizing.gantt import draw

        draw(self, Path(path), most_nodes)

    def __repr__(self) -> str:
        unit = "seconds" if self.is_timed else "rounds"
        return (
            f"<Schedule of {self.name}: {len(self.rows):,} steps, {self.stream_count:,} streams, "
            f"{self.length:,} {unit}, bound {self.bound:,}>"
        )


@overload
def schedule(
    current: Cluster | Plan,
    target: None = None,
    config: None = None,
    *,
    limits: Limits | None = None,
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule: ...
@overload
def schedule(
    current: PartitionMap,
    target: PartitionMap,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster | NodeView = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step] = (),
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule: ...
def schedule(
    current: PartitionMap | Cluster | Plan,
    target: PartitionMap | None = None,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster | NodeView = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step] = (),
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule:
    """Schedule the whole change from one map to another.

    Args:
        current: what is; pending copies count as what they devolve to. Or a plan, or a cluster with
            one map that has a current and a target map: they say all but the last three arguments.
        target: what shall be; nodes and partitions are matched by name.
        config: throttles and the like.
        nodes: what is known of the nodes: health, mode, location, volumes.
        settings: whether a partition may have several masters.
        limits: the throttles, instead of those of `config`.
        name: the map's name, which steps carry.
        gone: nodes that are known to be gone, beside those whose mode says so.
        in_flight: streams under way: they take up their share of the first round.
        by: `rounds` of streams that run at once, or `time` in seconds. Unless said, time where
            sizes and a rate are known. On a time line, partitions of unknown size count as one
            byte, and without a rate streams move a byte a second.
        effort: how long to try where the bound is hard to reach.

    Raises:
        ScheduleError: the maps have different partitions, the target is no valid target, or a
            throttle is 0.
        KeyboardInterrupt: on Ctrl-C, within some milliseconds.

    Time and memory grow nearly linearly with copies and steps.
    """
    if not isinstance(current, PartitionMap):
        before, after, entry, cluster, name = _ends_of(current)
        return schedule(
            before,
            after,
            cluster.config,
            nodes=cluster.nodes,
            settings=entry.settings,
            limits=limits,
            name=name,
            by=by,
            effort=effort,
        )
    if target is None:
        raise ScheduleError("found no target map, expected one")
    config = config or Config()
    throttles = limits or Limits.from_config(config)
    change = Change(
        current,
        target,
        _view(nodes, current, target, gone),
        is_single_master=(settings or Settings()).assignment is Assignment.MASTER_SLAVE,
    )
    moves, stream_limits = streams_of(
        change, throttles, is_nearest=config.source_choice == "nearest", in_flight=in_flight
    )
    rate = throttles.stream_bytes_per_second
    if by is None:
        by = "time" if moves.sizes is not None and rate is not None else "rounds"
    settings = settings or Settings()
    own = [(change, settings, np.ones(len(moves), dtype=np.bool_))]
    found: Rounds | Times
    if by == "time":
        sizes = np.ones(len(moves)) if moves.sizes is None else np.maximum(moves.sizes, 1)
        rates = np.full(len(change.view), float(rate or 1))
        found = within_peers(
            lambda limits: find_times(moves, limits, sizes.astype(np.float64), rates),
            moves,
            stream_limits,
            own,
        )
        starts, finishes = found.starts, found.finishes
    else:
        found = within_peers(
            lambda limits: find_rounds(moves, limits, effort=effort), moves, stream_limits, own
        )
        starts = found.round_of_move.astype(np.float64)
        finishes = starts + 1
    sources = stream_limits.node_of_volume[found.sources]
    # Where slaves stand relative to their master, those of the next master come first.
    rows = sequence_of(
        change,
        moves,
        StreamTimes(starts, finishes, sources),
        whole_partitions=by == "time" or bool(settings.rules),
    )
    return Schedule(name, change, moves, stream_limits, found, rows)


def _ends_of(
    whole: Cluster | Plan,
) -> tuple[PartitionMap, PartitionMap, ClusterMap, Cluster, str]:
    """Return the current and the target map of a plan or a cluster, and where they belong."""
    if not isinstance(whole, Cluster):
        entry = whole.cluster.maps[whole.map_name]
        return whole.current, whole.target, entry, whole.cluster, whole.map_name
    entry = whole.map()
    if entry.current is None or entry.target is None:
        raise ScheduleError("found a cluster without current or target map, expected both")
    return entry.current, entry.target, entry, whole, next(iter(whole.maps))


def _view(
    nodes: Iterable[Node] | Cluster | NodeView,
    current: PartitionMap,
    target: PartitionMap,
    gone: Collection[str],
) -> NodeView:
    if isinstance(nodes, Cluster):
        nodes = nodes.nodes
    if isinstance(nodes, NodeView):
        if nodes.covers((current, target), gone):
            return nodes
        nodes = [node for node in nodes.nodes if node is not None]
    return NodeView(nodes, (current, target), gone)

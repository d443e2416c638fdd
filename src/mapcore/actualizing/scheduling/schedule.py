"""A whole change of maps as a schedule: every step, when it runs, and how short that is.

    schedule = mapcore.schedule(current, target, cluster.config, nodes=cluster.nodes)
    schedule.rounds, schedule.bound
    print(schedule.report())
    for step in schedule.steps: ...

Several maps on the same nodes make one schedule: `mapcore.schedule(cluster)`. Limits hold for all
of them together, the bound is over the sum, and the maps take turns.

A schedule is a forecast, and a document that an executor can run as it stands. A conductor does
not need it: it asks `mapcore.next_steps` what may start now.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, overload

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapcore.actualizing.live import LiveMap, Underway
from mapcore.actualizing.scheduling.describing import reasons_as_text, report_of
from mapcore.actualizing.scheduling.moves import Moves, StreamLimits
from mapcore.actualizing.scheduling.parts import join, parts_of, rows_of
from mapcore.actualizing.scheduling.rounds import Rounds, find_rounds
from mapcore.actualizing.scheduling.scheduled_change import ScheduledChange
from mapcore.actualizing.scheduling.sequence import StreamTimes
from mapcore.actualizing.scheduling.strangers import within_peers
from mapcore.actualizing.scheduling.streams import check_throttles, limits_of
from mapcore.actualizing.scheduling.times import Times, find_times
from mapcore.actualizing.steps import Step
from mapcore.actualizing.throttles import Limits
from mapcore.actualizing.view import NodeView
from mapcore.actualizing.works import Whole, Work, settled
from mapcore.cluster import SOLE_MAP, Cluster, Config, Node, Settings
from mapcore.errors import ScheduleError
from mapcore.maps import PartitionMap

__all__ = ["Schedule", "schedule"]

_CHUNK_LINES: Final = 1000


class Schedule(ScheduledChange):
    """Steps from one map to another, or from several to as many others."""

    @property
    def reasons(self) -> list[str]:
        """What the bound comes from, the strongest reason first, as text."""
        return reasons_as_text(self)

    def report(self, limit: int = 20) -> str:
        """Return the schedule as text: its length and why, what each node does, the first steps.

        Args:
            limit: how many steps, and changes that cannot be made, are listed; 0 for none.
        """
        return report_of(self, limit)

    def header(self) -> dict[str, Any]:
        """Return the first line of `to_json_lines`, as a JSON-ready tree."""
        tree: dict[str, Any] = {"map": self.name}
        if len(self.parts) > 1:
            tree = {"maps": list(self.names)}
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
        from mapcore.actualizing.scheduling.gantt import draw

        draw(self, Path(path), most_nodes)

    def __repr__(self) -> str:
        unit = "seconds" if self.is_timed else "rounds"
        return (
            f"<Schedule of {self.name}: {len(self.rows):,} steps, {self.stream_count:,} streams, "
            f"{self.length:,} {unit}, bound {self.bound:,}>"
        )


@overload
def schedule(
    current: Whole,
    target: None = None,
    config: Config | None = None,
    *,
    limits: Limits | None = None,
    gone: Collection[str] = (),
    now: float = 0.0,
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule: ...
@overload
def schedule(
    current: Mapping[str, Work],
    target: None = None,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster | NodeView = (),
    limits: Limits | None = None,
    gone: Collection[str] = (),
    now: float = 0.0,
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule: ...
@overload
def schedule(
    current: PartitionMap | LiveMap,
    target: PartitionMap,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster | NodeView = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step | Underway] = (),
    now: float = 0.0,
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule: ...
def schedule(
    current: PartitionMap | LiveMap | Mapping[str, Work] | Whole,
    target: PartitionMap | None = None,
    config: Config | None = None,
    *,
    nodes: Iterable[Node] | Cluster | NodeView = (),
    settings: Settings | None = None,
    limits: Limits | None = None,
    name: str = SOLE_MAP,
    gone: Collection[str] = (),
    in_flight: Iterable[Step | Underway] = (),
    now: float = 0.0,
    by: Literal["rounds", "time"] | None = None,
    effort: float = 1.0,
) -> Schedule:
    """Schedule the whole change from one map to another.

    Args:
        current: what is; pending copies count as what they devolve to. Or a cluster, whose maps
            that have a current and a target map all change; a plan, of one map or of several; or
            a `Work` for each of several maps. These say target, settings, name and what is in
            flight, and all but the works say nodes and config. Whom a `Work` prefers as masters,
            and which losses it accepts, is for `next_steps`.
        target: what shall be; nodes and partitions are matched by name.
        config: throttles and the like.
        nodes: what is known of the nodes: health, mode, location, volumes.
        settings: whether a partition may have several masters; rules and `maxPeers`.
        limits: the throttles, instead of those of `config`.
        name: the map's name, which steps carry.
        gone: nodes that are known to be gone, beside those whose mode says so.
        in_flight: the steps under way; of a live map they are known. Streams that the target wants
            take up their share of the first round, takeovers that it wants are finished first, and
            what leads nowhere is in `Schedule.cancel`. All other steps count as not begun.
        now: when the schedule begins, in seconds on the clock of `Work.dead_since`. Dead copies
            are kept for `config.dead_grace_seconds` before they are collected; those of which
            nobody knows since when they are dead are collected at once.
        by: `rounds` of streams that run at once, or `time` in seconds. Unless said, time where
            sizes and a rate are known. On a time line, partitions of unknown size count as one
            byte, and without a rate streams move a byte a second.
        effort: how long to try where the bound is hard to reach.

    Raises:
        ScheduleError: the maps have different partitions (a multiple or a fraction of as many hash
            partitions is right: a step changes their number), the target is no valid target, or
            a throttle is 0.
        KeyboardInterrupt: on Ctrl-C, within some milliseconds.

    Time and memory grow nearly linearly with copies and steps.
    """
    if isinstance(current, PartitionMap | LiveMap):
        if target is None:
            raise ScheduleError("found no target map, expected one")
        current = {name: Work(current, target, tuple(in_flight), settings or Settings())}
    works, view, config = settled(current, nodes, config, gone)
    if not works:
        raise ScheduleError("found no maps, expected one at least")
    throttles = limits or Limits.from_config(config)
    stream_limits = limits_of(view, throttles)
    parts = parts_of(works, view, stream_limits, config, now)
    moves = join(parts)
    if len(moves):
        check_throttles(throttles)
    rate = throttles.stream_bytes_per_second
    if by is None:
        by = "time" if moves.sizes is not None and rate is not None else "rounds"
    masks = []
    for part in parts:
        is_own = np.zeros(len(moves), dtype=np.bool_)
        is_own[part.places] = True
        masks.append((part.change, part.settings, is_own))
    found: Rounds | Times
    if by == "time":
        sizes = np.ones(len(moves)) if moves.sizes is None else np.maximum(moves.sizes, 1)
        rates = np.full(len(view), float(rate or 1))
        spare = throttles.max_steps is not None

        def find(limits: StreamLimits) -> Times:
            return _find_times(moves, limits, sizes.astype(np.float64), rates, effort, spare)

        found = within_peers(find, moves, stream_limits, masks)
        starts, finishes = found.starts, found.finishes
    else:
        found = within_peers(
            lambda limits: find_rounds(moves, limits, effort=effort), moves, stream_limits, masks
        )
        starts = found.round_of_move.astype(np.float64)
        finishes = starts + 1
    times = StreamTimes(starts, finishes, stream_limits.node_of_volume[found.sources])
    is_timed = by == "time"
    collects_last = not is_timed or throttles.max_steps == 1
    rows = rows_of(parts, times, is_timed=is_timed, collects_last=collects_last)
    return Schedule(parts, moves, stream_limits, found, rows)


def _find_times(
    moves: Moves,
    limits: StreamLimits,
    sizes: NDArray[np.float64],
    rates: NDArray[np.float64],
    effort: float,
    spare: bool,
) -> Times:
    """Find times for moves; `spare` leaves room for one step beside the streams in the cluster.

    On a time line, steps without a stream fall into the streams of other partitions.
    """
    most = limits.in_cluster
    if not spare or most < 2:
        return find_times(moves, limits, sizes, rates, effort=effort)
    fewer = replace(limits, in_cluster=most - 1)
    found = find_times(moves, fewer, sizes, rates, effort=effort)
    reasons = [
        reason._replace(seconds=reason.seconds * (most - 1) / most)
        if reason.kind == "cluster"
        else reason
        for reason in found.reasons
    ]
    reasons.sort(key=lambda reason: -reason.seconds)
    bound = max((reason.seconds for reason in reasons), default=0.0)
    return replace(found, bound_seconds=bound, reasons=tuple(reasons))

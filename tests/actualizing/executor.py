"""An executor of steps that knows nothing but the tables, as they stand in the notes, and counts.

It reads steps as JSON, keeps a plain dict of copies, and objects to everything that must not be:
a change which no table allows, a step that expects something else than there is, two masters,
fewer copies in sync than there were or were asked for, a partition that loses its master while a
copy in sync lives, more work at once than the limits say.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

TABLES = {
    "safe": {"null": "-ddd", "dead": "n-ss", "slave": "dd-m", "master": "sss-"},
    "literal": {"null": "-ddd", "dead": "n-ss", "slave": "dd-m", "master": "ddd-"},
}
RUNNING = {"stopped": "-www", "warming": "c-rc", "running": "cc-c", "cooling": "ssr-"}
PLACES = ("null", "dead", "slave", "master")
RUNS = ("stopped", "warming", "running", "cooling")
PAIRS = {
    ("takeover", "master", "dead", "slave", "master"),
    ("takeover", "master", "slave", "slave", "master"),
    ("stream", "master", "master", "dead", "slave"),
    ("stream", "slave", "slave", "dead", "slave"),
}
DEVOLVED = {"pendingSlave": "slave", "pendingMaster": "master"}


def may_hop(table: dict[str, str], names: tuple[str, ...], before: str, after: str) -> bool:
    """Whether some goal leads from `before` straight to `after`."""
    return after[0] in table[before] and after in names and before != after


@dataclass
class Copy:
    place: str
    running: str = "running"
    pauses: frozenset[str] = frozenset()

    @property
    def in_sync(self) -> bool:
        return self.place not in ("null", "dead")

    @property
    def leads(self) -> bool:
        return self.place in ("master", "pendingMaster")


Row = dict[str, Copy]


@dataclass
class Executor:
    """The copies of each partition by node, and the steps under way."""

    rows: dict[str, Row]
    asked: Callable[[str], int]
    single_master: bool = True
    gone: set[str] = field(default_factory=set)
    unreachable: set[str] = field(default_factory=set)
    in_flight: dict[str, dict[str, Any]] = field(default_factory=dict)
    limits: Callable[[list[dict[str, Any]]], None] = lambda steps: None
    warms_up: bool = False

    def copy(self, partition: str, node: str) -> Copy:
        return self.rows[partition].get(node, Copy("null"))

    def live(self, partition: str) -> int:
        return sum(
            copy.in_sync and node not in self.gone
            for node, copy in self.rows.get(partition, {}).items()
        )

    def masters(self, partition: str) -> int:
        return sum(
            copy.leads and node not in self.gone
            for node, copy in self.rows.get(partition, {}).items()
        )

    def start(self, line: str) -> None:
        step = json.loads(line)
        assert step["step"] not in self.in_flight
        if step["kind"] != "switch":
            self._expect(step, starting=True)
        for _, node, _, _ in self._ends(step):
            is_lost = node in self.gone
            may_be_lost = step["kind"] in ("transition", "switch") or (
                step.get("source", {}).get("node") == node
            )
            assert not is_lost or may_be_lost, step
            assert node not in self.unreachable, step
        if step["kind"] == "takeover" and step["source"]["to"] != "dead":
            self._set(step, {"source": "pendingMaster", "target": "pendingSlave"})
        self.in_flight[step["step"]] = step
        self.limits(list(self.in_flight.values()))

    def complete(self, step_id: str) -> None:
        step = self.in_flight.pop(step_id)
        if step["kind"] == "switch":
            self._switch(step)
            return
        self._expect(step, starting=False)
        partition = step["partition"]
        live, masters = self.live(partition), self.masters(partition)
        self._apply(step)
        asked = self.asked(partition)
        assert self.live(partition) >= min(live, asked), ("copies", step)
        if self.single_master:
            assert self.masters(partition) <= max(1, masters), ("masters", step)
        if masters and self.live(partition):
            assert self.masters(partition), ("no master", step)

    def fail(self, step_id: str) -> None:
        step = self.in_flight.pop(step_id)
        for copy in self.rows[step["partition"]].values():
            if step["kind"] == "takeover":
                copy.place = DEVOLVED.get(copy.place, copy.place)

    def _switch(self, step: dict[str, Any]) -> None:
        """New partitions take the place of old ones: all of them change, or none."""
        if "numPartitions" in step:
            self._resize(step["numPartitions"])
            return
        for change in step["changes"]:
            copy = self.copy(change["partition"], change["node"])
            assert copy.place == change["from"], (step, change, copy)
            copy.place = change["to"]
        for partition in step["retire"]:
            assert not self.masters(partition), step
            assert not self.live(partition), step
        for partition in step["serve"]:
            masters = self.masters(partition)
            assert masters == 1 or (masters > 1 and not self.single_master), step

    def _resize(self, count: int) -> None:
        before = self.rows
        for number in range(max(count, len(before))):
            row = before[str(number % len(before))]
            assert row == before[str(number % count % len(before))]
        self.rows = {
            str(number): {
                node: Copy(copy.place, copy.running, copy.pauses)
                for node, copy in before[str(number % len(before))].items()
            }
            for number in range(count)
        }

    def _ends(self, step: dict[str, Any]) -> list[tuple[str, str, str, str]]:
        if "changes" in step:
            return [("", end["node"], end["from"], end["to"]) for end in step["changes"]]
        if "node" in step:
            return [("node", step["node"], step.get("from", ""), step.get("to", ""))]
        return [
            (side, step[side]["node"], step[side]["from"], step[side]["to"])
            for side in ("source", "target")
        ]

    def _expect(self, step: dict[str, Any], *, starting: bool) -> None:
        partition, kind = step["partition"], step["kind"]
        ends = self._ends(step)
        if kind in ("transition", "stream", "takeover"):
            for side, node, before, _ in ends:
                elsewhere = None if side == "node" else step[side].get("partition")
                place = self.copy(elsewhere or partition, node).place
                is_pending = kind == "takeover" and ends[0][3] != "dead" and not starting
                if is_pending:
                    place = DEVOLVED[place]
                if side == "source" and kind == "stream" and not starting:
                    assert place in ("slave", "master", *DEVOLVED), (step, place)
                    continue
                assert place == before, (step, place)
            if kind == "transition":
                _, node, before, after = ends[0]
                if before in DEVOLVED:
                    assert after == DEVOLVED[before], step
                    return
                allowed = may_hop(TABLES["safe"], PLACES, before, after)
                if node in self.gone:
                    allowed = allowed or may_hop(TABLES["literal"], PLACES, before, after)
                assert allowed, step
                if (before, after) == ("dead", "null") and self.warms_up and node not in self.gone:
                    assert self.copy(partition, node).running == "stopped", step
            else:
                (_, _, s0, s1), (_, gone_or_not, s2, s3) = ends
                assert (kind, s0, s1, s2, s3) in PAIRS, step
                if (s0, s1) == ("master", "dead"):
                    assert ends[0][1] in self.gone, step
                assert gone_or_not not in self.gone
                if kind == "stream" and starting:
                    self._expect_to_stream(step)
        elif kind == "running":
            _, node, before, after = ends[0]
            assert self.copy(partition, node).running == before, step
            assert may_hop(RUNNING, RUNS, before, after), step
        else:
            paused = step["what"] in self.copy(partition, step["node"]).pauses
            assert paused == (kind == "resume"), step

    def _expect_to_stream(self, step: dict[str, Any]) -> None:
        """A source runs, and is up to date if any is; a target runs."""
        assert self.copy(step["partition"], step["target"]["node"]).running == "running", step
        partition = step["source"].get("partition", step["partition"])
        source = self.copy(partition, step["source"]["node"])
        assert source.running != "stopped", step
        if "replication" in source.pauses and "sources" not in step:
            for node, copy in self.rows[partition].items():
                if copy.place in ("slave", "master") and copy.running != "stopped":
                    is_lost = node in self.gone or node in self.unreachable
                    assert is_lost or "replication" in copy.pauses, (step, node)

    def _set(self, step: dict[str, Any], places: dict[str, str]) -> None:
        for side, place in places.items():
            self.rows[step["partition"]][step[side]["node"]].place = place

    def _apply(self, step: dict[str, Any]) -> None:
        row = self.rows[step["partition"]]
        kind = step["kind"]
        if kind == "running":
            row[step["node"]].running = step["to"]
        elif kind in ("pause", "resume"):
            row[step["node"]].pauses ^= {step["what"]}
        else:
            for side, node, before, after in self._ends(step):
                if kind == "stream" and side == "source":
                    continue
                if before == "null":
                    row[node] = Copy(after, step.get("running", "running"))
                elif after == "null":
                    del row[node]
                else:
                    row[node].place = after


@dataclass
class Limits:
    """Counts what goes on at once."""

    into: int | None = None
    out_of: int | None = None
    joint: int | None = None
    backfills: int | None = None
    steps: int | None = None
    scans: dict[tuple[str, str], int] = field(default_factory=dict)
    between_zones: int | None = None
    zones: dict[str, str] = field(default_factory=dict)
    changes: int | None = None
    node_rate: int | None = None
    stream_rate: int | None = None

    def __call__(self, steps: list[dict[str, Any]]) -> None:
        streams = [step for step in steps if step["kind"] == "stream"]
        ends = [(step["source"]["node"], step["target"]["node"]) for step in streams]
        local = Counter(source for source, target in ends if source == target)
        into = Counter(target for _, target in ends)
        out_of = Counter(source for source, _ in ends)
        zones = Counter(
            (self.zones.get(source), self.zones.get(target))
            for source, target in ends
            if self.zones.get(source) != self.zones.get(target)
        )
        for counts, limit in (
            (into, self.into),
            (out_of, self.out_of),
            (into + out_of - local, self.joint),
            (zones, self.between_zones),
        ):
            assert limit is None or max(counts.values(), default=0) <= limit, counts
        changes = Counter(step["partition"] for step in steps)
        assert self.changes is None or max(changes.values(), default=0) <= self.changes, changes
        for side, limit in (("source", self.node_rate), ("target", self.node_rate)):
            rates: Counter[str] = Counter()
            for step in streams if limit is not None else ():
                rates[step[side]["node"]] += step["bytesPerSecond"]
            assert max(rates.values(), default=0) <= (limit or 0), rates
        if self.stream_rate is not None:
            assert all(step["bytesPerSecond"] <= self.stream_rate for step in streams), streams
        assert self.backfills is None or len(streams) <= self.backfills
        assert self.steps is None or len(steps) <= self.steps
        scans = Counter(
            (step["source"]["node"], step["source"].get("volume", "")) for step in streams
        )
        for volume, count in scans.items():
            assert count <= self.scans.get(volume, count), volume

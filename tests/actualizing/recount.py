"""Runs a schedule from its JSON lines, and counts at every instant what goes on.

It knows the tables of the notes and plain dicts, and nothing of how schedules are made or verified.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mapcore.cluster import Config, Node
from mapcore.maps import PartitionMap
from tests.actualizing.executor import PAIRS, PLACES, RUNNING, RUNS, TABLES, Copy, may_hop

Tree = dict[str, Any]
Row = dict[str, Copy]


def rows_of(held: PartitionMap) -> dict[str, Row]:
    """Return the copies of a map by partition and node."""
    found = {}
    for number in range(held.partition_count):
        found[held.keys.name(number)] = {
            copy.node: Copy(
                copy.placement.label,
                copy.running.label,
                frozenset(
                    what
                    for what, bit in (("persistence", 0x20), ("replication", 0x40))
                    if copy.code & bit
                ),
            )
            for copy in held.copies(number)
        }
    return found


@dataclass
class Recount:
    """Maps as plain dicts, run by steps; the most that went on at once, by what is limited.

    `least` says how many copies in sync each partition keeps, `led` whether it shall be led; those
    of maps whose number of partitions changes are not in it.
    """

    maps: dict[str, dict[str, Row]]
    single: dict[str, bool]
    nodes: dict[str, Node]
    least: dict[tuple[str, str], int]
    led: dict[tuple[str, str], bool]
    most: Counter[tuple[str, ...]] = field(default_factory=Counter)
    running: list[Tree] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def run(self, lines: Iterable[str]) -> None:
        """Run a whole schedule in the order of its rounds, or of its seconds."""
        _, *steps = (json.loads(line) for line in lines)
        for instant in _instants(steps):
            for what, step in instant:
                if what == "ends":
                    self.running.remove(step)
                    self._finish(step)
                elif what == "happens":
                    self._begin(step)
                    self._sample()
                    self.running.remove(step)
                    self._finish(step)
                else:
                    self._begin(step)
            self._sample()
        assert not self.running

    def _begin(self, step: Tree) -> None:
        assert set(step["after"]) <= self.done, step
        self.running.append(step)
        rows = self.maps[step["map"]]
        if step["kind"] == "switch":
            assert [each for each in self.running if each["map"] == step["map"]] == [step]
            return
        row = rows[step["partition"]]
        for side in self._sides(step):
            copy = row.get(side["node"], Copy("null"))
            if step["kind"] in ("transition", "stream", "takeover"):
                assert copy.place == side["from"], step
        if step["kind"] == "transition":
            self._check_hop(step)
        elif step["kind"] in ("stream", "takeover"):
            pair = [step[side][end] for side in ("source", "target") for end in ("from", "to")]
            assert (step["kind"], *pair) in PAIRS, step
            if step["kind"] == "stream":
                assert row[step["source"]["node"]].running != "stopped", step
                assert row[step["target"]["node"]].running == "running", step
        elif step["kind"] == "running":
            assert row[step["node"]].running == step["from"], step
            assert may_hop(RUNNING, RUNS, step["from"], step["to"]), step
        else:
            assert (step["what"] in row[step["node"]].pauses) == (step["kind"] == "resume"), step

    def _check_hop(self, step: Tree) -> None:
        if step["from"].startswith("pending"):
            assert step["to"] == step["from"].removeprefix("pending").lower(), step
            return
        allowed = may_hop(TABLES["safe"], PLACES, step["from"], step["to"])
        assert allowed, step

    def _sides(self, step: Tree) -> list[Tree]:
        return [step[side] for side in ("source", "target") if side in step] or [step]

    def _finish(self, step: Tree) -> None:
        self.done.add(step["step"])
        if step["kind"] == "switch":
            self._resize(step)
            return
        row = self.maps[step["map"]][step["partition"]]
        live, led = self._counts(row)
        if step["kind"] == "running":
            row[step["node"]].running = step["to"]
        elif step["kind"] in ("pause", "resume"):
            row[step["node"]].pauses ^= {step["what"]}
        else:
            for side in self._sides(step)[step["kind"] == "stream" :]:
                if side["from"] == "null":
                    row[side["node"]] = Copy(side["to"], step.get("running", "running"))
                elif side["to"] == "null":
                    del row[side["node"]]
                else:
                    row[side["node"]].place = side["to"]
        after, leads = self._counts(row)
        if self.single[step["map"]]:
            assert leads <= max(1, led), step
        least = self.least.get((step["map"], step["partition"]), 0)
        assert after >= min(live, least), step
        if led and after and self.led.get((step["map"], step["partition"])):
            assert leads, step

    def _counts(self, row: Row) -> tuple[int, int]:
        return sum(copy.in_sync for copy in row.values()), sum(copy.leads for copy in row.values())

    def _resize(self, step: Tree) -> None:
        old, after = self.maps[step["map"]], step["numPartitions"]
        before = len(old)
        for number in range(before):
            assert old[str(number)] == old[str(number % after)] or after > before, step
        self.maps[step["map"]] = {
            str(number): {
                node: Copy(copy.place, copy.running, copy.pauses)
                for node, copy in old[str(number % min(before, after))].items()
            }
            for number in range(after)
        }

    def _sample(self) -> None:
        """Count what goes on now."""
        now: Counter[tuple[str, ...]] = Counter()
        for step in self.running:
            now["steps",] += 1
            now["partition", step["map"], step["partition"]] += 1
            if step["kind"] != "stream":
                continue
            source, target = step["source"]["node"], step["target"]["node"]
            now["backfills",] += 1
            now["out", source] += 1
            now["into", target] += 1
            now["joint", source] += 1
            now["joint", target] += 1
            zones = [self.nodes[node].location.split("/")[0] for node in (source, target)]
            if zones[0] != zones[1]:
                now["zones", *zones] += 1
            if step["source"].get("volume"):
                now["scans", source, step["source"]["volume"]] += 1
        for key, count in now.items():
            self.most[key] = max(self.most[key], count)

    def check(self, config: Config) -> None:
        """Hold the most of everything to the limits of a config."""
        limits = {
            "steps": config.max_steps,
            "partition": config.max_changes_per_partition,
            "backfills": config.max_backfills,
            "out": config.max_streams_out_of_node,
            "into": config.max_streams_into_node,
            "joint": config.max_streams_per_node,
            "zones": config.max_streams_between_zones,
        }
        scans = {"ssd": 10, "hdd": 1, **config.max_full_scans_per_volume_type}
        for key, count in self.most.items():
            limit = limits.get(key[0])
            if key[0] == "scans":
                places = [
                    volume.path or f"{volume.type}-{place}"
                    for place, volume in enumerate(self.nodes[key[1]].volumes)
                ]
                limit = scans[self.nodes[key[1]].volumes[places.index(key[2])].type]
            assert limit is None or count <= limit, (key, count, limit)


def _instants(steps: list[Tree]) -> Iterator[list[tuple[str, Tree]]]:
    """Yield what ends, happens and starts at each instant, in this order."""
    is_timed = "start" in (steps[0] if steps else {})
    events: dict[float, list[tuple[int, str, Tree]]] = {}
    for step in steps:
        start = step["start"] if is_timed else 2.0 * step["round"]
        finish = step["finish"] if is_timed else start + 1
        if step["kind"] == "stream":
            events.setdefault(start, []).append((2, "starts", step))
            events.setdefault(finish, []).append((0, "ends", step))
        else:
            events.setdefault(start, []).append((1, "happens", step))
    for instant in sorted(events):
        ordered = sorted(events[instant], key=lambda event: event[0])
        yield [(what, step) for _, what, step in ordered]

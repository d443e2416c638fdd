"""A cluster that a stranger runs: documents in, steps as lines of JSON out, a plain dict between.

Nothing of mapcore is kept from one moment to the next but text: every moment is one at which the
conductor was killed. What it knows of the steps under way it reads back from their lines, or it
does not know of them any more.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import mapcore
from mapcore.actualizing.next_steps import NextSteps, next_steps_of_maps
from mapcore.actualizing.steps import Step
from mapcore.actualizing.works import Work
from mapcore.cluster import Cluster
from tests.actualizing.executor import Copy, Executor, Limits, Row

PLACES = ["null", "dead", "slave", "master"] * 3 + ["pendingSlave", "pendingMaster"]
RUNS = ["stopped", "warming", "running", "cooling"]
SCANS = {"ssd": 10, "hdd": 1}
THROTTLES = [
    "maxStreamsIntoNode",
    "maxStreamsOutOfNode",
    "maxStreamsPerNode",
    "maxStreamsBetweenZones",
    "maxBackfills",
    "maxSteps",
]


class World:
    """Nodes, a current and a target map, and what happens to them, all from one seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        chance = self.random.random
        self.names = [f"n{i}" for i in range(self.random.randint(2, 7))]
        self.maps = self.random.choice([["map"], ["map"], ["users", "orders"]])
        count = self.random.choice([1, 3, 8]) // len(self.maps) or 1
        self.partitions = [f"{name}/{i}" for name in self.maps for i in range(count)]
        self.single = chance() < 0.6
        self.calm = chance() < 0.4
        self.odd_states = chance() < 0.3
        self.sizes = {p: self.random.randint(0, 1000) for p in self.partitions}
        self.has_sizes = chance() < 0.5
        self.config = self.random_config()
        self.nodes = {name: self.random_node() for name in self.names}
        self.now = 0.0
        self.gone: set[str] = set()
        self.unreachable: set[str] = set()
        self.given_up: list[str] = []
        self.revision = 0
        self.dead_since: dict[tuple[str, str], float] = {}
        self.executor = Executor(
            {p: self.random_row() for p in self.partitions},
            self.asked,
            self.single,
            self.gone,
            self.unreachable,
            limits=self.limits(),
            warms_up=self.config["warmsUp"],
        )
        self.target = self.random_target()
        self.old_targets = [self.target]
        self.peaks = dict.fromkeys(self.maps, 0)
        self.measure_peaks()

    def random_config(self) -> dict[str, Any]:
        # Throttles hide one another: often only one of them holds anything back.
        alone = self.random.choice([None, None, *THROTTLES])
        rate = self.random.random() < 0.2

        def limit(name: str) -> int | None:
            if alone is not None:
                return self.random.choice([1, 2]) if name == alone else None
            return self.random.choice([None, None, 1, 2, 3])

        return {name: limit(name) for name in THROTTLES} | {
            "maxChangesPerPartition": self.random.choice([1, 1, 2, None]),
            "maxFullScansPerVolumeType": self.random.choice([{}, {"ssd": 2}, {"ssd": 1, "hdd": 2}]),
            "maxBytesPerSecondPerNode": 1000 if rate else None,
            "maxBytesPerSecondPerStream": self.random.choice([None, 300]) if rate else None,
            "sourceChoice": self.random.choice(["spread", "nearest"]),
            "warmsUp": self.random.random() < 0.3,
            "deadGraceSeconds": self.random.choice([0.0, 0.0, 5.0]),
        }

    def random_node(self) -> dict[str, Any]:
        volumes = self.random.randint(0, 2)
        modes = ["active"] * 6 + ([] if self.calm else ["maintenance", "leaving"])
        return {
            "location": self.random.choice(["z1/r1", "z1/r2", "z2/r1"]),
            "mode": self.random.choice(modes),
            "volumes": [
                {"type": self.random.choice(list(SCANS)), "path": f"/d{number}"}
                for number in range(volumes)
            ],
        }

    def limits(self) -> Limits:
        config = self.config
        scans = SCANS | config["maxFullScansPerVolumeType"]
        return Limits(
            into=config["maxStreamsIntoNode"],
            out_of=config["maxStreamsOutOfNode"],
            joint=config["maxStreamsPerNode"],
            backfills=config["maxBackfills"],
            steps=config["maxSteps"],
            scans={
                (name, volume["path"]): scans[volume["type"]]
                for name, node in self.nodes.items()
                for volume in node["volumes"]
            },
            between_zones=config["maxStreamsBetweenZones"],
            zones={name: node["location"][:2] for name, node in self.nodes.items()},
            changes=config["maxChangesPerPartition"],
            node_rate=config["maxBytesPerSecondPerNode"],
            stream_rate=config["maxBytesPerSecondPerStream"],
        )

    def random_copy(self, place: str) -> Copy:
        if not self.odd_states or self.random.random() < 0.6:
            return Copy(place)
        pauses = [what for what in ("persistence", "replication") if self.random.random() < 0.3]
        return Copy(place, self.random.choice(RUNS), frozenset(pauses))

    def random_row(self) -> Row:
        row, has_master = {}, False
        for name in self.random.sample(self.names, len(self.names)):
            place = self.random.choice(PLACES)
            if place.lower().endswith("master"):
                place = "slave" if has_master and self.single else place
                has_master = True
            if place != "null":
                row[name] = self.random_copy(place)
        return row

    def random_target(self) -> dict[str, Row]:
        well = [name for name in self.names if name not in self.gone]
        target = {}
        for partition in self.partitions:
            chosen = self.random.sample(well, self.random.randint(1, min(4, len(well))))
            masters = 1 if self.single else self.random.randint(1, len(chosen))
            target[partition] = {
                name: self.random_copy("master" if i < masters else "slave")
                for i, name in enumerate(chosen)
            }
        return target

    def asked(self, partition: str) -> int:
        return sum(copy.in_sync for copy in self.target[partition].values())

    def document(self, rows: dict[str, Row], revision: int) -> str:
        """Return a document as somebody else would write it."""
        nodes = {
            name: node
            | {"health": "red" if name in self.unreachable else "green"}
            | ({"mode": "gone"} if name in self.gone else {})
            for name, node in self.nodes.items()
        }
        maps: dict[str, dict[str, Any]] = {name: {} for name in self.maps}
        for partition, row in rows.items():
            fields: dict[str, Any] = {"size": self.sizes[partition]} if self.has_sizes else {}
            for node, copy in row.items():
                fields.setdefault(copy.place, []).append(node)
                if copy.running != "running":
                    fields.setdefault("running", {})[node] = copy.running
                if copy.pauses:
                    fields.setdefault("paused", {})[node] = sorted(copy.pauses)
            name, number = partition.split("/")
            maps[name][number] = fields
        tree = {
            "settings": {"assignment": "masterSlave" if self.single else "multiMaster"},
            "config": self.config,
            "nodes": nodes,
            "maps": {
                name: {
                    "current": {
                        "numPartitions": len(partitions),
                        "keyFunc": "hash-crc32",
                        "version": [1, revision],
                        "partitions": partitions,
                    }
                }
                for name, partitions in maps.items()
            },
        }
        return json.dumps(tree)

    def ask(self) -> NextSteps:
        """Ask what may start, of a process that has just been started."""
        cluster = mapcore.loads(self.document(self.executor.rows, self.revision))
        targets = mapcore.loads(self.document(self.target, 0))
        works = {name: self.work(name, cluster, targets) for name in self.maps}
        return next_steps_of_maps(works, cluster.config, self.now, nodes=cluster.nodes)

    def work(self, name: str, cluster: Cluster, targets: Cluster) -> Work:
        current, target = cluster.maps[name].current, targets.maps[name].current
        assert current is not None
        assert target is not None
        prefix = f"{name}/"
        lines = [
            json.dumps(step | {"partition": step["partition"].removeprefix(prefix)})
            for step in self.executor.in_flight.values()
            if step["map"] == name
        ]
        return Work(
            current,
            target,
            [Step.from_json(line) for line in lines],
            cluster.settings,
            dead_since={
                (partition.removeprefix(prefix), node): since
                for (partition, node), since in self.dead_since.items()
                if partition.startswith(prefix)
            },
            accept_loss=[
                partition.removeprefix(prefix)
                for partition in self.given_up
                if partition.startswith(prefix)
            ],
        )

    def turn(self, *, share: float = 1.0) -> int:
        """Cancel what is to be cancelled and start some of what may; return how many that were."""
        found = self.ask()
        if self.random.random() < 0.2:
            assert list(found) == list(self.ask())
        for step in found.cancel:
            self.executor.fail(step.id)
        if found.cancel:
            assert not {step.id for step in self.ask().cancel} & {s.id for s in found.cancel}
        steps = list(found)
        self.random.shuffle(steps)
        steps = steps[: round(len(steps) * share)]
        for step in steps:
            self.start(step)
        return len(steps) + len(found.cancel)

    def start(self, step: Step) -> None:
        tree = json.loads(step.to_json())
        tree["partition"] = f"{step.map}/{step.partition}"
        if tree.get("to") == "null":
            since = self.dead_since.get((tree["partition"], tree["node"]), -1e9)
            assert self.now - since >= self.config["deadGraceSeconds"], tree
        if (tree.get("from"), tree.get("to")) == ("slave", "dead") and tree[
            "node"
        ] not in self.gone:
            self.check_nothing_is_left_to_fill(tree)
        if tree["kind"] == "takeover" and tree["source"]["to"] == "slave":
            self.check_peak(tree)
        self.executor.start(json.dumps(tree))

    def check_nothing_is_left_to_fill(self, step: dict[str, Any]) -> None:
        """New copies are filled before old ones go."""
        row = self.executor.rows[step["partition"]]
        for node, copy in self.target[step["partition"]].items():
            if copy.in_sync and node not in self.gone and node not in self.unreachable:
                assert node in row, (step, node)
                assert row[node].in_sync, (step, node)

    def masters(self, rows: dict[str, Row], name: str) -> Counter[str]:
        """Count the partitions of a map that each node leads, or is about to."""
        found: Counter[str] = Counter()
        for partition, row in rows.items():
            if partition.startswith(f"{name}/"):
                found.update(node for node, copy in row.items() if copy.leads)
        for step in self.executor.in_flight.values() if rows is self.executor.rows else ():
            if step["kind"] == "takeover" and step["map"] == name:
                found[step["target"]["node"]] += 1
        return found

    def measure_peaks(self) -> None:
        """Note the most masters that any node has, or shall have."""
        for name in self.maps:
            now = self.masters(self.executor.rows, name)
            goals = self.masters(self.target, name)
            self.peaks[name] = max([*now.values(), *goals.values()], default=0)

    def check_peak(self, step: dict[str, Any]) -> None:
        if not self.calm or not self.single:
            return
        name = step["map"]
        busy = any(
            other["kind"] in ("stream", "takeover") and other["map"] == name
            for other in self.executor.in_flight.values()
        )
        after = self.masters(self.executor.rows, name)[step["target"]["node"]] + 1
        assert after <= self.peaks[name] + (not busy), ("peak", step, after, self.peaks)

    def complete(self, step_id: str) -> None:
        step = self.executor.in_flight[step_id]
        self.executor.complete(step_id)
        self.revision += 1
        cells = [(step["partition"], node) for _, node, _, to in self.executor._ends(step)]
        for partition, node in cells:
            if self.executor.copy(partition, node).place != "dead":
                self.dead_since.pop((partition, node), None)
            elif step["kind"] in ("transition", "takeover"):
                self.dead_since[partition, node] = self.now
        is_planned = step["kind"] == "takeover" and step["source"]["to"] == "slave"
        if not is_planned:
            name = step["map"]
            now = self.masters(self.executor.rows, name)
            self.peaks[name] = max([self.peaks[name], *now.values()])

    def happen(self) -> None:
        """Let one thing happen."""
        under_way = list(self.executor.in_flight)
        what = self.random.random()
        name = self.random.choice(self.names)
        if under_way and what < 0.6:
            self.complete(self.random.choice(under_way))
        elif under_way and what < 0.7:
            self.executor.fail(self.random.choice(under_way))
        elif what < 0.74:
            self.restart(name)
        elif what < 0.78:
            self.executor.in_flight.clear()
        elif what < 0.82:
            self.aim(self.random_target())
        elif what < 0.84:
            self.aim(self.random.choice(self.old_targets))
        elif self.calm:
            pass
        elif what < 0.88 and len(self.names) - len(self.gone) > 2:
            self.gone.add(name)
            self.unreachable.discard(name)
            self.aim(self.random_target() if self.random.random() < 0.5 else self.target)
        elif what < 0.90 and name in self.gone:
            self.gone.discard(name)
            self.restart(name)
        elif what < 0.94 and name not in self.gone:
            self.unreachable ^= {name}
        elif what < 0.96:
            self.nodes[name] |= {"mode": self.random.choice(["active", "maintenance", "leaving"])}
        self.now += self.random.random()

    def aim(self, target: dict[str, Row]) -> None:
        self.target = target
        self.old_targets.append(target)
        self.measure_peaks()
        # What leads elsewhere is cancelled before it may be completed.
        for step in self.ask().cancel:
            self.executor.fail(step.id)

    def restart(self, node: str) -> None:
        for step_id, step in list(self.executor.in_flight.items()):
            if node in [end[1] for end in self.executor._ends(step)]:
                self.executor.fail(step_id)

    def is_done(self) -> bool:
        return self.executor.rows == self.target

    def run(self) -> None:
        for _ in range(self.random.randint(0, 60)):
            if self.random.random() < 0.7:
                self.turn(share=self.random.random())
            self.happen()
        self.settle()

    def settle(self) -> None:
        """Let faults end; what is asked for then is reached, and nothing is left behind."""
        self.unreachable.clear()
        if self.gone and any(self.gone & row.keys() for row in self.target.values()):
            self.aim(self.random_target())
        self.given_up = list(self.partitions)
        most = 20 * sum(map(len, [*self.executor.rows.values(), *self.target.values()])) + 20
        idle = 0
        for _ in range(most):
            started = self.turn()
            if self.executor.in_flight:
                self.complete(self.random.choice(list(self.executor.in_flight)))
            elif not started:
                # What still waits can only wait for time to pass.
                idle += 1
                if idle > 5:
                    break
                self.now += 10**6
        assert self.is_done(), (self.executor.rows, self.target)
        left = self.ask()
        assert (list(left), left.cancel, left.held_back_count) == ([], (), 0)

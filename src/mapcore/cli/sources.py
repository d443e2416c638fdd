"""The maps that derived maps come from: of the same document, and of other clusters."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import click
import numpy as np

from mapcore.actualizing.deriving.derived import DerivedSteps, next_derived_steps_of_maps
from mapcore.actualizing.deriving.feed_fields import feeds_in, reach_in
from mapcore.actualizing.deriving.feeds import is_derived
from mapcore.actualizing.works import Work
from mapcore.cli.inputs import fail, read_cluster
from mapcore.cluster import Cluster, Config, Node
from mapcore.maps import PartitionMap
from mapcore.states import PLACEMENT_MASK, Placement

__all__ = ["Sources", "check_founded", "source_options"]

Command = TypeVar("Command", bound=Callable[..., Any])
Follow = Literal["master", "any"]


def source_options(command: Command) -> Command:
    """Add `--source NAME=DOC` and `--follow COPY`."""
    command = click.option(
        "--follow",
        type=click.Choice(["master", "any"]),
        metavar="COPY",
        default="master",
        help=(
            "With --next, which copy of its source feeds a derived copy: the master, or any, as "
            "long as it lives."
        ),
    )(command)
    return click.option(
        "--source",
        "other_clusters",
        metavar="NAME=DOC",
        multiple=True,
        help="A document of another cluster, whose maps are sources called NAME:MAP/PARTITION.",
    )(command)


@dataclass(frozen=True)
class Sources:
    """Maps that others may come from.

    Attributes:
        maps: what each is now, by name.
        nodes: of all clusters.
    """

    maps: Mapping[str, PartitionMap]
    nodes: tuple[Node, ...]

    @classmethod
    def of(cls, cluster: Cluster, doc: str, given: Sequence[str]) -> Sources:
        """Return the maps of a cluster, and those of other documents, given as `NAME=DOC`."""
        maps = {name: entry.current for name, entry in cluster.maps.items() if entry.current}
        nodes = {node.name: node for node in cluster.nodes}
        for each in given:
            name, _, path = each.partition("=")
            if not name or not path:
                raise click.UsageError(f"--source: found {each!r}, expected NAME=DOC.")
            other = read_cluster(path)
            for node in other.nodes:
                if nodes.setdefault(node.name, node) is not node:
                    fail(path, f"found node {node.name!r} of {doc} too, expected another name")
            for map_name, entry in other.maps.items():
                if entry.current is not None:
                    maps[f"{name}:{map_name}"] = entry.current
        return cls(maps, tuple(nodes.values()))

    def told(self, works: Mapping[str, Work]) -> dict[str, Work]:
        """Return the maps that change, those that are derived told so."""
        return {
            name: replace(work, is_derived=True)
            if any(
                is_derived(held, {key: each for key, each in self.maps.items() if key != name})
                for held in (work.snapshot(), work.target)
            )
            else work
            for name, work in works.items()
        }

    def next_steps(
        self, works: Mapping[str, Work], config: Config, gone: Collection[str], follow: Follow
    ) -> DerivedSteps:
        """Return the steps that may start now.

        Raises:
            MapError: maps that nothing can lead to their targets, or that name no source.
        """
        derived = {name: work.snapshot() for name, work in works.items() if work.is_derived}
        return next_derived_steps_of_maps(
            works,
            self.maps if derived else {},
            config,
            feeds={name: feeds_in(held, self.maps, name) for name, held in derived.items()},
            reach=reach_in(self.maps) if derived else None,
            follow=follow,
            nodes=self.nodes,
            gone=gone,
        )


def check_founded(works: Mapping[str, Work], doc: str) -> None:
    """End the run if a derived map has partitions that must be filled from another map first."""
    for name, work in works.items():
        if not work.is_derived:
            continue
        held, target = work.snapshot(), work.target
        live = {held.keys.name(number) for number in _live_rows(held)}
        for number in _live_rows(target):
            partition = target.keys.name(number)
            if number in target.sources and partition not in live:
                fail(
                    doc,
                    f"partition {partition!r} of {name!r} has no copy yet and comes from "
                    f"{target.sources[number]!r}: --next says what may start now, whole schedules "
                    "stay within a map",
                )


def _live_rows(held: PartitionMap) -> list[int]:
    rows = np.repeat(np.arange(held.partition_count), np.diff(held.offsets))
    found: list[int] = np.unique(rows[(held.copy_codes & PLACEMENT_MASK) > Placement.DEAD]).tolist()
    return found

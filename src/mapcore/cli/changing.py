"""The maps of a document that change, as `steps` and `verify` take them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import click

from mapcore.actualizing.works import Work
from mapcore.cli.inputs import choose_form, choose_map, fail, name_completion
from mapcore.cluster import Cluster

__all__ = ["Partitions", "changing_works", "check_gone", "gone_option", "maps_option"]

Command = TypeVar("Command", bound=Callable[..., Any])

gone_option: Final = click.option(
    "--gone",
    metavar="NODE",
    multiple=True,
    shell_complete=name_completion("node"),
    help="A node that is known to be gone, beside those whose mode says so.",
)


def maps_option(command: Command) -> Command:
    """Add `--map NAME`, which may be given several times."""
    return click.option(
        "--map",
        "map_names",
        metavar="NAME",
        multiple=True,
        shell_complete=name_completion("map"),
        help="Only this map; several times. Otherwise all that have a current and a target map.",
    )(command)


def changing_works(cluster: Cluster, doc: str, names: Sequence[str]) -> dict[str, Work]:
    """Return the maps that are named, or all that have a current and a target map."""
    if not names:
        names = [name for name, entry in cluster.maps.items() if entry.current and entry.target]
        if not names and len(cluster.maps) > 1:
            fail(
                doc,
                f"found no target beside a current map in {', '.join(cluster.maps)}, "
                "expected both for one of them",
            )
    works = {}
    given: str | None
    for given in names or (None,):
        name, entry = choose_map(cluster, doc, given)
        _, current = choose_form(entry, doc, "current", only=True)
        _, target = choose_form(entry, doc, "target", only=True)
        works[name] = Work(current, target, settings=entry.settings)
    return works


def check_gone(gone: Collection[str], nodes: Collection[str], doc: str) -> None:
    """End the run if `--gone` names a node that is not there."""
    for name in gone:
        if name not in nodes:
            fail(doc, f"found no node {name!r} (--gone)")


class Partitions:
    """The partitions that are asked for, by name or as MAP/PARTITION; all where none is."""

    def __init__(self, names: Collection[str], works: Mapping[str, Work], doc: str) -> None:
        """Check that there are such partitions; otherwise end the run."""
        self._names = frozenset(names)
        for wanted in names:
            if not any(
                _has(work, partition)
                for name, work in works.items()
                for partition in (wanted, wanted.removeprefix(f"{name}/"))
            ):
                fail(doc, f"found no partition {wanted!r} (--partition)")

    def __bool__(self) -> bool:
        return bool(self._names)

    def __str__(self) -> str:
        return ", ".join(sorted(self._names))

    def __contains__(self, step: Any) -> bool:
        """Whether a step, or another thing with a map and a partition, is about one of them."""
        return (
            not self._names
            or step.partition in self._names
            or f"{step.map}/{step.partition}" in self._names
        )

    def of(self, found: Iterable[Any]) -> Iterator[Any]:
        """Iterate over those that are about one of them."""
        return (each for each in found if each in self)


def _has(work: Work, partition: str) -> bool:
    for held in (work.snapshot(), work.target):
        try:
            held.keys.number(partition)
        except KeyError:
            continue
        return True
    return False

"""Where partitions may stand at all: tags, forbidden and pinned nodes, most copies a node.

Fields of a map's settings, all optional. In those that go by partition, `"*"` stands for all that
are not named:

    "require":   {"*": ["ssd"], "17": ["ssd", "gpu"]}   tags that a node must have
    "forbidden": {"17": ["nodeB"]}                      nodes that may not hold the partition
    "pinned":    {"17": ["nodeA"]}                      nodes that hold the partition
    "maxCopiesPerNode": 200                             the most copies on one node

A node's own field `maxCopies` goes before `maxCopiesPerNode`. Nodes and partitions that are named
must exist. A pin on a node that may hold nothing is left out, and the plan warns of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from mapcore.cluster import Settings
from mapcore.errors import PlanError
from mapcore.planning.placing.placement_problem import PlacementProblem
from mapcore.planning.placing.shares import shares_with_fixed
from mapcore.planning.problem import Start

__all__ = ["FIELDS", "check_restrictions", "restrict", "unmet_pins"]

FIELDS: Final = ("require", "forbidden", "pinned", "maxCopiesPerNode")
_NODE_LIMIT: Final = "maxCopies"
_ALL: Final = "*"


@dataclass(frozen=True, slots=True)
class _Classes:
    """Partitions by what they ask of nodes.

    Attributes:
        numbers: int32, the class of each partition.
        eligible: bool, classes by nodes.
    """

    numbers: NDArray[np.int32]
    eligible: NDArray[np.bool_]


def check_restrictions(start: Start, settings: Settings) -> None:
    """Check the fields, where they are not looked at otherwise.

    Raises:
        PlanError: a field of the wrong kind, or a node or partition that does not exist.
    """
    _limits(start, settings)
    _classes(start, settings)
    _pins(start, settings)


def restrict(
    problem: PlacementProblem,
    start: Start,
    settings: Settings,
    resting: NDArray[np.bool_],
    fitting: NDArray[np.int64] | None = None,
) -> PlacementProblem:
    """Return the problem with what settings and nodes say of where partitions may stand.

    Args:
        problem: the problem without.
        start: what is.
        settings: of the map.
        resting: the nodes in maintenance: they keep what they hold, whatever is asked.
        fitting: by node: the most copies that its volumes hold; None where that is not known.

    Raises:
        PlanError: a field of the wrong kind, or a node or partition that does not exist.
    """
    limit = _limits(start, settings)
    if fitting is not None:
        limit = fitting if limit is None else np.minimum(limit, fitting)
    if limit is None and not any(name in settings.extra for name in FIELDS):
        return problem
    classes = _classes(start, settings)
    pins = _pins(start, settings)
    classes.eligible[:, resting] = True
    allowed = classes.eligible & problem.eligible
    taking = allowed & ~resting  # a pin brings nothing new to a node in maintenance either
    pins = {
        partition: [node for node in nodes if taking[classes.numbers[partition], node]]
        for partition, nodes in pins.items()
        if partition not in start.losses
    }
    pinned = _merged(problem.pinned, pins, problem.copy_counts)
    most = np.bincount(classes.numbers, minlength=len(allowed)) @ allowed
    node_limit = problem.node_limit
    if limit is not None:
        most = np.where(resting, most, np.minimum(most, limit))
        node_limit = np.where(resting, most if node_limit is None else node_limit, limit)
    room = np.minimum(problem.copy_counts, np.count_nonzero(allowed, axis=1)[classes.numbers])
    kept = np.where(resting, problem.lower, -1)
    lower, upper = shares_with_fixed(
        min(int(room.sum()), int(most.sum())),
        start.table.weights,
        start.table.weight_numbers,
        problem.eligible,
        most,
        kept,
    )
    return replace(
        problem,
        lower=lower,
        upper=upper,
        partition_class=classes.numbers,
        class_eligible=classes.eligible,
        pinned=pinned,
        node_limit=node_limit,
    )


def unmet_pins(
    start: Start, settings: Settings, holds: Callable[[int, int], bool]
) -> list[tuple[int, int]]:
    """Return the pins that are not met: partition and node; `holds` says who holds what."""
    return [
        (partition, node)
        for partition, nodes in _pins(start, settings).items()
        for node in nodes
        if not holds(partition, node)
    ]


def _classes(start: Start, settings: Settings) -> _Classes:
    tags = _by_partition(start, settings, "require")
    forbidden = _by_partition(start, settings, "forbidden")
    named = sorted({*tags, *forbidden} - {_ALL}, key=start.current.keys.number)
    asked = {
        name: (
            tuple(tags.get(name, tags.get(_ALL, ()))),
            tuple(forbidden.get(name, forbidden.get(_ALL, ()))),
        )
        for name in (_ALL, *named)
    }
    kinds = list(dict.fromkeys(asked.values()))
    numbers = np.full(start.current.partition_count, kinds.index(asked[_ALL]), np.int32)
    for name in named:
        numbers[start.current.keys.number(name)] = kinds.index(asked[name])
    eligible = np.ones((len(kinds), len(start.table)), np.bool_)
    for row, (wanted, banned) in zip(eligible, kinds, strict=True):
        if wanted:
            row[:] = False
            row[_tagged(start, set(wanted))] = True
        row[[_node(start, "forbidden", name) for name in banned]] = False
    return _Classes(numbers, eligible)


def _tagged(start: Start, wanted: set[str]) -> list[int]:
    return [number for number, node in start.table.special.items() if wanted.issubset(node.tags)]


def _pins(start: Start, settings: Settings) -> dict[int, list[int]]:
    copies = settings.constraints.copy_count
    pins = {}
    for name, nodes in _by_partition(start, settings, "pinned").items():
        if name == _ALL:
            raise PlanError('settings.pinned: found "*", expected names of partitions')
        if len(nodes) > copies:
            raise PlanError(
                f'settings.pinned."{name}": found {len(nodes)} nodes, '
                f"expected at most {copies}, as many as copies are asked for"
            )
        pins[start.current.keys.number(name)] = [_node(start, "pinned", node) for node in nodes]
    return pins


def _limits(start: Start, settings: Settings) -> NDArray[np.int64] | None:
    common = settings.extra.get("maxCopiesPerNode")
    own = {
        number: node.extra[_NODE_LIMIT]
        for number, node in start.table.special.items()
        if _NODE_LIMIT in node.extra
    }
    for place, value in (
        ("settings.maxCopiesPerNode", common),
        *((f"nodes.{start.names.names[n]}.{_NODE_LIMIT}", limit) for n, limit in own.items()),
    ):
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or value < 0
        ):
            raise PlanError(f"{place}: found {value!r}, expected a whole number from 0 up")
    if common is None and not own:
        return None
    most = start.current.partition_count
    unlimited = most if common is None else min(common, most)
    limits = np.full(len(start.table), unlimited, np.int64)
    for number, limit in own.items():
        limits[number] = min(limit, most)
    return limits


def _merged(
    pinned: NDArray[np.int32] | None, pins: Mapping[int, list[int]], counts: NDArray[np.int32]
) -> NDArray[np.int32] | None:
    """Return pinned nodes with more of them, each once a row, and no more than copies."""
    width = max(map(len, pins.values()), default=0)
    if not width:
        return pinned
    more = np.full((len(counts), width), -1, np.int32)
    for partition, nodes in pins.items():
        known = [] if pinned is None else [node for node in pinned[partition].tolist() if node >= 0]
        fresh = [node for node in dict.fromkeys(nodes) if node not in known]
        fresh = fresh[: max(0, int(counts[partition]) - len(known))]
        more[partition, : len(fresh)] = fresh
    return more if pinned is None else np.concatenate([pinned, more], axis=1)


def _by_partition(start: Start, settings: Settings, field: str) -> dict[str, list[str]]:
    """Read a field that lists names by partition."""
    found: Any = settings.extra.get(field, {})
    if not isinstance(found, Mapping):
        raise PlanError(f"settings.{field}: found {found!r}, expected lists by partition")
    for name, names in found.items():
        if not isinstance(names, list | tuple) or not all(isinstance(n, str) for n in names):
            raise PlanError(f'settings.{field}."{name}": found {names!r}, expected a list of names')
        try:
            if name != _ALL:
                start.current.keys.number(name)
        except KeyError:
            raise PlanError(
                f'settings.{field}: found partition "{name}", expected "*" or one of the '
                f"{start.current.partition_count} partitions"
            ) from None
    return dict(found)


def _node(start: Start, field: str, name: str) -> int:
    if name not in start.names:
        raise PlanError(f"settings.{field}: found node {name!r}, which is not in the cluster")
    return start.names.number(name)

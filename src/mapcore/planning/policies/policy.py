"""Policies of your own: a Python function that scores a copy of a partition on a node.

    def free_memory(partition, node, free):
        return free[node]

    policy = mapcore.policy(free_memory, {"n1": 3e9, "n2": 5e9, "n3": 4e9})
    plan = mapcore.plan(cluster, add=["n3"], policy=policy)

Of the plans that are equal up to the number of moves, the one with higher scores of its new copies
is chosen. The function is compiled with Numba to a C function that the engine calls for each pair
that it looks at.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mapcore._kernels import _exchange
from mapcore.errors import PlanError
from mapcore.maps import NodeIndex

if TYPE_CHECKING:
    from mapcore.keys import KeyFunction

__all__ = [
    "NO_POLICY",
    "BoundPolicy",
    "Policy",
    "PolicyOutcome",
    "ScoreFunction",
    "bind_policy",
    "policy",
]

ScoreFunction: TypeAlias = Callable[..., float]

_SAMPLES: Final = 16


@dataclass(frozen=True, slots=True)
class Policy:
    """A function that scores a copy of a partition on a node, and what it knows.

    Attributes:
        function: takes the number of a partition, the number of a node, and the arrays.
        arrays: float64 arrays, or mappings from the names of nodes to numbers, which become arrays
            by node when a plan is made.
    """

    function: ScoreFunction
    arrays: tuple[NDArray[np.float64] | Mapping[str, float], ...] = ()

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", repr(self.function))


def policy(function: ScoreFunction, *arrays: ArrayLike | Mapping[str, float]) -> Policy:
    """Make a policy of a function that scores a copy of a partition on a node.

    Args:
        function: a plain Python function of a partition's number, a node's number and `arrays`, all
            by position. It returns a finite number: the higher, the better. It is compiled with
            Numba in nopython mode: numbers, arithmetic, `math` and arrays, no other objects.
            Partitions and nodes are numbered as in the plan: those of the cluster in their order,
            then added nodes.
        arrays: what it needs to know, of one or two dimensions, copied as float64. A mapping from
            the names of nodes to numbers becomes an array by node.

    Raises:
        PlanError: no such function or array.
    """
    if isinstance(function, Policy) or not callable(function):
        raise PlanError(f"policy: found {function!r}, expected a function")
    function = getattr(function, "py_func", function)  # what Numba has compiled already
    if not inspect.isfunction(function):
        raise PlanError(f"policy: found {function!r}, expected a plain Python function")
    made = Policy(function, tuple(_array(function, values) for values in arrays))
    expected = 2 + len(arrays)
    try:
        inspect.signature(function).bind(*range(expected))
    except TypeError as error:
        raise PlanError(
            f"policy {made.name}: {error}; expected {expected} parameters: partition, node"
            f"{', and one for each array' if arrays else ''}"
        ) from None
    return made


@dataclass(frozen=True, slots=True, eq=False)
class BoundPolicy:
    """A policy, compiled, with the arrays of one plan in memory.

    Attributes:
        policy: the policy.
        address: of the C function.
        data: all arrays, one after the other.
        layout: for each array where it starts in `data`, its rows and its columns.
        arrays: the arrays.
        nodes: the names of nodes.
        keys: of partitions.
    """

    policy: Policy
    address: int
    data: NDArray[np.float64]
    layout: NDArray[np.int64]
    arrays: tuple[NDArray[np.float64], ...]
    nodes: NodeIndex = field(repr=False)
    keys: KeyFunction = field(repr=False)

    @property
    def pointers(self) -> tuple[int, NDArray[np.float64], NDArray[np.int64]]:
        """What kernels take."""
        return self.address, self.data, self.layout

    def error_at(self, partition: int, node: int) -> PlanError:
        """Return why the score of this pair is no finite number, by calling the function itself."""
        try:
            with np.errstate(all="ignore"):
                found = f"gave {self.policy.function(partition, node, *self.arrays)!r}"
        except Exception as error:
            found = f"raised {type(error).__name__}: {error}"
        return PlanError(
            f"policy {self.policy.name}: {found} for partition {self.keys.name(partition)!r} and "
            f"node {self.nodes.names[node]!r} (numbers {partition} and {node}), expected a finite "
            "number"
        )


@dataclass(frozen=True, slots=True)
class PolicyOutcome:
    """What a policy has changed.

    Attributes:
        name: of the policy.
        before: the scores of all new copies in sum, without it.
        after: with it.
        exchanges: how often two new copies changed places.
        shifts: how often one went where there was room.
    """

    name: str
    before: float
    after: float
    exchanges: int
    shifts: int


NO_POLICY: Final = (0, np.zeros(1), np.zeros(1, np.int64))
"""What kernels take where there is no policy."""


def bind_policy(given: Policy | ScoreFunction, nodes: NodeIndex, keys: KeyFunction) -> BoundPolicy:
    """Compile a policy, and try it on some pairs.

    Raises:
        PlanError: it does not compile, raises, or gives no finite number.
        MapcoreError: Numba is not installed.
    """
    from mapcore.planning.policies.compiling import compile_score

    chosen = given if isinstance(given, Policy) else policy(given)
    arrays = tuple(_by_node(chosen, values, nodes) for values in chosen.arrays)
    shapes, start = [], 0
    for array in arrays:
        shapes.append((start, len(array), array.shape[1] if array.ndim == 2 else 1))
        start += array.size
    bound = BoundPolicy(
        chosen,
        compile_score(chosen.function, tuple(array.ndim for array in arrays)),
        np.concatenate([array.ravel() for array in arrays] or [np.zeros(1)]),
        np.array(shapes or [(0, 0, 0)], np.int64).ravel(),
        arrays,
        nodes,
        keys,
    )
    _try_out(bound)
    return bound


def _try_out(bound: BoundPolicy) -> None:
    """Score pairs of partitions and nodes that are spread over all."""
    partitions, nodes = (
        np.unique(np.linspace(0, count - 1, min(count, _SAMPLES)).astype(np.int64))
        for count in (len(bound.keys), len(bound.nodes))
    )
    pairs = np.stack(np.meshgrid(partitions, nodes, indexing="ij"), axis=-1).reshape(-1, 2)
    scores = np.empty(len(pairs))
    _exchange.score_pairs(
        *bound.pointers,
        np.ascontiguousarray(pairs[:, 0]),
        np.ascontiguousarray(pairs[:, 1]),
        scores,
    )
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise bound.error_at(*pairs[wrong[0]].tolist())


def _array(
    function: ScoreFunction, values: ArrayLike | Mapping[str, float]
) -> NDArray[np.float64] | Mapping[str, float]:
    if isinstance(values, Mapping):
        return dict(values)
    try:
        array = np.array(values, np.float64, order="C")
    except (TypeError, ValueError):
        raise PlanError(
            f"policy {function.__name__}: found {type(values).__name__}, expected an array of "
            "numbers, or numbers by name of node"
        ) from None
    if array.ndim not in (1, 2):
        raise PlanError(
            f"policy {function.__name__}: found an array of shape {array.shape}, expected one or "
            "two dimensions"
        )
    return array


def _by_node(
    chosen: Policy, values: NDArray[np.float64] | Mapping[str, float], nodes: NodeIndex
) -> NDArray[np.float64]:
    if isinstance(values, np.ndarray):
        return values
    assert isinstance(values, Mapping)
    missing: Sequence[Any] = [name for name in nodes.names if name not in values]
    if missing:
        more = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        raise PlanError(f"policy {chosen.name}: found no number for node {missing[0]!r}{more}")
    try:
        return np.array([values[name] for name in nodes.names], np.float64)
    except (TypeError, ValueError):
        raise PlanError(f"policy {chosen.name}: expected numbers by name of node") from None

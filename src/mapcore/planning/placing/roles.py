"""Which copies of each partition are its masters.

Each partition has copies on some nodes and is asked for a number of masters. Choosing them is a
minimum-cost flow (partition → its copies → node) with convex costs at the nodes, so the best
choice can be found exactly. What is best, in this order:

1. as many masters as asked, where enough copies may lead;
2. balance: the least sum of squares of the distances of nodes' masters from `[lower, upper]`;
3. where other maps have masters on the same nodes, balance of the sum: the same, measured from
   `[sum_lower, sum_upper]`;
4. the fewest changes of role: masters that are not master now;
5. where `preferred` is given, the fewest masters outside of it.

With `keep_current` 4 goes before 2: current masters that still may lead stay, and the others are
chosen so that the balance is the best that this allows. That is what a failover asks for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mapcore._kernels import _roles
from mapcore.errors import PlanError

__all__ = ["Roles", "RolesCertificate", "RolesProblem", "assign_roles"]

_PRICE_BITS: Final = 60


@dataclass(frozen=True, slots=True)
class RolesProblem:
    """What is known of copies and nodes before masters are chosen.

    Attributes:
        placed: int32, partitions by the most copies: nodes that hold a copy of the partition,
            each once, then -1.
        current_masters: int32, partitions by the most masters: nodes that are master now, -1 for
            none. They may name nodes that no longer hold a copy.
        master_counts: int32, by partition: how many masters are asked for.
        may_lead: by node: False in maintenance. Such a node is never a master, even where nobody
            else can be: the partition then has fewer masters, which is counted in `Roles.missing`.
        lower: int64, by node: the floor of its weighted share of masters.
        upper: int64, by node: the ceiling of its weighted share.
        preferred: int32, as `current_masters`: the masters to prefer among equals, such as those
            of the map before maintenance.
        candidates: bool, aligned with `placed`: the copies that may be masters; None for all. Rules
            leave only those that break them least.
        keep_current: whether current masters that still may lead stay, balanced or not.
        sum_lower: int64 by node, or None where no other maps count: the floor of its share of the
            masters of all maps, less those that the others have there; may be below 0.
        sum_upper: int64 by node, or None: the ceiling of the same.

    Raises:
        PlanError: the arrays do not fit together.
    """

    placed: NDArray[np.int32]
    current_masters: NDArray[np.int32]
    master_counts: NDArray[np.int32]
    may_lead: NDArray[np.bool_]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]
    preferred: NDArray[np.int32] | None = None
    candidates: NDArray[np.bool_] | None = None
    keep_current: bool = False
    sum_lower: NDArray[np.int64] | None = None
    sum_upper: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        partitions, nodes = len(self.placed), len(self.may_lead)
        _check(self.placed, "placed", np.int32, (partitions, None))
        _check(self.current_masters, "current_masters", np.int32, (partitions, None))
        _check(self.master_counts, "master_counts", np.int32, (partitions,))
        _check(self.may_lead, "may_lead", np.bool_, (nodes,))
        _check(self.lower, "lower", np.int64, (nodes,))
        _check(self.upper, "upper", np.int64, (nodes,))
        for name in ("sum_lower", "sum_upper"):
            if (found := getattr(self, name)) is not None:
                _check(found, name, np.int64, (nodes,))
        if (self.sum_lower is None) != (self.sum_upper is None):
            raise PlanError("found one of sum_lower and sum_upper, expected both or neither")
        if self.preferred is not None:
            _check(self.preferred, "preferred", np.int32, (partitions, None))
        if self.candidates is not None:
            _check(self.candidates, "candidates", np.bool_, self.placed.shape)
        if np.any(self.lower < 0) or np.any(self.lower > self.upper):
            node = int(np.argmax((self.lower < 0) | (self.lower > self.upper)))
            raise PlanError(
                f"node {node}: found lower {self.lower[node]} and upper {self.upper[node]}, "
                "expected 0 <= lower <= upper"
            )
        if self.placed.size and int(self.placed.max()) >= nodes:
            raise PlanError(
                f"placed: found node {self.placed.max()}, expected numbers below {nodes}"
            )


@dataclass(frozen=True, slots=True)
class RolesCertificate:
    """Dual prices by node, from which `check_roles` derives lower bounds by itself.

    A price has a part for each level of the objective, as levels are compared before numbers:
    the price of a node is (imbalance, imbalance of the sum, changes, not preferred).

    Attributes:
        prices: int64, nodes by 4.
    """

    prices: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Roles:
    """The masters chosen.

    Attributes:
        is_master: partitions by the most copies, aligned with `RolesProblem.placed`.
        imbalance: the sum over nodes of the squared distance of their masters from their interval.
        sum_imbalance: the same for the sum of all maps; 0 where no other maps count.
        role_changes: the masters that are not master now.
        missing: the masters asked for that no copy could be.
        certificate: the prices that prove that there is no better choice.
    """

    is_master: NDArray[np.bool_]
    imbalance: int
    sum_imbalance: int
    role_changes: int
    missing: int
    certificate: RolesCertificate


def assign_roles(problem: RolesProblem, *, interrupt: Callable[[], object] | None = None) -> Roles:
    """Choose the masters of every partition.

    Time grows with the number of copies, and with what has to be balanced: masters that are
    balanced already are read once. The same problem has the same answer on every machine.

    Args:
        problem: copies, current masters and shares.
        interrupt: called every few milliseconds; what it raises ends the search, as does what a
            signal handler raises, such as KeyboardInterrupt.

    Raises:
        PlanError: a problem so large that its prices do not fit 64 bits, which takes far more than
            a million nodes, or than a hundred thousand where `preferred` is given.
    """
    scale = _Scale.of(problem)
    is_master = np.zeros(problem.placed.shape, np.uint8)
    prices = np.zeros(len(problem.may_lead), np.int64)
    loads = np.zeros(len(problem.may_lead), np.int64)
    missing, role_changes = _roles.solve_roles(
        np.ascontiguousarray(problem.placed),
        np.ascontiguousarray(problem.current_masters),
        None if problem.preferred is None else np.ascontiguousarray(problem.preferred),
        np.ascontiguousarray(problem.master_counts),
        np.ascontiguousarray(problem.may_lead).view(np.uint8),
        None
        if problem.candidates is None
        else np.ascontiguousarray(problem.candidates).view(np.uint8),
        np.ascontiguousarray(problem.lower),
        np.ascontiguousarray(problem.upper),
        None if problem.sum_lower is None else np.ascontiguousarray(problem.sum_lower),
        None if problem.sum_upper is None else np.ascontiguousarray(problem.sum_upper),
        problem.keep_current,
        scale.change,
        scale.unpreferred,
        scale.imbalance_bits,
        scale.sum_bits,
        is_master,
        loads,
        prices,
        interrupt,
    )
    in_sum = 0
    if problem.sum_lower is not None and problem.sum_upper is not None:
        in_sum = _imbalance(loads, problem.sum_lower, problem.sum_upper)
    return Roles(
        is_master=is_master.view(np.bool_),
        imbalance=_imbalance(loads, problem.lower, problem.upper),
        sum_imbalance=in_sum,
        role_changes=role_changes,
        missing=missing,
        certificate=RolesCertificate(scale.split(prices)),
    )


def _imbalance(loads: NDArray[np.int64], lower: NDArray[np.int64], upper: NDArray[np.int64]) -> int:
    outside = loads - np.clip(loads, lower, upper)
    return int(outside @ outside)


@dataclass(frozen=True, slots=True)
class _Scale:
    """What the levels of the objective weigh in the engine's one number.

    The engine adds costs along paths, and a path visits a node at most once: so a level outweighs
    the next one if its unit exceeds the difference of any two sums over as many nodes. Imbalance
    counts at the ends of a path alone.
    """

    change_bits: int
    sum_bits: int
    imbalance_bits: int

    @classmethod
    def of(cls, problem: RolesProblem) -> _Scale:
        path_bits = (4 * len(problem.may_lead) + 4).bit_length()
        change_bits = 0 if problem.preferred is None else path_bits
        sum_bits = imbalance_bits = change_bits + path_bits
        distance = max(len(problem.placed), int(problem.lower.max(initial=0)))
        if problem.sum_lower is not None and problem.sum_upper is not None:
            most = np.bincount(problem.placed[problem.placed >= 0], minlength=len(problem.may_lead))
            distance = _farthest(problem.lower, problem.upper, most)
            imbalance_bits += (
                8 * _farthest(problem.sum_lower, problem.sum_upper, most) + 8
            ).bit_length()
        if imbalance_bits + (2 * distance + 1).bit_length() > _PRICE_BITS:
            raise PlanError(
                f"found {len(problem.may_lead)} nodes with up to {distance} masters each"
                f"{'' if problem.preferred is None else ' and preferred ones'}, "
                f"expected prices of at most {_PRICE_BITS} bits"
            )
        return cls(change_bits, sum_bits, imbalance_bits)

    @property
    def change(self) -> int:
        return 1 << self.change_bits

    @property
    def unpreferred(self) -> int:
        return int(self.change_bits > 0)

    def split(self, prices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return (imbalance, imbalance of the sum, changes, not preferred) of each price."""
        parts = np.zeros((len(prices), 4), np.int64)
        rest, bits_above = prices, -1
        for level, bits in enumerate((self.imbalance_bits, self.sum_bits, self.change_bits)):
            part = parts[:, level]
            if bits == 0:  # all that is left
                part[:] = rest
                return parts
            if bits != bits_above:  # else the part above holds all that this one could
                np.right_shift(rest + (1 << bits >> 1), bits, out=part)
                rest = rest - (part << bits)
            bits_above = bits
        parts[:, 3] = rest
        return parts


def _farthest(lower: NDArray[np.int64], upper: NDArray[np.int64], most: NDArray[np.int64]) -> int:
    """The farthest that loads from none to the most can be outside of the bounds."""
    return max(0, int(lower.max(initial=0)), int((most - upper).max(initial=0)))


def _check(
    array: NDArray[np.generic], name: str, dtype: type, shape: tuple[int | None, ...]
) -> None:
    fits = array.ndim == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        expected = " by ".join("any" if wanted is None else str(wanted) for wanted in shape)
        raise PlanError(
            f"{name}: found {array.dtype} of shape {array.shape}, "
            f"expected {np.dtype(dtype)} of shape {expected}"
        )

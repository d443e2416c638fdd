"""Checks of arrays that come from callers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mapcore.errors import MapError

__all__ = ["frozen", "integers", "one_each"]


def frozen(array: Any) -> Any:
    """Make an array read-only, and return it; None stays None."""
    if array is not None:
        array.flags.writeable = False
    return array


def integers(what: str, given: ArrayLike, dtype: type[np.integer[Any]]) -> NDArray[Any]:
    """Return a copy of `given` as an array of `dtype`.

    Raises:
        MapError: the values are no integers, or do not fit.
    """
    values = np.asarray(given)
    if values.size == 0:
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    if values.dtype.kind not in "iu":
        raise MapError(f"{what}: found {values.dtype}, expected integers")
    if not np.can_cast(values.dtype, dtype):
        for value in (values.min(), values.max()):
            if not limits.min <= value <= limits.max:
                raise MapError(f"{what}: found {value}, expected {limits.min} to {limits.max}")
    return np.array(values, dtype=dtype, order="C")


def one_each(
    what: str, given: ArrayLike | None, dtype: type[np.integer[Any] | np.float64], count: int
) -> NDArray[Any] | None:
    """Return `given` as a read-only array of `count` values of `dtype`, or None for None.

    Raises:
        MapError: it has another shape, or values that `dtype` cannot hold.
    """
    if given is None:
        return None
    values = np.asarray(given)
    if values.dtype != dtype:
        values = (
            integers(what, given, dtype)
            if issubclass(dtype, np.integer)
            else np.array(given, dtype=dtype)
        )
    if values.shape != (count,):
        raise MapError(f"{what}: found shape {values.shape}, expected ({count},)")
    if values.flags.writeable:
        values = values.copy()
    values.flags.writeable = False
    return values

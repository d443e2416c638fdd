"""A policy's function as a C function, by Numba, which is imported here alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from mapcore.errors import MapcoreError, PlanError

__all__ = ["compile_score"]

_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_PLACE: Final = re.compile(r'File "([^"]+)", line (\d+)')

_WRAPPER: Final = """
def score(partition, node, data, layout):
{arrays}
    try:
        return float(function(partition, node{arguments}))
    except Exception:
        return nan
"""
_VECTOR: Final = "    a{k} = carray(data, (layout[{at}] + layout[{at} + 1],))[layout[{at}]:]"
_MATRIX: Final = (
    "    a{k} = carray(data, (layout[{at}] + layout[{at} + 1] * layout[{at} + 2],))"
    "[layout[{at}]:].reshape((layout[{at} + 1], layout[{at} + 2]))"
)


@lru_cache(maxsize=64)
def _compiled(function: Callable[..., float], dimensions: tuple[int, ...]) -> Any:
    try:
        import numba
        from numba import types
    except ImportError:
        raise MapcoreError(
            "a policy needs Numba, which is not installed: pip install 'mapcore[policy]'"
        ) from None
    double, integer = types.float64, types.int64
    arrays = [types.Array(double, dimension, "C") for dimension in dimensions]
    # Indices out of bounds raise; what is raised becomes NaN, which the engine takes for an error.
    checked = numba.njit(boundscheck=True)(function)
    try:
        checked.compile((integer, integer, *arrays))
        signature = double(integer, integer, types.CPointer(double), types.CPointer(integer))
        return numba.cfunc(signature)(_wrapper(checked, dimensions, numba.carray))
    except Exception as error:  # Numba lets through what its parts raise
        name = getattr(function, "__name__", repr(function))
        raise PlanError(f"policy {name}: does not compile: {_shortened(str(error))}") from None


def compile_score(function: Callable[..., float], dimensions: tuple[int, ...]) -> int:
    """Return the address of a C function that calls this one; it lives as long as the process.

    Args:
        function: takes a partition, a node and arrays of float64.
        dimensions: of each array, 1 or 2.

    Raises:
        PlanError: it does not compile.
        MapcoreError: Numba is not installed.
    """
    address: int = _compiled(function, dimensions).address
    return address


def _wrapper(function: Any, dimensions: tuple[int, ...], carray: Any) -> Any:
    """Return a function of pointers that hands arrays to a function of arrays."""
    lines = [
        (_VECTOR if dimension == 1 else _MATRIX).format(k=k, at=3 * k)
        for k, dimension in enumerate(dimensions)
    ]
    arguments = "".join(f", a{k}" for k in range(len(dimensions)))
    names: dict[str, Any] = {"function": function, "carray": carray, "nan": float("nan")}
    exec(_WRAPPER.format(arrays="\n".join(lines), arguments=arguments), names)
    return names["score"]


def _shortened(message: str) -> str:
    """Return what an error of Numba says first, and where."""
    text = _COLOURS.sub("", message)
    lines = [line.strip() for line in text.splitlines()]
    said = [line for line in lines if line and not line.startswith(("Failed in", "File", "During"))]
    place = _PLACE.search(text)
    where = f" ({place[1]}, line {place[2]})" if place else ""
    return f"{said[0] if said else lines[0]}{where}"

"""Values of the model as plain trees, and what must change in one tree to make it another."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any

import msgspec

__all__ = ["fields_of", "merge_patch", "tree_of"]

_NOT_FIELDS = ("name", "extra")


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, Any], ...]:
    """Return attribute, name in documents and default of each field of a struct."""
    return tuple(
        (
            item.name,
            item.encode_name,
            item.default if item.default_factory is msgspec.NODEFAULT else item.default_factory(),
        )
        for item in msgspec.structs.fields(kind)
        if item.name not in _NOT_FIELDS
    )


def tree_of(value: Any) -> Any:
    """Return a value as JSON holds it; fields at their default are left out, `extra` is put in."""
    if isinstance(value, msgspec.Struct):
        tree = {}
        for attribute, name, default in fields_of(type(value)):
            item = getattr(value, attribute)
            if item != default:
                tree[name] = tree_of(item)
        return tree | dict(value.extra)  # type: ignore[attr-defined]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [tree_of(item) for item in value]
    if isinstance(value, Mapping):
        return {name: tree_of(item) for name, item in value.items()}
    return value


def merge_patch(before: Any, after: Any) -> Any:
    """Return the patch that makes `after` of `before` (RFC 7396): null takes a field away."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    patch = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before or before[name] != value:
            patch[name] = merge_patch(before.get(name), value)
    return patch

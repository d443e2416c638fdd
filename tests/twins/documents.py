"""Slow twins of the kernels that read documents."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

FIELDS = ("master", "slave", "dead", "pendingSlave", "pendingMaster")


class Read(NamedTuple):
    names: list[str]
    numbers: list[int]
    copies: list[list[tuple[str, int]]]
    sizes: list[int]
    weights: list[float]
    others: list[str]
    """The names of partitions with fields that are not read."""
    nodes: list[str]


def read_partitions(text: bytes, codes: list[int], known: list[str], may_add: bool) -> Read | None:
    """Read the object of a map's partitions; None for a name of a node that has no number."""
    rows: list[tuple[str, list[tuple[str, Any]]]] = json.loads(text, object_pairs_hook=list)
    read = Read([], [], [], [], [], [], list(known))
    for name, fields in rows:
        plain = name.isascii() and name.isdecimal() and len(name) <= 10
        read.names.append(name)
        read.numbers.append(int(name) if plain and str(int(name)) == name else -1)
        read.copies.append([])
        read.sizes.append(0)
        read.weights.append(1.0)
        for field, value in fields:
            if field in FIELDS:
                read.copies[-1] += [(node, codes[FIELDS.index(field)]) for node in value]
                for node in value:
                    if node not in read.nodes:
                        if not may_add:
                            return None
                        read.nodes.append(node)
            elif field == "size":
                read.sizes[-1] = value
            elif field == "weight":
                read.weights[-1] = float(value)
            elif name not in read.others:
                read.others.append(name)
    return read


def repeats_names(text: bytes) -> bool:
    """Whether an object in `text` holds two members of one name."""
    repeats = False

    def check(pairs: list[tuple[str, Any]]) -> None:
        nonlocal repeats
        repeats |= len(dict(pairs)) < len(pairs)

    json.loads(text, object_pairs_hook=check)
    return repeats

"""Hypothesis strategies for documents, as trees of plain values and as text."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from mapcore.documents.partitions import COPY_FIELDS, PAUSES
from mapcore.states import Running

Tree = dict[str, Any]

LABELS = list(COPY_FIELDS)
names = st.one_of(st.sampled_from(["nodeA", "nodeB", "a", "é", 'q"', "\\"]), st.text(min_size=1))
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


def extras(prefix: str = "x-") -> st.SearchStrategy[Tree]:
    """Return fields that mapcore does not know."""
    unknown = st.text(max_size=4).map(lambda text: prefix + text)
    return st.just({}) | st.dictionaries(unknown, values, max_size=2)


volumes = st.builds(
    lambda fields, extra: fields | extra,
    st.fixed_dictionaries(
        {"type": st.sampled_from(["ssd", "hdd"])},
        optional={"path": st.text(), "capacity": st.integers(0, 2**63 - 1)},
    ),
    extras(),
)


@st.composite
def nodes(draw: st.DrawFn, node_names: list[str], level_count: int) -> Tree:
    tree: Tree = {}
    for name in node_names:
        tree[name] = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "location": st.lists(
                        st.sampled_from(["z1", "z2", "é"]),
                        min_size=level_count or 1,
                        max_size=level_count or 3,
                    ).map("/".join),
                    "weight": st.floats(0, 100) | st.integers(0, 9),
                    "health": st.sampled_from(["green", "yellow", "red"]),
                    "mode": st.sampled_from(["active", "maintenance", "leaving", "gone"]),
                    "volumes": st.lists(volumes, max_size=2),
                    "tags": st.lists(st.sampled_from(["big", "new"]), unique=True),
                },
            )
        )
        if draw(st.integers(0, 5)) == 0:
            tree[name] |= draw(extras())
    return tree


@st.composite
def settings(draw: st.DrawFn, key_func: str | None, count: int | None) -> Tree:
    tree: Tree = draw(extras())
    levels = draw(st.sampled_from([[], ["zone"], ["zone", "rack"]]))
    if levels:
        tree["levels"] = levels
        if draw(st.booleans()):
            tree["spread"] = [{"level": level} | draw(extras()) for level in levels[:1]]
        if len(levels) == 2 and draw(st.booleans()):
            tree["rules"] = {"slave": [{"same": "zone", "different": "rack"} | draw(extras())]}
    if key_func is not None and draw(st.booleans()):
        tree["keyFunc"] = key_func
    if count is not None and draw(st.booleans()):
        tree["numPartitions"] = count
    tree |= draw(
        st.fixed_dictionaries(
            {},
            optional={
                "assignment": st.just("multiMaster"),
                "maxPeers": st.just(3) | st.just({"count": 2, "after": "plan", "reserve": 0}),
                "balance": st.fixed_dictionaries({}, optional={"slack": st.integers(0, 3)}),
                "constraints": st.fixed_dictionaries(
                    {}, optional={"master": st.just(1), "slave": st.integers(0, 2)}
                ),
            },
        )
    )
    return tree


@st.composite
def partitions_of(draw: st.DrawFn, node_names: list[str]) -> Tree:
    """Return one partition."""
    holders: list[str] = draw(st.permutations(node_names))[: draw(st.integers(0, 4))]
    some_holders = st.lists(st.sampled_from(holders), unique=True) if holders else st.just([])
    tree: Tree = {}
    for holder in holders:
        tree.setdefault(draw(st.sampled_from(LABELS)), []).append(holder)
    if draw(st.integers(0, 3)) == 0:
        tree |= draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "size": st.integers(0, 2**63 - 1),
                    "weight": st.floats(0, 1e6) | st.integers(0, 9) | st.just(0.1),
                    "source": names,
                    "slave" if "slave" not in tree else "dead": st.just([]),
                },
            )
            if not {"slave", "dead"} & tree.keys()
            else st.fixed_dictionaries({}, optional={"size": st.integers(0, 2**40)})
        )
        tree |= draw(extras())
        if draw(st.booleans()):
            tree["running"] = {
                holder: draw(st.sampled_from([kind.label for kind in Running]))
                for holder in draw(some_holders)
            }
        if draw(st.booleans()):
            tree["paused"] = {
                holder: draw(st.lists(st.sampled_from(list(PAUSES)), unique=True))
                for holder in draw(some_holders)
            }
    return tree


@st.composite
def ranges(draw: st.DrawFn) -> dict[str, Tree]:
    """Return names of ranges with the start and end that they may need."""
    edges = draw(st.lists(st.binary(max_size=3), min_size=2, max_size=5, unique=True))
    edges.sort()
    found: dict[str, Tree] = {}
    for number, (start, end) in enumerate(pairwise(edges)):
        found[f"range {number}"] = {"start": bound(start), "end": bound(end)}
    if draw(st.booleans()):
        found["last-one-of-all"] = {"start": bound(edges[-1])}
    return draw(st.sampled_from([found, {"a-c": {}, "d-h": {}, "x": {"start": "x"}}]))


def bound(key: bytes) -> Any:
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"hex": key.hex()}


@st.composite
def maps(
    draw: st.DrawFn, node_names: list[str], key_func: str, count: int, type_: str | None
) -> Tree:
    """Return a current or a target map; a target without slaves and with one master each."""
    wanted = {str(i): {} for i in range(count)} if key_func == "hash-crc32" else draw(ranges())
    rows: Tree = {}
    for name in draw(st.permutations(list(wanted))):
        rows[name] = wanted[name] | draw(partitions_of(node_names))
        if type_ == "target":
            for label in ("slave", "master", "running", "paused"):
                rows[name].pop(label, None)
    tree: Tree = {"partitions": rows} | draw(extras())
    if key_func == "range" or draw(st.booleans()):
        tree["keyFunc"] = key_func
    if key_func == "hash-crc32" and draw(st.booleans()):
        tree["numPartitions"] = count
    if draw(st.booleans()):
        tree["version"] = draw(st.tuples(st.integers(0, 9), st.integers(0, 2**63 - 1)).map(list))
    if type_ == "target":
        tree["partial"] = True
    return tree


@st.composite
def documents(draw: st.DrawFn) -> Tree:
    """Return a document that is right."""
    node_names = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    key_func = draw(st.sampled_from(["hash-crc32", "range"]))
    count = draw(st.integers(1, 6))
    tree: Tree = draw(extras())
    hash_count = count if key_func == "hash-crc32" else None
    tree["settings"] = common = draw(settings(key_func, hash_count))
    if draw(st.booleans()):
        tree["nodes"] = draw(nodes(node_names, len(common.get("levels", []))))
    if draw(st.booleans()):
        tree["config"] = {"maxFullScansPerVolumeType": {"ssd": 10}} | draw(extras())
    if draw(st.booleans()):
        type_ = draw(st.sampled_from(["current", "target"]))
        tree["map"] = {"type": type_} | draw(maps(node_names, key_func, count, type_))
    elif draw(st.booleans()):
        tree["maps"] = {}
        for name in draw(st.lists(names, max_size=2, unique=True)):
            entry: Tree = draw(extras())
            for type_ in draw(st.permutations(["target", "current"]))[: draw(st.integers(0, 2))]:
                entry[type_] = draw(maps(node_names, key_func, count, type_))
            if draw(st.booleans()):
                entry["settings"] = {"constraints": {"slave": 1}, "maxPeers": None}
            tree["maps"][name] = entry
    return tree


def strict_texts(trees: st.SearchStrategy[Tree]) -> st.SearchStrategy[bytes]:
    """Return documents as JSON."""
    return st.builds(
        lambda tree, ascii_only, indent: json.dumps(
            tree, ensure_ascii=ascii_only, indent=indent
        ).encode(),
        trees,
        st.booleans(),
        st.sampled_from([None, 1]),
    )


def lenient_text(tree: Any) -> str:
    """Return JSON with a comment and a trailing comma wherever there may be one."""
    if isinstance(tree, dict):
        members = (f"{json.dumps(name)}: {lenient_text(value)}, " for name, value in tree.items())
        return "{ // {,\n" + "/* } */".join(members) + "}"
    if isinstance(tree, list):
        return "[" + "".join(f"{lenient_text(item)}, " for item in tree) + "]"
    return json.dumps(tree)

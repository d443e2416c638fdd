"""The fast way into a document gives what the way that takes everything gives."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mapcore
from mapcore._kernels import _documents
from mapcore.cluster import Cluster
from mapcore.documents.parsing import parse
from mapcore.documents.partitions import COPY_FIELDS, KnownNodes
from mapcore.documents.places import Place
from mapcore.documents.plain import read_nodes, read_rows, split
from mapcore.documents.reading import read_cluster
from mapcore.errors import DocumentError
from tests.documents.comparing import everything
from tests.documents.strategies import documents, strict_texts
from tests.twins import documents as twins

CODES = [COPY_FIELDS[field] for field in twins.FIELDS]


def outcome(read: Any, text: bytes) -> Any:
    """Return what a reader makes of a document, or its error."""
    try:
        return everything(read(text))
    except DocumentError as error:
        return (error.path, error.found, error.expected)


def read_as_tree(text: bytes) -> Cluster:
    return read_cluster(parse(text))


@given(strict_texts(documents()))
def test_both_ways_give_the_same_cluster(text: bytes) -> None:
    assert everything(mapcore.loads(text)) == everything(read_as_tree(text))


@given(strict_texts(documents()), st.data())
def test_both_ways_take_and_refuse_the_same_damaged_documents(
    text: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(text)
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(damaged)))
        length = data.draw(st.integers(0, 4))
        piece = data.draw(st.sampled_from([b"", *(bytes([c]) for c in b'{}[],:"0-.e1\\\xff\0 a')]))
        damaged[position : position + length] = piece
    assert outcome(mapcore.loads, bytes(damaged)) == outcome(read_as_tree, bytes(damaged))


plain_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters='"\\', min_codepoint=32),
    max_size=12,
)
copies = st.lists(plain_names.filter(bool), max_size=4)
fields = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(twins.FIELDS, copies)
    | {
        "size": st.integers(0, 10**18 - 1),
        "weight": st.integers(0, 10**15 - 1)
        | st.tuples(st.integers(1, 10**8), st.integers(0, 999999)).map(
            lambda parts: float(f"{parts[0]}.{parts[1]:06}")
        ),
        "running": st.dictionaries(st.text(), st.text()),
        "unknown": st.just([{"a": [1, "}"]}, "]"]),
    },
)
partition_names = st.integers(0, 2**34).map(str) | plain_names | st.sampled_from(["00", "-1", ""])
tables = st.dictionaries(partition_names, fields, max_size=5)


@given(
    tables,
    st.lists(plain_names.filter(bool), unique=True),
    st.booleans(),
    st.sampled_from([None, 1]),
)
def test_the_kernel_reads_partitions_as_its_twin(
    tree: dict[str, Any], known: list[str], may_add: bool, indent: int | None
) -> None:
    text = json.dumps(tree, ensure_ascii=False, indent=indent).encode()
    twin = twins.read_partitions(text, CODES, known, may_add)
    nodes = KnownNodes(known)
    nodes.may_grow = may_add
    encoded, ends = nodes.encoded()
    most = len(text)
    numbers, offsets = np.empty(most, np.int64), np.empty(most, np.int64)
    spans, others, added = (np.empty((most, width), np.int64) for width in (2, 3, 2))
    copy_nodes, copy_codes = np.empty(most, np.int32), np.empty(most, np.uint8)
    sizes, weights = np.empty(most, np.int64), np.empty(most, np.float64)
    counts = _documents.read_partitions(
        text, np.array(CODES, np.uint8), encoded, ends, may_add, numbers, spans, offsets,
        copy_nodes, copy_codes, sizes, weights, others, added,
    )  # fmt: skip
    if twin is None or counts is None:
        assert twin is None
        assert counts is None
        return
    count, copy_count, other_count, added_count, has_sizes, has_weights = counts
    assert [text[a:b].decode() for a, b in spans[:count]] == twin.names
    assert numbers[:count].tolist() == twin.numbers
    assert known + [text[a:b].decode() for a, b in added[:added_count]] == twin.nodes
    assert offsets[0] == 0
    assert offsets[count] == copy_count
    assert [
        [(twin.nodes[copy_nodes[i]], copy_codes[i]) for i in range(offsets[p], offsets[p + 1])]
        for p in range(count)
    ] == twin.copies
    assert sizes[:count].tolist() == twin.sizes
    assert weights[:count].tolist() == twin.weights
    assert has_sizes == any("size" in row for row in tree.values())
    assert has_weights == any("weight" in row for row in tree.values())
    assert [twin.names[row] for row, _, _ in others[:other_count]] == twin.others
    for row, start, end in others[:other_count].tolist():
        assert json.loads(text[start:end]) == tree[twin.names[row]]


NOT_PLAIN = [
    "",
    "[]",
    '{"0": []}',
    '{"0": {}',
    '{"0": {}} {}',
    '{"0": {},}',
    '{"\\u0030": {}}',
    '{"0": {"master": "a"}}',
    '{"0": {"master": ["a",]}}',
    '{"0": {"master": ["a" "b"]}}',
    '{"0": {"master": [1]}}',
    '{"0": {"master": ["\\u0061"]}}',
    '{"0": {"master": [""]}}',
    '{"0": {"master": ["a"], "master": ["b"]}}',
    '{"0": {"size": 1, "size": 1}}',
    '{"0": {"m\\u0061ster": ["a"]}}',
    '{"0": {"master" ["a"]}}',
    '{"0": {"unknown": ]}}',
    '{"0": {"unknown": "}}',
    '{"0": {"master": ["a"], }}',
    '{"0": {"master": ["a", "a"]}}',
    '{"0": {"master": ["a"], "slave": ["a"]}}',
]


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_is_not_plain_is_left_to_the_tree(text: str) -> None:
    nodes = KnownNodes(None)
    part = memoryview(text.encode())
    assert read_rows(part, Place(), nodes, has_ranges=False) is None
    assert nodes.numbers == {}


@pytest.mark.parametrize("size", ["01", "1.5", "-1", "1e3", "1234567890123456789", "1x", "null"])
@pytest.mark.parametrize("field", ["size", "weight"])
def test_unusual_numbers_are_read_from_a_tree(field: str, size: str) -> None:
    text = f'{{"map": {{"type": "current", "partitions": {{"0": {{"{field}": {size}}}}}}}}}'
    assert outcome(mapcore.loads, text.encode()) == outcome(read_as_tree, text.encode())


@given(
    st.recursive(
        st.text(max_size=2) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(st.tuples(st.sampled_from([*"abcdefghijkl", "\n"]), inner), max_size=12).map(
                lambda pairs: ("object", pairs)
            )
        ),
    )
)
def test_repeated_names_are_suspected_wherever_the_twin_finds_them(tree: Any) -> None:
    def text_of(value: Any) -> str:
        if isinstance(value, tuple):
            members = (f"{json.dumps(name)} : {text_of(item)}" for name, item in value[1])
            return "{" + ", ".join(members) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(text_of, value)) + "]"
        return json.dumps(value, ensure_ascii=False)

    text = text_of(tree).encode()
    most = len(text)
    suspected = _documents.may_repeat_names(
        text, np.empty(most, np.uint64), np.empty(16 + 4 * most, np.uint64)
    )
    repeats = twins.repeats_names(text)
    assert suspected >= repeats
    if b"\\n" not in text:
        assert suspected == repeats


def test_thousands_of_names_are_compared() -> None:
    names = [f"node{i}" for i in range(5000)]
    nodes = ", ".join(f'"{name}": {{}}' for name in names)
    assert read_nodes(memoryview(f"{{{nodes}}}".encode())) is not None
    assert read_nodes(memoryview(f'{{{nodes}, "node77": {{}}}}'.encode())) is None


def test_plain_documents_take_the_fast_way() -> None:
    text = json.dumps(
        {
            "nodes": {"a": {"location": "z1", "volumes": [{"type": "ssd"}]}, "b": {}},
            "maps": {
                "m": {
                    "current": {"partitions": {"0": {"master": ["a"], "running": {"a": "warming"}}}}
                }
            },
        }
    ).encode()
    parted = split(text)
    assert parted is not None
    rest, parts = parted
    assert json.loads(rest) == {"nodes": None, "maps": {"m": {"current": {"partitions": None}}}}
    assert read_nodes(parts["nodes"]) is not None
    part = parts['maps."m".current.partitions']
    assert read_rows(part, Place(), KnownNodes(["a", "b"]), has_ranges=False) is not None

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=False
"""The tables that a router reads, and the lookups in them.

`Tables` never change: a router swaps one for another, and each lookup works on the one that it took
at its start. `RouterCore` is the hot path of `mapcore.routing.Router`, which adds the rest; its
methods are documented there.
"""

from array import array

from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_Check, PyBytes_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_New, PyTuple_SET_ITEM
from cpython.unicode cimport PyUnicode_Check
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint64_t
from mapcore._kernels._ranges cimport RangeIndex, RowKeys, SearchTree

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL

cdef extern from "key_arrays.hpp" namespace "mapcore" nogil:
    cppclass PackedKeys[Offset]:
        const uint8_t *data
        const Offset *offsets
    cppclass ScatteredKeys:
        const uint8_t *const *keys
        const size_t *sizes

cdef extern from "crc32.hpp" namespace "mapcore" nogil:
    cppclass Crc32:
        pass
    const Crc32 *crc32_named(const char *name)

cdef extern from "lookup.hpp" namespace "mapcore" nogil:
    cppclass Modulus:
        Modulus()
        Modulus(unsigned int divisor)
    cppclass Lookup:
        const SearchTree *ranges
        const int32_t *rank_partitions
        Modulus modulus
        const Crc32 *crc32
        const int32_t *masters
        int32_t partition(const uint8_t *key, size_t size)
        size_t partitions[Keys](const Keys &keys, size_t count, int32_t *out)
        size_t nodes[Keys](const Keys &keys, size_t count, int32_t *out)

ctypedef const uint8_t *key_pointer

ctypedef fused offset_t:
    int32_t
    int64_t

cdef enum:
    PLACEMENT = 0b111
    MASTER_BIT = 1 << 30  # beside a node number in `Tables.others`: this copy is a master too
    NODE_MASK = MASTER_BIT - 1
    LIST_CHUNK = 256

# The choices of `Router.pick`.
cdef enum:
    AMONG_MASTERS = 0
    AMONG_SLAVES = 1
    AMONG_COPIES = 2
    BY_ORDER = 0
    BY_DISTANCE = 1
    BY_TURN = 2
    BY_CHANCE = 3

AMONG = {"masters": AMONG_MASTERS, "slaves": AMONG_SLAVES, "copies": AMONG_COPIES}
BY = {"order": BY_ORDER, "nearest": BY_DISTANCE, "round-robin": BY_TURN, "random": BY_CHANCE}
NODES_MAX = NODE_MASK


cdef class Tables:
    """What one map says to a router, in flat arrays.

    Attributes:
        names: the names of the nodes, by number.
        masters: int32, by partition: the node of its first master that is online, or -1.
        others: int32: the other copies that are online, masters first; bit 30 marks masters.
        other_offsets: int32, where each partition's others begin; or None where every partition
            has `other_count` of them.
        ranges: the index over the starts of ranges, or None for hash keys.
        rank_partitions: int32, by rank among the starts: the partition, -1 in a gap; or None where
            it is the rank less one.
        facts: whatever else the router keeps with the tables.
    """

    cdef Lookup lookup
    cdef readonly tuple names
    cdef readonly object masters, others, other_offsets, rank_partitions
    cdef readonly RangeIndex ranges
    cdef readonly object facts
    cdef readonly Py_ssize_t other_count
    cdef bytearray _turns  # uint16 by partition: which copy was last chosen in turn
    cdef uint16_t *turn_counts
    cdef const int32_t[::1] _masters, _others, _other_offsets, _rank_partitions
    cdef const int32_t *_offsets

    def __cinit__(
        self, tuple names, masters, others, other_offsets, Py_ssize_t other_count,
        RangeIndex ranges, rank_partitions, facts, str crc32=None
    ):
        """Take the arrays as right. `crc32` names another implementation than this machine's best."""
        cdef const Crc32 *implementation
        self.names, self.facts = names, facts
        self.masters, self.others, self.other_offsets = masters, others, other_offsets
        self.ranges, self.rank_partitions = ranges, rank_partitions
        self.other_count = other_count
        self._masters = masters
        self._others = others
        if crc32 is not None:
            implementation = crc32_named(crc32.encode())
            if implementation == NULL:
                raise ValueError(f"crc32: found {crc32!r}, which this machine does not have")
            self.lookup.crc32 = implementation
        self.lookup.masters = &self._masters[0]
        if other_offsets is not None:
            self._other_offsets = other_offsets
            self._offsets = &self._other_offsets[0]
        if ranges is None:
            self.lookup.modulus = Modulus(<unsigned int>self._masters.shape[0])
        else:
            self.lookup.ranges = ranges.tree
        if rank_partitions is not None:
            self._rank_partitions = rank_partitions
            self.lookup.rank_partitions = &self._rank_partitions[0]

    @property
    def partition_count(self):
        """How many partitions there are."""
        return self._masters.shape[0]

    cdef inline Py_ssize_t others_begin(self, Py_ssize_t partition) noexcept nogil:
        if self._offsets != NULL:
            return self._offsets[partition]
        return partition * self.other_count

    cdef inline Py_ssize_t candidate_count(self, Py_ssize_t partition) noexcept nogil:
        return (
            self.others_begin(partition + 1) - self.others_begin(partition)
            + (self.lookup.masters[partition] >= 0)
        )

    cdef inline int32_t candidate(self, Py_ssize_t partition, Py_ssize_t i) noexcept nogil:
        """The i-th copy that is online: its node's number, with MASTER_BIT for masters."""
        cdef int32_t master = self.lookup.masters[partition]
        if master >= 0:
            if i == 0:
                return master | MASTER_BIT
            i -= 1
        return self._others[self.others_begin(partition) + i]

    cdef inline Py_ssize_t next_turn(self, Py_ssize_t partition, Py_ssize_t count) noexcept nogil:
        """Which of `count` copies is next, in turn; from then on of the first 65,536."""
        cdef Py_ssize_t turn = (self.turn_counts[partition] + 1) % count
        self.turn_counts[partition] = <uint16_t>turn
        return turn

    cdef int begin_turns(self) except -1:
        cdef bytearray turns
        if self._turns is None:
            turns = bytearray(sizeof(uint16_t) * self._masters.shape[0])
            self.turn_counts = <uint16_t *>PyByteArray_AS_STRING(turns)
            self._turns = turns
        return 0

    def find_rows(self, const uint8_t[:, ::1] rows, int32_t[::1] out, bint to_nodes):
        """Write the partition, or the master's node, of each row without its trailing NULs.

        Return the position of the first key in a gap, or how many keys there are.
        """
        cdef RowKeys keys
        cdef size_t count = rows.shape[0], gap
        if count == 0:
            return 0
        keys.rows = &rows[0, 0]
        keys.width = rows.shape[1]
        with nogil:
            if to_nodes:
                gap = self.lookup.nodes(keys, count, &out[0])
            else:
                gap = self.lookup.partitions(keys, count, &out[0])
        return gap

    def find_packed(
        self, const uint8_t[::1] data, const offset_t[::1] offsets, int32_t[::1] out, bint to_nodes
    ):
        """As `find_rows`, for keys `data[offsets[i]:offsets[i + 1]]`; offsets are taken as checked."""
        cdef PackedKeys[offset_t] keys
        cdef size_t count = offsets.shape[0] - 1, gap
        if count == 0:
            return 0
        keys.data = &data[0] if data.shape[0] else NULL
        keys.offsets = &offsets[0]
        with nogil:
            if to_nodes:
                gap = self.lookup.nodes(keys, count, &out[0])
            else:
                gap = self.lookup.partitions(keys, count, &out[0])
        return gap

    def find_list(self, list keys, int32_t[::1] out, bint to_nodes):
        """As `find_rows`, for a list of keys. Keeps the GIL."""
        cdef key_pointer[LIST_CHUNK] starts
        cdef size_t[LIST_CHUNK] sizes
        cdef ScatteredKeys chunk
        cdef Py_ssize_t first = 0, filled, size, count = len(keys), first_gap = count
        cdef object key
        chunk.keys = starts
        chunk.sizes = sizes
        while first < count:
            if len(keys) != count:
                raise RuntimeError("keys: the list changed its size during the lookup")
            for filled in range(min(LIST_CHUNK, count - first)):
                key = keys[first + filled]
                if PyBytes_Check(key):
                    starts[filled] = <const uint8_t *>PyBytes_AS_STRING(key)
                    sizes[filled] = PyBytes_GET_SIZE(key)
                elif PyUnicode_Check(key):
                    starts[filled] = <const uint8_t *>PyUnicode_AsUTF8AndSize(key, &size)
                    sizes[filled] = size
                else:
                    break
            else:
                filled = min(LIST_CHUNK, count - first)
            if filled == 0:
                # What is neither bytes nor str may run code of others when it is read.
                out[first] = find(self, keys[first])
                if out[first] < 0:
                    first_gap = min(first_gap, first)
                elif to_nodes:
                    out[first] = self.lookup.masters[out[first]]
                first += 1
                continue
            if to_nodes:
                size = self.lookup.nodes(chunk, filled, &out[first])
            else:
                size = self.lookup.partitions(chunk, filled, &out[first])
            if size < filled:
                first_gap = min(first_gap, first + size)
            first += filled
        return first_gap

    def choose(
        self, int32_t[::1] numbers, int among, int by, const uint8_t[::1] distances,
        const uint8_t[::1] avoided, uint64_t seed
    ):
        """Replace partitions by the nodes chosen for them, -1 where there is none.

        `distances` and `avoided` have one entry a node. Not one of the masters only is chosen from,
        but those that `among` and `avoided` leave: see `Router.pick`.
        """
        cdef Py_ssize_t i
        self.begin_turns()
        with nogil:
            for i in range(numbers.shape[0]):
                if numbers[i] >= 0:
                    numbers[i] = chosen(
                        self, numbers[i], among, by, distances, avoided, mixed(seed + i)
                    )

    def fill_copies(self, const int32_t[::1] partitions, int32_t[:, ::1] out):
        """Write the copies of each partition, masters first; -1 for what is not there."""
        cdef Py_ssize_t i, j, other, partition
        with nogil:
            for i in range(partitions.shape[0]):
                j = 0
                partition = partitions[i]
                if partition >= 0:
                    if self._masters[partition] >= 0:
                        out[i, 0] = self._masters[partition]
                        j = 1
                    for other in range(self.others_begin(partition), self.others_begin(partition + 1)):
                        out[i, j] = self._others[other] & NODE_MASK
                        j += 1
                for j in range(j, out.shape[1]):
                    out[i, j] = -1


cdef inline uint64_t mixed(uint64_t x) noexcept nogil:
    """A number that depends on all bits of x: SplitMix64 (Steele, Lea and Flood, 2014)."""
    x += 0x9E3779B97F4A7C15U
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU
    return x ^ (x >> 31)


cdef inline bint is_asked_for(int32_t candidate, int among) noexcept nogil:
    if among == AMONG_MASTERS:
        return candidate & MASTER_BIT != 0
    return among == AMONG_COPIES or candidate & MASTER_BIT == 0


cdef int32_t chosen(
    Tables tables, Py_ssize_t partition, int among, int by, const uint8_t[::1] distances,
    const uint8_t[::1] avoided, uint64_t random
) noexcept nogil:
    """The node chosen for a partition, or -1."""
    cdef Py_ssize_t i, allowed = 0, count = tables.candidate_count(partition)
    cdef int32_t candidate, node, best = -1
    for i in range(count):
        candidate = tables.candidate(partition, i)
        node = candidate & NODE_MASK
        if not is_asked_for(candidate, among) or avoided[node]:
            continue
        allowed += 1
        if best < 0 or (by == BY_DISTANCE and distances[node] < distances[best]):
            best = node
    if allowed < 2 or by == BY_ORDER or by == BY_DISTANCE:
        return best
    if by == BY_CHANCE:
        allowed = random % <uint64_t>allowed
    else:
        allowed = tables.next_turn(partition, allowed)
    for i in range(count):
        candidate = tables.candidate(partition, i)
        node = candidate & NODE_MASK
        if not is_asked_for(candidate, among) or avoided[node]:
            continue
        if allowed == 0:
            return node
        allowed -= 1
    return -1


cdef bytes as_bytes(object key):
    if isinstance(key, (bytearray, memoryview)):
        return bytes(key)
    raise TypeError(
        f"key: found {type(key).__name__}, expected bytes, bytearray, memoryview or str"
    )


cdef inline int32_t find(Tables tables, object key) except? -2:
    """The partition of a key, -1 in a gap."""
    cdef Py_ssize_t size
    cdef const char *data
    if PyBytes_Check(key):
        return tables.lookup.partition(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))
    if PyUnicode_Check(key):
        data = PyUnicode_AsUTF8AndSize(key, &size)
        return tables.lookup.partition(<const uint8_t *>data, size)
    key = as_bytes(key)
    return tables.lookup.partition(<const uint8_t *>PyBytes_AS_STRING(key), PyBytes_GET_SIZE(key))


cdef class RouterCore:
    """One-key lookups; `Router` is what this is for.

    The class above gives `_raise_not_covered(key)` and `_raise_no_master(tables, partition)`.
    """

    cdef Tables _tables

    def __cinit__(self, *args, **kwargs):
        self._tables = EMPTY

    @property
    def tables(self):
        """The tables in use now."""
        return self._tables

    def _swap(self, Tables expected not None, Tables tables not None):
        """Put new tables in place of those expected; False, and nothing done, if others are there."""
        if self._tables is not expected:
            return False
        self._tables = tables
        return True

    cdef inline int32_t _partition(self, Tables tables, object key) except -1:
        cdef int32_t partition = find(tables, key)
        if partition < 0:
            self._raise_not_covered(key)
            raise AssertionError("a gap was not reported")
        return partition

    cdef inline int32_t _master(self, Tables tables, object key) except -1:
        cdef int32_t partition = self._partition(tables, key)
        cdef int32_t node = tables.lookup.masters[partition]
        if node < 0:
            self._raise_no_master(tables, partition)
            raise AssertionError("a missing master was not reported")
        return node

    def __getitem__(self, key):
        cdef Tables tables = self._tables
        return <object>PyTuple_GET_ITEM(tables.names, self._master(tables, key))

    def __contains__(self, key):
        return find(self._tables, key) >= 0

    def partition(self, key):
        """Return the number of the partition that the key belongs to.

        Raises:
            KeyNotCovered: no partition covers the key.
        """
        return self._partition(self._tables, key)

    def node(self, key):
        """Return the name of the node that is master for the key; `router[key]` is the same, faster.

        Of several masters, the first.

        Raises:
            KeyNotCovered: no partition covers the key.
            NoMaster: its partition has no master that is online.
        """
        cdef Tables tables = self._tables
        return <object>PyTuple_GET_ITEM(tables.names, self._master(tables, key))

    def node_number(self, key):
        """As `node`, but return the node's number."""
        return self._master(self._tables, key)

    def get(self, key, default=None):
        """As `node`, but return the default where no partition covers the key, or has no master."""
        cdef Tables tables = self._tables
        cdef int32_t partition = find(tables, key)
        if partition < 0 or tables.lookup.masters[partition] < 0:
            return default
        return <object>PyTuple_GET_ITEM(tables.names, tables.lookup.masters[partition])

    def _pick(self, Tables tables, key, int among, int by, const uint8_t[::1] distances, avoid, random):
        """Return (partition, node number) for `Router.pick`; the node is -1 where there is none."""
        cdef Py_ssize_t partition = self._partition(tables, key)
        cdef Py_ssize_t i, count = tables.candidate_count(partition)
        cdef int32_t candidate, node, best = -1
        cdef list nodes = []
        for i in range(count):
            candidate = tables.candidate(partition, i)
            node = candidate & NODE_MASK
            if not is_asked_for(candidate, among):
                continue
            if avoid and <object>PyTuple_GET_ITEM(tables.names, node) in avoid:
                continue
            if by == BY_TURN or by == BY_CHANCE:
                nodes.append(node)
            elif best < 0 or (by == BY_DISTANCE and distances[node] < distances[best]):
                best = node
        if nodes:
            if by == BY_CHANCE:
                i = random(len(nodes))
                if not 0 <= i < len(nodes):
                    raise ValueError(f"random: gave {i}, expected 0 to {len(nodes) - 1}")
            else:
                tables.begin_turns()
                i = tables.next_turn(partition, len(nodes))
            return partition, nodes[i]
        return partition, best

    def _serves(self, str node, key, int among):
        """As `Router.serves`."""
        cdef Tables tables = self._tables
        cdef Py_ssize_t i, partition = find(tables, key)
        cdef int32_t candidate
        if partition < 0:
            return False
        for i in range(tables.candidate_count(partition)):
            candidate = tables.candidate(partition, i)
            if (
                is_asked_for(candidate, among)
                and <object>PyTuple_GET_ITEM(tables.names, candidate & NODE_MASK) == node
            ):
                return True
        return False

    def copies(self, key):
        """Return the names of the nodes that hold a copy of the key and are online, masters first.

        Raises:
            KeyNotCovered: no partition covers the key.
        """
        cdef Tables tables = self._tables
        return copies_of(tables, self._partition(tables, key), tables.names)

    def copy_numbers(self, key):
        """As `copies`, but return the nodes' numbers."""
        cdef Tables tables = self._tables
        return copies_of(tables, self._partition(tables, key), None)


cdef tuple copies_of(Tables tables, Py_ssize_t partition, tuple names):
    cdef Py_ssize_t other = tables.others_begin(partition)
    cdef Py_ssize_t end = tables.others_begin(partition + 1)
    cdef int32_t master = tables.lookup.masters[partition]
    cdef Py_ssize_t i = 0
    cdef tuple copies = PyTuple_New(end - other + (master >= 0))
    if master >= 0:
        set_copy(copies, 0, master, names)
        i = 1
    for other in range(other, end):
        set_copy(copies, i, tables._others[other] & NODE_MASK, names)
        i += 1
    return copies


cdef inline int set_copy(tuple copies, Py_ssize_t i, Py_ssize_t node, tuple names) except -1:
    cdef object copy = node if names is None else <object>PyTuple_GET_ITEM(names, node)
    Py_INCREF(copy)
    PyTuple_SET_ITEM(copies, i, copy)
    return 0


# What a router has before it has a map: one partition, and no master.
EMPTY = Tables((), array("i", [-1]), array("i"), None, 0, None, None, None)

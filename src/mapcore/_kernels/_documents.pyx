# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Readers of the two large parts of a document, straight from its bytes.

They take strict JSON in its plain form, which is what programs write: no escapes in names, known
fields. They never guess: where something is not plain they say so, and the caller reads that part
in the way that takes everything and finds every mistake. What they skip is decoded by others.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t
from libc.string cimport memcmp, memset

from mapcore._kernels._json cimport (
    COLON,
    COMMA,
    LEFT_BRACE,
    LEFT_BRACKET,
    NINE,
    POINT,
    QUOTE,
    RIGHT_BRACE,
    RIGHT_BRACKET,
    ZERO,
    end_of_plain_string,
    is_space,
    skip_space,
    skip_string,
    skip_value,
)
from mapcore._kernels._names cimport (
    Names,
    end_names,
    hash_of,
    number_of_name,
    start_names,
)

cdef enum:
    # Depth up to which names are compared; deeper documents are left to the other reader.
    DEPTH_MAX = 32
    # Objects of so few members are compared pair by pair.
    FEW_MEMBERS = 8
    # A partition number has at most 10 digits; a size 18, which always fits 64 bits.
    NUMBER_DIGITS_MAX = 10
    SIZE_DIGITS_MAX = 18
    # Up to 15 digits and 10**15 are exact as doubles, so that one division rounds correctly.
    WEIGHT_DIGITS_MAX = 15

cdef double[16] POWERS_OF_TEN
POWERS_OF_TEN[:] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15
]

# Fields of a partition. Copies are first, so that a field below FIELD_SIZE is an index of CODES.
cdef enum:
    FIELD_MASTER = 0
    FIELD_SLAVE = 1
    FIELD_DEAD = 2
    FIELD_PENDING_SLAVE = 3
    FIELD_PENDING_MASTER = 4
    FIELD_SIZE = 5
    FIELD_WEIGHT = 6
    FIELD_OTHER = 7


cdef inline bint is_word(
    const uint8_t *start, Py_ssize_t length, const char *word, Py_ssize_t word_length
) noexcept nogil:
    return length == word_length and memcmp(start, word, length) == 0


cdef inline int field_of(const uint8_t *start, Py_ssize_t length) noexcept nogil:
    if is_word(start, length, b"master", 6):
        return FIELD_MASTER
    if is_word(start, length, b"slave", 5):
        return FIELD_SLAVE
    if is_word(start, length, b"dead", 4):
        return FIELD_DEAD
    if is_word(start, length, b"size", 4):
        return FIELD_SIZE
    if is_word(start, length, b"weight", 6):
        return FIELD_WEIGHT
    if is_word(start, length, b"pendingSlave", 12):
        return FIELD_PENDING_SLAVE
    if is_word(start, length, b"pendingMaster", 13):
        return FIELD_PENDING_MASTER
    return FIELD_OTHER


cdef inline bint ends_number(const uint8_t *at, const uint8_t *end) noexcept nogil:
    return at < end and (is_space(at[0]) or at[0] == COMMA or at[0] == RIGHT_BRACE)


cdef inline int64_t partition_number(const uint8_t *start, Py_ssize_t length) noexcept nogil:
    """Return the number that a name spells in plain decimal form, or -1."""
    cdef int64_t number = 0
    cdef Py_ssize_t i
    if length == 0 or length > NUMBER_DIGITS_MAX or (start[0] == ZERO and length > 1):
        return -1
    for i in range(length):
        if start[i] < ZERO or start[i] > NINE:
            return -1
        number = 10 * number + (start[i] - ZERO)
    return number


cdef const uint8_t *read_size(
    const uint8_t *at, const uint8_t *end, int64_t *size
) noexcept nogil:
    """Read a whole number; NULL if it is anything else, or long."""
    cdef const uint8_t *start = at
    cdef int64_t number = 0
    while at < end and ZERO <= at[0] <= NINE:
        if at - start == SIZE_DIGITS_MAX:
            return NULL
        number = 10 * number + (at[0] - ZERO)
        at += 1
    if at == start or not ends_number(at, end) or (start[0] == ZERO and at - start > 1):
        return NULL
    size[0] = number
    return at


cdef const uint8_t *read_weight(
    const uint8_t *at, const uint8_t *end, double *weight
) noexcept nogil:
    """Read a short decimal number such as 12.5, exactly; NULL if it is anything else."""
    cdef const uint8_t *start = at
    cdef const uint8_t *point = NULL
    cdef int64_t number = 0
    cdef int digits = 0, decimals = 0
    while at < end and (ZERO <= at[0] <= NINE or (at[0] == POINT and point == NULL)):
        if at[0] == POINT:
            point = at
        else:
            if digits == WEIGHT_DIGITS_MAX:
                return NULL
            number = 10 * number + (at[0] - ZERO)
            digits += 1
            decimals += point != NULL
        at += 1
    if at == start or not ends_number(at, end) or point == start:
        return NULL
    if point != NULL and decimals == 0:
        return NULL
    if start[0] == ZERO and at - start > 1 and start[1] != POINT:
        return NULL
    weight[0] = <double>number / POWERS_OF_TEN[decimals]
    return at


cdef struct Output:
    int64_t *numbers
    int64_t *name_spans
    int64_t *offsets
    int32_t *copy_nodes
    uint8_t *copy_codes
    int64_t *sizes
    double *weights
    int64_t *others
    Py_ssize_t partitions
    Py_ssize_t copies
    Py_ssize_t other_count
    bint has_sizes
    bint has_weights


cdef const uint8_t *read_copies(
    const uint8_t *at, const uint8_t *end, uint8_t code, Names *names, bint may_add, Output *out
) noexcept nogil:
    """Read a list of names of nodes; NULL if it is anything else."""
    cdef const uint8_t *close
    cdef int32_t number
    if at >= end or at[0] != LEFT_BRACKET:
        return NULL
    at = skip_space(at + 1, end)
    if at < end and at[0] == RIGHT_BRACKET:
        return at + 1
    while True:
        if at >= end or at[0] != QUOTE:
            return NULL
        close = end_of_plain_string(at + 1, end)
        if close == NULL:
            return NULL
        number = number_of_name(names, at + 1, close - at - 1, may_add)
        if number < 0:
            return NULL
        out.copy_nodes[out.copies] = number
        out.copy_codes[out.copies] = code
        out.copies += 1
        at = skip_space(close + 1, end)
        if at < end and at[0] == RIGHT_BRACKET:
            return at + 1
        if at >= end or at[0] != COMMA:
            return NULL
        at = skip_space(at + 1, end)


cdef const uint8_t *read_partition(
    const uint8_t *at,
    const uint8_t *end,
    const uint8_t *codes,
    Names *names,
    bint may_add,
    bint *has_others,
    Output *out,
) noexcept nogil:
    """Read the object of one partition; NULL if it is not plain."""
    cdef const uint8_t *close
    cdef const uint8_t *after
    cdef int field
    cdef int seen = 0
    has_others[0] = False
    out.sizes[out.partitions] = 0
    out.weights[out.partitions] = 1
    if at >= end or at[0] != LEFT_BRACE:
        return NULL
    at = skip_space(at + 1, end)
    if at < end and at[0] == RIGHT_BRACE:
        return at + 1
    while True:
        if at >= end or at[0] != QUOTE:
            return NULL
        close = end_of_plain_string(at + 1, end)
        if close == NULL:
            return NULL
        field = field_of(at + 1, close - at - 1)
        if field != FIELD_OTHER:
            if seen & (1 << field):
                return NULL
            seen |= 1 << field
        at = skip_space(close + 1, end)
        if at >= end or at[0] != COLON:
            return NULL
        at = skip_space(at + 1, end)
        after = NULL
        if field < FIELD_SIZE:
            after = read_copies(at, end, codes[field], names, may_add, out)
            if after == NULL:
                return NULL
        elif field == FIELD_SIZE:
            after = read_size(at, end, &out.sizes[out.partitions])
            out.has_sizes = out.has_sizes or after != NULL
        elif field == FIELD_WEIGHT:
            after = read_weight(at, end, &out.weights[out.partitions])
            out.has_weights = out.has_weights or after != NULL
        if after == NULL:
            has_others[0] = True
            after = skip_value(at, end)
            if after == NULL:
                return NULL
        at = skip_space(after, end)
        if at < end and at[0] == RIGHT_BRACE:
            return at + 1
        if at >= end or at[0] != COMMA:
            return NULL
        at = skip_space(at + 1, end)


cdef bint read_all(
    const uint8_t *text,
    const uint8_t *end,
    const uint8_t *codes,
    Names *names,
    bint may_add,
    Output *out,
) noexcept nogil:
    """Read the object of all partitions; whether it is plain."""
    cdef const uint8_t *at = skip_space(text, end)
    cdef const uint8_t *close
    cdef bint has_others
    if at >= end or at[0] != LEFT_BRACE:
        return False
    at = skip_space(at + 1, end)
    out.offsets[0] = 0
    if at < end and at[0] == RIGHT_BRACE:
        return skip_space(at + 1, end) == end
    while True:
        if at >= end or at[0] != QUOTE:
            return False
        close = end_of_plain_string(at + 1, end)
        if close == NULL:
            return False
        out.numbers[out.partitions] = partition_number(at + 1, close - at - 1)
        out.name_spans[2 * out.partitions] = at + 1 - text
        out.name_spans[2 * out.partitions + 1] = close - text
        at = skip_space(close + 1, end)
        if at >= end or at[0] != COLON:
            return False
        at = skip_space(at + 1, end)
        close = read_partition(at, end, codes, names, may_add, &has_others, out)
        if close == NULL:
            return False
        if has_others:
            out.others[3 * out.other_count] = out.partitions
            out.others[3 * out.other_count + 1] = at - text
            out.others[3 * out.other_count + 2] = close - text
            out.other_count += 1
        out.partitions += 1
        out.offsets[out.partitions] = out.copies
        at = skip_space(close, end)
        if at < end and at[0] == RIGHT_BRACE:
            return skip_space(at + 1, end) == end
        if at >= end or at[0] != COMMA:
            return False
        at = skip_space(at + 1, end)


def read_partitions(
    const uint8_t[::1] text,
    const uint8_t[::1] codes,
    const uint8_t[::1] known_names,
    const int64_t[::1] known_ends,
    bint may_add,
    int64_t[::1] numbers,
    int64_t[:, ::1] name_spans,
    int64_t[::1] offsets,
    int32_t[::1] copy_nodes,
    uint8_t[::1] copy_codes,
    int64_t[::1] sizes,
    double[::1] weights,
    int64_t[:, ::1] others,
    int64_t[:, ::1] added,
):
    """Read the object of a map's partitions into the arrays of an index.

    Args:
        text: the object, from brace to brace.
        codes: of copies listed as master, slave, dead, pendingSlave, pendingMaster.
        known_names: the nodes' names in UTF-8, one after another.
        known_ends: where each of them ends.
        may_add: whether other names of nodes get numbers too, in the order in which they come.
        numbers: gets each partition's number, -1 where its name is not one in plain decimal form.
        name_spans: gets where in `text` each partition's name starts and ends.
        offsets: gets where each partition's copies begin.
        copy_nodes: gets the node number of each copy; a node may stand twice in a partition.
        copy_codes: gets the state code of each copy.
        sizes: gets the size of each partition, 0 where it has none.
        weights: gets the weight of each partition, 1 where it has none.
        others: gets partition, start and end of each object with anything that is not read here.
        added: gets where in `text` each added name starts and ends.

    Arrays for a value of each partition hold at least `len(text) // 6 + 1`, those for copies and
    names at least `len(text) // 4 + 1`.

    Returns:
        How many partitions, copies, others and added names there are, and whether there are any
        sizes and weights; None if the text is not plain, when the arrays hold nothing of use.
    """
    cdef Names names
    cdef Output out
    cdef Py_ssize_t i, known = known_ends.shape[0]
    cdef int64_t start = 0
    cdef const uint8_t *data
    cdef const uint8_t *known_data
    cdef bint is_plain
    if text.shape[0] == 0:
        return None
    assert numbers.shape[0] > text.shape[0] // 6 and copy_nodes.shape[0] > text.shape[0] // 4
    data = &text[0]
    known_data = &known_names[0] if known_names.shape[0] else data
    out = Output(
        &numbers[0], &name_spans[0, 0], &offsets[0], &copy_nodes[0], &copy_codes[0],
        &sizes[0], &weights[0], &others[0, 0], 0, 0, 0, False, False,
    )
    with nogil:
        is_plain = start_names(&names, known)
        if is_plain:
            for i in range(known):
                number_of_name(&names, known_data + start, known_ends[i] - start, True)
                start = known_ends[i]
            is_plain = names.count == known and read_all(
                data, data + text.shape[0], &codes[0], &names, may_add, &out
            )
            if is_plain:
                for i in range(known, names.count):
                    added[i - known, 0] = names.items[i].start - data
                    added[i - known, 1] = names.items[i].start - data + names.items[i].length
        i = names.count
        end_names(&names)
    if not is_plain:
        return None
    return (
        out.partitions, out.copies, out.other_count, i - known, out.has_sizes, out.has_weights
    )


cdef bint has_equal(uint64_t *hashes, Py_ssize_t count, uint64_t *table) noexcept nogil:
    """Whether two of the hashes are equal; none of them is 0."""
    cdef Py_ssize_t i, j, size = 16
    if count <= FEW_MEMBERS:
        for i in range(1, count):
            for j in range(i):
                if hashes[i] == hashes[j]:
                    return True
        return False
    while size < 2 * count:
        size *= 2
    memset(table, 0, size * sizeof(uint64_t))
    for i in range(count):
        j = <Py_ssize_t>(hashes[i] & <uint64_t>(size - 1))
        while table[j] != 0:
            if table[j] == hashes[i]:
                return True
            j = (j + 1) & (size - 1)
        table[j] = hashes[i]
    return False


def may_repeat_names(const uint8_t[::1] text, uint64_t[::1] hashes, uint64_t[::1] table):
    """Whether an object in `text` may hold two members of one name.

    False is certain. True is given also for names with escapes, great depth, and, once in 2**63
    pairs, by chance.

    Args:
        text: valid JSON.
        hashes: scratch space of at least `len(text) // 4 + 1`.
        table: scratch space of at least twice the next power of two.
    """
    cdef Py_ssize_t[DEPTH_MAX] starts
    cdef Py_ssize_t depth = 0, count = 0
    cdef const uint8_t *at
    cdef const uint8_t *end
    cdef const uint8_t *close
    cdef const uint8_t *after
    cdef bint may_repeat = False
    if text.shape[0] == 0:
        return False
    assert hashes.shape[0] > text.shape[0] // 4 and table.shape[0] >= 4 * (text.shape[0] // 4 + 1)
    at = &text[0]
    end = at + text.shape[0]
    with nogil:
        while at < end:
            if at[0] == QUOTE:
                close = end_of_plain_string(at + 1, end)
                if close == NULL:
                    close = skip_string(at + 1, end)
                    after = end if close == NULL else skip_space(close, end)
                    if after < end and after[0] == COLON:
                        may_repeat = True
                        break
                else:
                    after = skip_space(close + 1, end)
                    if after < end and after[0] == COLON:
                        hashes[count] = hash_of(at + 1, close - at - 1) | 1
                        count += 1
                at = after
            elif at[0] == LEFT_BRACE or at[0] == LEFT_BRACKET:
                if depth == DEPTH_MAX:
                    may_repeat = True
                    break
                starts[depth] = count
                depth += 1
                at += 1
            elif at[0] == RIGHT_BRACE or at[0] == RIGHT_BRACKET:
                if depth == 0:
                    may_repeat = True
                    break
                depth -= 1
                if has_equal(&hashes[0] + starts[depth], count - starts[depth], &table[0]):
                    may_repeat = True
                    break
                count = starts[depth]
                at += 1
            else:
                at += 1
    return may_repeat

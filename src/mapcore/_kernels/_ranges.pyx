# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The search structure over the starts of ranges."""


def descents():
    """Return the names of the ways to search that this processor can run, best first."""
    return [descent(position).name.decode() for position in range(descent_count())]


cdef const Descent *named(str name) except NULL:
    cdef size_t position
    for position in range(descent_count()):
        if name is None or descent(position).name.decode() == name:
            return &descent(position)
    raise ValueError(f"found {name!r}, expected one of {', '.join(descents())}")


cdef class RangeIndex:
    """Starts of ranges, in order, laid out for searching. Immutable.

    Start i is `data[offsets[i]:offsets[i + 1]]`; each stands once. OverflowError where they are
    more than 38,263,752 or take 4 GiB. Built in time linear in their bytes.
    """

    def __cinit__(
        self, const uint8_t[::1] data, const int64_t[::1] offsets, str descent_name=None
    ):
        cdef const Descent *chosen = named(descent_name)
        cdef const uint8_t *bytes_ = &data[0] if data.shape[0] else NULL
        cdef size_t count = offsets.shape[0] - 1
        if offsets[0] != 0 or offsets[count] != data.shape[0]:
            raise ValueError("offsets: expected ascending numbers from 0 to the size of the data")
        with nogil:
            self.tree = new SearchTree(bytes_, &offsets[0], count, chosen[0])

    def __dealloc__(self):
        del self.tree

    def __len__(self):
        return self.tree.count()

    @property
    def byte_count(self):
        """The bytes that the structure takes."""
        return self.tree.byte_count()

    def has_same_starts(self, RangeIndex other not None):
        """Whether both hold the same starts."""
        return self is other or self.tree.has_same_starts(other.tree[0])

    def rank(self, const uint8_t[::1] key):
        """Return how many starts are at most the key, as bisect.bisect_right does."""
        return self.tree.rank(&key[0] if key.shape[0] else NULL, key.shape[0])

    def ranks(self, const uint8_t[:, ::1] rows, uint32_t[::1] out):
        """Write the rank of each row without its trailing NULs."""
        cdef RowKeys keys
        if out.shape[0] != rows.shape[0] or rows.shape[1] == 0:
            raise ValueError("expected rows of at least one byte, and as many results as rows")
        if rows.shape[0]:
            keys.rows = &rows[0, 0]
            keys.width = rows.shape[1]
            with nogil:
                self.tree.ranks(keys, rows.shape[0], &out[0])

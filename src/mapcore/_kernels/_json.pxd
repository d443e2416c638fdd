# cython: language_level=3
"""Steps over the text of valid JSON; each returns the next place, or NULL."""

from libc.stdint cimport uint8_t

cdef enum:
    QUOTE = 34
    COMMA = 44
    POINT = 46
    ZERO = 48
    NINE = 57
    COLON = 58
    LEFT_BRACKET = 91
    BACKSLASH = 92
    RIGHT_BRACKET = 93
    LEFT_BRACE = 123
    RIGHT_BRACE = 125

cdef inline bint is_space(uint8_t byte) noexcept nogil:
    return byte == 32 or byte == 10 or byte == 13 or byte == 9


cdef inline const uint8_t *skip_space(const uint8_t *at, const uint8_t *end) noexcept nogil:
    while at < end and is_space(at[0]):
        at += 1
    return at


cdef inline const uint8_t *end_of_plain_string(
    const uint8_t *at, const uint8_t *end
) noexcept nogil:
    """Return the closing quote of the string whose first character is at `at`, or NULL."""
    while at < end:
        if at[0] == QUOTE:
            return at
        if at[0] == BACKSLASH or at[0] < 32:
            return NULL
        at += 1
    return NULL


cdef inline const uint8_t *skip_string(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Return what follows the string whose first character is at `at`, or NULL."""
    while at < end:
        if at[0] == QUOTE:
            return at + 1
        at += 2 if at[0] == BACKSLASH else 1
    return NULL


cdef inline const uint8_t *skip_value(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Return what follows the value that begins at `at`, or NULL."""
    cdef Py_ssize_t depth = 0
    while at < end:
        if at[0] == QUOTE:
            at = skip_string(at + 1, end)
            if at == NULL:
                return NULL
        elif at[0] == LEFT_BRACE or at[0] == LEFT_BRACKET:
            depth += 1
            at += 1
            continue
        elif at[0] == RIGHT_BRACE or at[0] == RIGHT_BRACKET:
            depth -= 1
            if depth < 0:
                return NULL
            at += 1
        elif at[0] == COMMA or at[0] == COLON or is_space(at[0]):
            at += 1
            continue
        else:
            while at < end and not (
                is_space(at[0]) or at[0] == COMMA or at[0] == RIGHT_BRACE
                or at[0] == RIGHT_BRACKET or at[0] == QUOTE
            ):
                at += 1
        if depth == 0:
            return at
    return NULL

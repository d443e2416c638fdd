/* How far two arrays of bytes agree, read once at the memory's speed. */

#ifndef MAPCORE_EQUAL_PREFIX_H
#define MAPCORE_EQUAL_PREFIX_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define EQUAL_PREFIX_BLOCK 256
#define EQUAL_PREFIX_PAGE 4096

static inline int same_word(const uint8_t *a, const uint8_t *b) {
    uint64_t word_a, word_b;
    memcpy(&word_a, a, 8);
    memcpy(&word_b, b, 8);
    return word_a == word_b;
}

/* Return the position of the first byte from `start` on that is not the same in both, or `count`.
 * The block is a multiple of every vector register, and its loop has no exit inside, so that the
 * compiler makes vector instructions of it. */
static inline size_t equal_prefix(const uint8_t *a, const uint8_t *b, size_t start, size_t count) {
    size_t position = start;
    /* Differences come in clusters: look nearby before reading a block. */
    if (count - position >= 8 && same_word(a + position, b + position)) {
#if defined(__GLIBC__) || defined(__APPLE__)
        /* These libraries choose the widest instructions that the processor has; others compare
         * byte by byte. */
        while (count - position >= EQUAL_PREFIX_PAGE &&
               memcmp(a + position, b + position, EQUAL_PREFIX_PAGE) == 0) {
            position += EQUAL_PREFIX_PAGE;
        }
#endif
        while (count - position >= EQUAL_PREFIX_BLOCK) {
            uint64_t difference = 0;
            for (size_t i = 0; i < EQUAL_PREFIX_BLOCK; i += 8) {
                uint64_t word_a, word_b;
                memcpy(&word_a, a + position + i, 8);
                memcpy(&word_b, b + position + i, 8);
                difference |= word_a ^ word_b;
            }
            if (difference) break;
            position += EQUAL_PREFIX_BLOCK;
        }
        while (count - position >= 8 && same_word(a + position, b + position)) position += 8;
    }
    while (position < count && a[position] == b[position]) position++;
    return position;
}

#endif

# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""From a map to the planner's tables and back, and what differs between map and plan."""

from libc.stdint cimport int32_t, int64_t, uint8_t

cdef enum:
    PLACEMENT = 0b111
    DEAD = 1
    MASTER = 3
    PENDING_MASTER = 5
    PAUSES = 0b1100000

    # What is known of a node, in `flags`.
    LOST = 1  # its copies are out of reach
    RECOVERING = 2  # its dead copies count as held
    DETHRONED = 4  # its copies are master of nothing
    RELEASED = 8  # it gives up its copies


cdef inline bint is_live(uint8_t code) noexcept nogil:
    return (code & PLACEMENT) > DEAD


cdef inline bint leads(uint8_t code) noexcept nogil:
    return (code & PLACEMENT) == MASTER or (code & PLACEMENT) == PENDING_MASTER


cdef inline bint is_held(uint8_t code, uint8_t flags) noexcept nogil:
    return not flags & LOST and (is_live(code) or flags & RECOVERING)


def fill_tables(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const uint8_t[::1] flags,
    const int32_t[::1] renumbered,
    int32_t[:, ::1] held,
    int32_t[:, ::1] masters,
):
    """Write the nodes that hold each partition, and those that lead it; the rest is -1.

    Copies stand in the order of the map: live ones first. `held` is as wide as the longest row
    of the map. Returns the most masters of a partition; `masters` has as many of them as fit.
    """
    cdef Py_ssize_t partition, i, column, lead, width = held.shape[1], room = masters.shape[1]
    cdef Py_ssize_t most = 0
    cdef uint8_t code, flag
    cdef int32_t node
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            column = lead = 0
            for i in range(offsets[partition], offsets[partition + 1]):
                flag = flags[nodes[i]]
                code = codes[i]
                node = renumbered[nodes[i]]
                if is_held(code, flag):
                    held[partition, column] = node
                    column += 1
                if leads(code) and not flag & (LOST | DETHRONED):
                    if lead < room:
                        masters[partition, lead] = node
                    lead += 1
            most = max(most, lead)
            while column < width:
                held[partition, column] = -1
                column += 1
            while lead < room:
                masters[partition, lead] = -1
                lead += 1
    return most


def find_reach(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const uint8_t[::1] is_gone,
    const uint8_t[::1] is_recovering,
    uint8_t[::1] in_reach,
    uint8_t[::1] out_of_reach,
):
    """Write of each partition whether a copy in reach counts as held, and whether one is out of it."""
    cdef Py_ssize_t partition, i
    cdef int32_t node
    cdef bint near, far
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            near = far = False
            for i in range(offsets[partition], offsets[partition + 1]):
                node = nodes[i]
                far |= is_gone[node]
                near |= (not is_gone[node]) & (is_live(codes[i]) | is_recovering[node])
            in_reach[partition] = near
            out_of_reach[partition] = far


def count_able(const int32_t[:, ::1] placed, const uint8_t[::1] may_lead, int64_t most):
    """Return how many masters there can be: copies that may lead, at most `most` a partition."""
    cdef Py_ssize_t partition, column
    cdef int64_t able, total = 0
    with nogil:
        for partition in range(placed.shape[0]):
            able = 0
            for column in range(placed.shape[1]):
                if placed[partition, column] >= 0:
                    able += may_lead[placed[partition, column]]
            total += min(able, most)
    return total


def fill_target(
    const int32_t[:, ::1] placed,
    const uint8_t[:, ::1] is_master,
    uint8_t master_code,
    uint8_t slave_code,
    int64_t[::1] offsets,
    int32_t[::1] nodes,
    uint8_t[::1] codes,
):
    """Write the index of a map from placed copies: in each partition, masters first.

    `nodes` and `codes` have room for every cell of `placed`. Returns the number of copies.
    """
    cdef Py_ssize_t partition, column, held, width = placed.shape[1]
    cdef int64_t place, lead, follow = 0
    cdef int64_t step
    offsets[0] = 0
    with nogil:
        for partition in range(placed.shape[0]):
            lead = follow  # masters from here on, then the others
            held = 0
            while held < width and placed[partition, held] >= 0:
                follow += is_master[partition, held]
                held += 1
            for column in range(held):
                step = is_master[partition, column]
                place = lead if step else follow
                lead += step
                follow += 1 - step
                nodes[place] = placed[partition, column]
                codes[place] = master_code if step else slave_code
            offsets[partition + 1] = follow
    return follow


def count_loads(const int32_t[::1] nodes, int64_t[::1] loads):
    """Add each node's copies to its load."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(nodes.shape[0]):
            loads[nodes[i]] += 1


def carry_pauses(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const int64_t[::1] target_offsets,
    const int32_t[::1] target_nodes,
    uint8_t[::1] target_codes,
):
    """Set the pause bits of the target's copies to what they are now."""
    cdef Py_ssize_t partition, i, j
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            for i in range(offsets[partition], offsets[partition + 1]):
                if not codes[i] & PAUSES:
                    continue
                for j in range(target_offsets[partition], target_offsets[partition + 1]):
                    if target_nodes[j] == nodes[i]:
                        target_codes[j] |= codes[i] & PAUSES


cdef struct Copies:
    Py_ssize_t first
    Py_ssize_t end
    const int32_t *nodes
    const uint8_t *codes


cdef inline Py_ssize_t find(const Copies *copies, int32_t node) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(copies.first, copies.end):
        if copies.nodes[i] == node:
            return i
    return -1


def list_moves(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const int64_t[::1] target_offsets,
    const int32_t[::1] target_nodes,
    const uint8_t[::1] flags,
    const int32_t[::1] successors,
    uint8_t[::1] is_paired,
    int32_t[:, ::1] moves,
):
    """Write the copies that must be filled: partition, node, source, the node replaced.

    All node numbers are those of the target, flags and successors by them. The source is the first
    live copy in reach; the node replaced is one that gives up its copy: the one that this node
    succeeds, else one that must, else one that may. -1 stands for none. `is_paired`, zeros, one a
    copy of the map, is scratch. Without room in `moves`, moves are only counted.
    """
    cdef Py_ssize_t partition, i, j, held, count = 0, choice
    cdef int32_t node, source
    cdef int best, rank
    cdef bint writes = moves.shape[0] > 0
    cdef Copies now, then
    if target_nodes.shape[0] == 0:
        return 0
    now.nodes = &nodes[0] if nodes.shape[0] else NULL
    now.codes = &codes[0] if codes.shape[0] else NULL
    then.nodes = &target_nodes[0]
    then.codes = NULL
    with nogil:
        for partition in range(target_offsets.shape[0] - 1):
            now.first, now.end = offsets[partition], offsets[partition + 1]
            then.first, then.end = target_offsets[partition], target_offsets[partition + 1]
            for j in range(then.first, then.end):
                node = target_nodes[j]
                held = find(&now, node)
                if held >= 0 and is_live(codes[held]) and not flags[node] & LOST:
                    continue
                if writes:
                    source = -1
                    for i in range(now.first, now.end):
                        if is_live(codes[i]) and not flags[nodes[i]] & LOST:
                            source = nodes[i]
                            break
                    choice = -1
                    best = 0
                    for i in range(now.first, now.end):
                        if is_paired[i] or not is_live(codes[i]) or find(&then, nodes[i]) >= 0:
                            continue
                        rank = 1 + ((flags[nodes[i]] & (LOST | RELEASED)) != 0)
                        if successors[nodes[i]] >= 0:
                            rank = 3 if successors[nodes[i]] == node else 0
                        if rank > best:
                            best = rank
                            choice = i
                    if choice >= 0:
                        is_paired[choice] = 1
                    moves[count, 0] = <int32_t>partition
                    moves[count, 1] = node
                    moves[count, 2] = source
                    moves[count, 3] = nodes[choice] if choice >= 0 else -1
                count += 1
    return count


def list_drops(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const int64_t[::1] target_offsets,
    const int32_t[::1] target_nodes,
    int32_t[:, ::1] drops,
):
    """Write the copies of the map that the target does not have: partition, node, position.

    Without room in `drops`, they are only counted.
    """
    cdef Py_ssize_t partition, i, count = 0
    cdef bint writes = drops.shape[0] > 0
    cdef Copies then
    then.nodes = &target_nodes[0] if target_nodes.shape[0] else NULL
    then.codes = NULL
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            then.first, then.end = target_offsets[partition], target_offsets[partition + 1]
            for i in range(offsets[partition], offsets[partition + 1]):
                if find(&then, nodes[i]) >= 0:
                    continue
                if writes:
                    drops[count, 0] = <int32_t>partition
                    drops[count, 1] = nodes[i]
                    drops[count, 2] = <int32_t>i
                count += 1
    return count


def list_role_changes(
    const int64_t[::1] offsets,
    const int32_t[::1] nodes,
    const uint8_t[::1] codes,
    const int64_t[::1] target_offsets,
    const int32_t[::1] target_nodes,
    const uint8_t[::1] target_codes,
    const uint8_t[::1] flags,
    int32_t[:, ::1] changes,
):
    """Write who becomes master and who ceases to be: partition, node, previous; -1 for nobody.

    The first new master takes over from the first old one, and so on. The first masters of a
    partition that has none in its map, on copies that are new, are no change. Without room in
    `changes`, they are only counted.
    """
    cdef Py_ssize_t partition, i, j, at, count = 0
    cdef int32_t node, previous
    cdef bint writes = changes.shape[0] > 0, is_change
    cdef Copies now, then
    now.nodes = &nodes[0] if nodes.shape[0] else NULL
    now.codes = NULL
    then.nodes = &target_nodes[0] if target_nodes.shape[0] else NULL
    then.codes = NULL
    with nogil:
        for partition in range(offsets.shape[0] - 1):
            now.first, now.end = offsets[partition], offsets[partition + 1]
            then.first, then.end = target_offsets[partition], target_offsets[partition + 1]
            i, j = now.first, then.first
            while True:
                # The next new master, and the next that is master no more.
                while j < then.end:
                    if leads(target_codes[j]):
                        at = find(&now, target_nodes[j])
                        if at < 0 or not leads(codes[at]) or flags[nodes[at]] & LOST:
                            break
                    j += 1
                while i < now.end:
                    if leads(codes[i]):
                        at = find(&then, nodes[i])
                        if at < 0 or not leads(target_codes[at]):
                            break
                    i += 1
                if i >= now.end and j >= then.end:
                    break
                node = target_nodes[j] if j < then.end else -1
                previous = nodes[i] if i < now.end else -1
                if node >= 0 and previous < 0:
                    at = find(&now, node)
                    is_change = at >= 0 and is_live(codes[at]) and not flags[node] & LOST
                else:
                    is_change = node >= 0 or not flags[previous] & LOST
                if is_change:
                    if writes:
                        changes[count, 0] = <int32_t>partition
                        changes[count, 1] = node
                        changes[count, 2] = previous
                    count += 1
                i += 1
                j += 1
    return count

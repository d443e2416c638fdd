"""Where to cut ranges: from keys to boundaries, and from a map to the map with a range split.

Boundaries are weighted quantiles, and short enough to read: of all places near the ideal one the
cut goes where the shortest text tells both sides apart (suffix truncation, as in prefix B-trees;
Bayer and Unterauer 1977).

    ranges = plan_ranges(sampled_keys, 8)
    target = split(cluster.current, "a-h", "d")      # "a-c" and "d-h", both from "a-h"
    target = merge(cluster.current, ["a-c", "d-h"])  # "a-h" again
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mapcore.errors import MapError
from mapcore.keys import Key, KeyRange, RangeKeys, key_bytes
from mapcore.maps import PartitionMap

__all__ = ["merge", "plan_ranges", "range_name", "split", "split_ranges", "weigh"]


def plan_ranges(
    keys: Iterable[Key] | Mapping[Any, float],
    parts: int,
    *,
    within: KeyRange | None = None,
    slack: float = 0.1,
) -> tuple[KeyRange, ...]:
    """Cut the keys into `parts` ranges of about the same weight.

    Args:
        keys: sampled keys, in any order and as often as they occur; or the weight of each, such as
            its size in bytes.
        parts: how many ranges.
        within: the range that is cut; all keys unless given. Sampled keys outside it do not count.
        slack: how far a cut may lie from its ideal place, as a share of one range, for the sake of
            a shorter boundary.

    Raises:
        MapError: fewer than one part, a slack below 0, a weight that is negative, or fewer
            different keys than parts.
    """
    if parts < 1 or slack < 0:
        raise MapError(f"found {parts} parts and slack {slack}, expected at least 1 and 0")
    outer = within or KeyRange("-", b"", None)
    distinct, weights = weigh(keys, outer)
    if len(distinct) < parts:
        raise MapError(f"found {len(distinct)} different keys, expected at least {parts}")
    below = np.concatenate([np.zeros(1), np.cumsum(weights)])
    bounds: list[bytes] = []
    last = 0
    for part in range(1, parts):
        last = _best_cut(distinct, below, part, parts, last, slack)
        bounds.append(_separator(distinct[last - 1], distinct[last]))
    return _ranges(outer, bounds, None if within is None else within.name)


def split(held: PartitionMap, name: str, at: Key | Sequence[Key]) -> PartitionMap:
    """Return the map in which a range is split; the parts stand where the whole does.

    Each part names the whole as its source. Sizes and weights are shared out evenly.

    Args:
        held: a map of ranges.
        name: the range.
        at: the least key of each part but the first.

    Raises:
        MapError: there is no such range, or a cut lies outside it or twice.
    """
    if isinstance(at, str | bytes | bytearray | memoryview):
        at = [at]
    return split_ranges(held, {name: at})


def split_ranges(held: PartitionMap, cuts: Mapping[str, Sequence[Key]]) -> PartitionMap:
    """Return the map in which several ranges are split at once.

    Args:
        held: a map of ranges.
        cuts: by the name of a range, the least key of each part but the first.

    Raises:
        MapError: as in `split`.
    """
    keys = _range_keys(held)
    taken = {item.name for item in keys.ranges} - cuts.keys()
    replaced = {}
    for name, at in cuts.items():
        whole = keys.ranges[_number(keys, name)]
        parts = _ranges(whole, _cuts_within(whole, at), name, taken)
        taken.update(part.name for part in parts)
        replaced[name] = parts
    return _with_ranges(held, replaced)


def _cuts_within(whole: KeyRange, at: Sequence[Key]) -> list[bytes]:
    cuts = sorted(map(key_bytes, at))
    for cut in cuts:
        if cut not in whole or cut == whole.start:
            raise MapError(f"cut {cut!r}: expected a key inside {whole.name!r}, above its start")
    if len(set(cuts)) != len(cuts):
        raise MapError(f"found cuts {cuts!r}, expected every cut once")
    return cuts


def merge(held: PartitionMap, names: Sequence[str]) -> PartitionMap:
    """Return the map in which neighbouring ranges are one; it stands where they do.

    Raises:
        MapError: there is no such range, they are no neighbours, or their copies do not stand on
            the same nodes in the same roles. Move them together first.
    """
    keys = _range_keys(held)
    if len(set(names)) != len(names) or len(names) < 2:
        raise MapError(f"found {list(names)}, expected two or more ranges, each once")
    numbers = [_number(keys, name) for name in names]
    parts = sorted((keys.ranges[number] for number in numbers), key=lambda item: item.start)
    for left, right in pairwise(parts):
        if left.end != right.start:
            raise MapError(
                f"found {left.name!r} up to {left.end!r} and {right.name!r} from {right.start!r}, "
                "expected neighbours"
            )
    copies = {frozenset(held.copies(keys.number(part.name))) for part in parts}
    if len(copies) > 1:
        raise MapError(
            f"found copies of {', '.join(part.name for part in parts)} on different nodes or in "
            "different roles, expected the same: move them together first"
        )
    start, end = parts[0].start, parts[-1].end
    taken = {item.name for item in keys.ranges} - set(names)
    whole = KeyRange(range_name(start, end, taken), start, end)
    return _with_ranges(
        held, {parts[0].name: (whole,)} | {part.name: () for part in parts[1:]}, sizes_of=parts
    )


def range_name(start: bytes, end: bytes | None, taken: Iterable[str] = ()) -> str:
    """Return a name for a range: one that spells it out, as `a-c`, where there is one.

    Args:
        start: the least key.
        end: the least key above, or None.
        taken: names that are not free.
    """
    spelled = _spelled(start, end)
    if spelled is not None and spelled not in taken:
        return spelled
    ends = [bound.decode("utf-8", "backslashreplace") for bound in (start, end or b"")]
    name, count = "..".join(ends), 1
    while name in taken:
        count += 1
        name = f"{'..'.join(ends)} ({count})"
    return name


def _spelled(start: bytes, end: bytes | None) -> str | None:
    last = b"" if end is None else end[:-1] + bytes([end[-1] - 1]) if end[-1] else None
    if last is None:
        return None
    try:
        name = f"{start.decode()}-{last.decode()}"
        exact = KeyRange.from_name(name)
    except (UnicodeDecodeError, MapError):
        return None
    return name if (exact.start, exact.end) == (start, end) else None


def weigh(
    keys: Iterable[Key] | Mapping[Any, float], within: KeyRange | None = None
) -> tuple[list[bytes], NDArray[np.float64]]:
    """Return the different keys in order, of all or of a range, and what each weighs.

    Args:
        keys: sampled keys, as often as they occur; or the weight of each.
        within: the range; all keys unless given.

    Raises:
        MapError: a weight below 0.
    """
    weights: dict[bytes, float] = {}
    pairs = keys.items() if isinstance(keys, Mapping) else ((key, 1.0) for key in keys)
    for key, weight in pairs:
        if weight < 0:
            raise MapError(f"key {key!r}: found weight {weight}, expected at least 0")
        name = key_bytes(key)
        if within is None or name in within:
            weights[name] = weights.get(name, 0.0) + weight
    distinct = sorted(weights)
    return distinct, np.array([weights[key] for key in distinct])


def _best_cut(
    keys: list[bytes],
    below: NDArray[np.float64],
    part: int,
    parts: int,
    last: int,
    slack: float,
) -> int:
    """Return before which key to cut: near the ideal place, where the boundary is shortest."""
    share = float(below[-1]) / parts
    ideal = part * share
    least, most = last + 1, len(keys) - (parts - part)
    low = int(np.searchsorted(below, ideal - slack * share, side="left"))
    high = int(np.searchsorted(below, ideal + slack * share, side="right"))
    nearest = int(np.searchsorted(below, ideal))
    if nearest and ideal - below[nearest - 1] < below[min(nearest, len(keys))] - ideal:
        nearest -= 1
    window = range(max(low, least), min(high, most + 1))
    return min(
        window,
        key=lambda cut: (len(_separator(keys[cut - 1], keys[cut])), abs(below[cut] - ideal)),
        default=min(max(nearest, least), most),
    )


def _separator(left: bytes, right: bytes) -> bytes:
    """Return the shortest prefix of `right` above `left`; whole characters where it is text."""
    shared = 0
    while shared < len(left) and left[shared] == right[shared]:
        shared += 1
    for length in range(shared + 1, len(right) + 1):
        try:
            right[:length].decode()
        except UnicodeDecodeError:
            continue
        return right[:length]
    return right[: shared + 1]


def _ranges(
    whole: KeyRange, bounds: Sequence[bytes], source: str | None, taken: Iterable[str] = ()
) -> tuple[KeyRange, ...]:
    ends = [whole.start, *bounds, whole.end]
    names = set(taken)
    if bounds and source is not None:
        names.add(source)
    parts = []
    for start, end in pairwise(ends):
        assert start is not None
        name = range_name(start, end, names)
        names.add(name)
        parts.append(KeyRange(name, start, end, source))
    return tuple(parts)


def _range_keys(held: PartitionMap) -> RangeKeys:
    if not isinstance(held.keys, RangeKeys):
        raise MapError(f"found a map over {held.keys!r}, expected ranges")
    return held.keys


def _number(keys: RangeKeys, name: str) -> int:
    try:
        return keys.number(name)
    except KeyError:
        raise MapError(f"found no range {name!r}, expected one of the map") from None


def _with_ranges(
    held: PartitionMap,
    replaced: Mapping[str, tuple[KeyRange, ...]],
    sizes_of: Sequence[KeyRange] = (),
) -> PartitionMap:
    """Return the map with some ranges replaced by others with the same copies."""
    keys = _range_keys(held)
    origins: dict[str, int] = {}
    ranges: list[KeyRange] = []
    for number, item in enumerate(keys.ranges):
        for part in replaced.get(item.name, (item,)):
            ranges.append(part)
            origins[part.name] = number
    new_keys = RangeKeys(ranges)
    rows = np.array([origins[item.name] for item in new_keys.ranges])
    shares = np.bincount(rows, minlength=len(keys.ranges))[rows]
    merged = [keys.number(part.name) for part in sizes_of]
    values: dict[str, Any] = {}
    for name, given in (("sizes", held.sizes), ("weights", held.weights)):
        if given is not None:
            values[name] = given[rows] // shares if name == "sizes" else given[rows] / shares
            if merged:
                values[name][np.isin(rows, merged)] = given[merged].sum()
    return held.on_keys(new_keys, rows, **values)

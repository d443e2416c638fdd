"""Feed damaged messages with right checksums to everything that reads them.

    python tools/fuzz_wire.py --count 1000000 --seed 1

Reading must end in a map, a delta or one of the two errors of the wire format, quickly, and without
memory beyond what the message's size explains. Anything else stops the run; the message is printed.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from mapcore import wire
from mapcore.errors import VersionWindowError, WireError
from mapcore.keys import HashKeys, KeyFunction, KeyRange, RangeKeys
from mapcore.maps import PartitionMap
from mapcore.routing import Router
from mapcore.states import Placement, Running, state_code

HEADER_BYTES = 6
SECONDS_MOST = 5.0
# What reading one message may add to the process at most, far above what the small maps here take.
GROWTH_MOST_BYTES = 256 << 20
CODES = [
    state_code(placement, running)
    for placement in Placement
    if placement
    for running in (Running.RUNNING, Running.STOPPED)
]
KEYS = [b"%03d" % number for number in range(0, 100, 7)]
Change = Callable[[bytearray, random.Random], None]


def random_map(chance: random.Random, revision: int) -> PartitionMap:
    """Return a small map over hash or range keys, some in the middle of a split."""
    names = [f"node{number}" for number in range(chance.randint(1, 9))]
    keys: KeyFunction = HashKeys(chance.randint(1, 20))
    if chance.random() < 0.6:
        cuts = sorted(chance.sample(range(100), chance.randint(2, 9)))
        ranges = [
            KeyRange(f"r{low}", b"%02d" % low, b"%02d" % high) for low, high in pairwise(cuts)
        ]
        split = chance.choice(ranges)
        if chance.random() < 0.5:
            middle = split.start + b"5"
            ranges.append(KeyRange("low", split.start, middle, split.name))
            ranges.append(KeyRange("high", middle, split.end, split.name))
        keys = RangeKeys(ranges)
    copies = [
        [(name, chance.choice(CODES)) for name in chance.sample(names, min(3, len(names)))]
        for _ in range(len(keys))
    ]
    return PartitionMap.from_copies(copies, names, keys=keys, version=(1, revision))


def flip(body: bytearray, chance: random.Random) -> None:
    """Change a bit."""
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)


def overwrite(body: bytearray, chance: random.Random) -> None:
    """Set a byte to one that means much."""
    body[chance.randrange(len(body))] = chance.choice((0, 1, 31, 32, 33, 127, 128, 255))


def announce(body: bytearray, chance: random.Random) -> None:
    """Put a large number in."""
    at = chance.randrange(len(body) + 1)
    body[at : at + 1] = b"\xff" * chance.randint(1, 9) + b"\x07"


def drop(body: bytearray, chance: random.Random) -> None:
    """Take bytes out."""
    at = chance.randrange(len(body))
    del body[at : at + chance.randint(1, 4)]


def repeat(body: bytearray, chance: random.Random) -> None:
    """Put a part in twice."""
    at = chance.randrange(len(body))
    body[at:at] = body[at : at + chance.randint(1, 16)]


CHANGES: tuple[Change, ...] = (flip, overwrite, announce, drop, repeat)


def damaged(message: bytes, chance: random.Random) -> bytes:
    """Return a message changed behind its header, with the checksum that it should have."""
    body = bytearray(message[HEADER_BYTES:-4])
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        if body:
            chance.choice(CHANGES)(body, chance)
    whole = message[:HEADER_BYTES] + bytes(body)
    return whole + zlib.crc32(whole).to_bytes(4, "little")


def readers(maps: list[PartitionMap], router: Router) -> dict[str, Callable[[bytes], Any]]:
    """Return everything that reads messages, by name."""
    following = wire.delta(maps[1], maps[2])
    leading = wire.delta(maps[2].replace(version=(0, 1)), maps[0])

    def follow(message: bytes) -> None:
        before = router.tables
        try:
            router.update(message)
            router.nodes(KEYS, missing="-1")
            router.nodes(KEYS, missing="-1", among="copies", by="random")
            router.copies_table(KEYS, missing="-1")
        finally:
            router._swap(router.tables, before)

    return {
        "load": wire.load,
        "apply": lambda message: wire.apply(maps[0], message),
        "update": follow,
        "compose with a later one": lambda message: wire.compose(message, following),
        "compose with an earlier one": lambda message: wire.compose(leading, message),
    }


def fuzz(count: int, seed: int) -> Counter[str]:
    """Read `count` damaged messages; return how it ended, by reader and error.

    Raises:
        SystemExit: one ended in another way.
    """
    chance = random.Random(seed)
    ends: Counter[str] = Counter()
    done = 0
    while done < count:
        maps = [random_map(chance, revision) for revision in range(3)]
        router = Router(maps[0])
        sound = (
            wire.snapshot(
                maps[1].replace(sizes=np.arange(maps[1].partition_count)), with_sizes=True
            ),
            wire.delta(maps[0], maps[1]),
        )
        reading = list(readers(maps, router).items())
        for _ in range(min(200, count - done)):
            message = damaged(chance.choice(sound), chance)
            name, read = chance.choice(reading)
            ends[f"{name}: {ended(read, name, message)}"] += 1
            done += 1
    return ends


def ended(read: Callable[[bytes], Any], name: str, message: bytes) -> str:
    """Read one message and return how that ended."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    try:
        read(message)
        end = "read"
    except (WireError, VersionWindowError) as error:
        end = type(error).__name__
    except BaseException:
        print(f"{name} of {message.hex()}", file=sys.stderr)
        raise
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) * 1024
    if time.perf_counter() - start > SECONDS_MOST or grown > GROWTH_MOST_BYTES:
        raise SystemExit(f"{name} took too long or {grown:,} bytes: {message.hex()}")
    return end


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="how many messages")
    parser.add_argument("--seed", type=int, default=1, help="of chance")
    arguments = parser.parse_args()
    for end, times in sorted(fuzz(arguments.count, arguments.seed).items()):
        print(f"{times:>9,} {end}")


if __name__ == "__main__":
    main()

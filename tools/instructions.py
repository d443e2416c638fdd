"""Count the instructions of one lookup, which no other load on the machine changes.

    python tools/instructions.py

Runs this file again under valgrind's callgrind. Its processor has no AVX-512; CRC-32 of one key
takes the carry-less multiplication that it takes everywhere.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib
from bisect import bisect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import mapcore

PARTITIONS, NODES = 65_536, 40_000
MARK = "getppid"  # callgrind starts to count anew where the process calls this


def keys_of(count: int, seed: int = 2) -> list[bytes]:
    """Return random keys of 16 bytes."""
    rows = np.random.default_rng(seed).integers(1, 256, (count, 16), dtype=np.uint8)
    found: list[bytes] = rows.view("S16").ravel().tolist()
    return found


def lookups() -> dict[str, Callable[[list[bytes]], None]]:
    """Return loops over keys, by what they do for each."""
    master, slave = (
        mapcore.state_code(kind) for kind in (mapcore.Placement.MASTER, mapcore.Placement.SLAVE)
    )
    names = [f"node{number}" for number in range(NODES)]
    table = (np.arange(PARTITIONS)[:, None] * 7 + [0, 1, 2]) % NODES
    router = mapcore.Router(
        mapcore.PartitionMap.from_table(table.astype(np.int32), [master, slave, slave], names)
    )
    starts = sorted(keys_of(PARTITIONS, seed=3))
    ranges = mapcore.RangeKeys(
        mapcore.KeyRange(str(number), start, end)
        for number, (start, end) in enumerate(
            zip([b"", *starts[1:]], [*starts[1:], None], strict=True)
        )
    )
    of_ranges = mapcore.Router(
        mapcore.PartitionMap.from_table(table[:, :1].astype(np.int32), [master], names, keys=ranges)
    )

    def items(target: Any) -> Callable[[list[bytes]], None]:
        def loop(keys: list[bytes]) -> None:
            for key in keys:
                target[key]

        return loop

    def calls(function: Callable[[bytes], Any]) -> Callable[[list[bytes]], None]:
        def loop(keys: list[bytes]) -> None:
            for key in keys:
                function(key)

        return loop

    def on_zeros(loop: Callable[[list[Any]], None]) -> Callable[[list[bytes]], None]:
        return lambda keys: loop([0] * len(keys))

    def nothing(keys: list[bytes]) -> None:
        for _ in keys:
            pass

    return {
        "the empty loop": nothing,
        "`zlib.crc32(key)`": calls(zlib.crc32),
        "`router[key]`": items(router),
        "`router.node(key)`": calls(router.node),
        "`router.partition(key)`": calls(router.partition),
        "`router.copies(key)`": calls(router.copies),
        "`data[0]` of a bytes object": on_zeros(items(b"data")),
        "a dict that has the key": items(dict.fromkeys(keys_of(4000), "name")),
        "`bisect.bisect`, 65,536 ranges": calls(partial(bisect, starts)),
        "`router[key]`, 65,536 ranges": items(of_ranges),
    }


def run_loops(count: int) -> None:
    """Run every loop, once to warm up and once between marks."""
    keys = keys_of(count)
    for loop in lookups().values():
        loop(keys)
        os.getppid()
        loop(keys)
        os.getppid()


def instructions(count: int) -> dict[str, float]:
    """Return the instructions of each loop for one key, the empty loop's taken off.

    Raises:
        FileNotFoundError: there is no valgrind.
        subprocess.CalledProcessError: it failed.
    """
    if shutil.which("valgrind") is None:
        raise FileNotFoundError("needs valgrind")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                f"--callgrind-out-file={folder}/out",
                f"--dump-before={MARK}",
                sys.executable,
                __file__,
                "--inside",
                f"--count={count}",
            ],
            check=True,
            capture_output=True,
            env=os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
        )
        totals = [
            int(found[1])
            for number in range(1, 2 * len(lookups()) + 1)
            if (
                found := re.search(
                    r"^totals: (\d+)", Path(f"{folder}/out.{number}").read_text(), re.M
                )
            )
        ]
    # Every second part lies between the two marks of one loop.
    counted = dict(zip(lookups(), (total / count for total in totals[1::2]), strict=True))
    empty = counted.pop("the empty loop")
    return {what: found - empty for what, found in counted.items()}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=4000, help="keys to look up")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.inside:
        run_loops(arguments.count)
        return
    print("| one lookup | instructions |\n| --- | ---: |")
    for what, found in instructions(arguments.count).items():
        print(f"| {what} | {found:.0f} |")


if __name__ == "__main__":
    main()

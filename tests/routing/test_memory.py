"""What a router process takes for a map of 40,000 nodes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Of the whole process, above what it had once it had imported everything. The matrix of this map
# would take 2.6 GB.
LIMIT_BYTES = 64 << 20

SCRIPT = f"""
import resource
import numpy as np
from mapcore import Placement, PartitionMap, Router, state_code, wire

def used_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

limit = used_bytes() + {LIMIT_BYTES}
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
first = np.random.default_rng(1).integers(0, 40_000, (65_536, 1))
table = ((first + [0, 1, 2]) % 40_000).astype(np.int32)
codes = [state_code(Placement.MASTER)] + [state_code(Placement.SLAVE)] * 2
names = ["node%05d.example.org" % number for number in range(40_000)]
held = PartitionMap.from_table(table, codes, names, version=(1, 1))
router = Router(wire.load_snapshot(wire.snapshot(held)))
newer = PartitionMap.from_table(table[:, ::-1], codes, names, version=(1, 2))
router.update(wire.apply(held, wire.delta(held, newer)))
keys = np.array([b"user:%011d" % number for number in range(100_000)])
partitions = router.partitions(keys)
assert (router.nodes(keys) == table[partitions, 2]).all()
assert len(router.group(keys).positions) == len(keys)
try:
    np.ones({LIMIT_BYTES}, np.uint8)
except MemoryError:
    print("limited")
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs /proc")
def test_a_map_of_40_000_nodes_is_followed_within_64_mib() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("limited\n", "")

"""One map by vbmap, Couchbase's generator, where it is installed.

vbmap is a Go program (https://github.com/couchbase/vbmap). The benchmarks run the executable that
`MAPCORE_VBMAP` names, or `vbmap` on the path; without one they are skipped and say so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Made", "executable", "make"]


@dataclass(frozen=True)
class Made:
    """What a run has made.

    Attributes:
        seconds: how long it took.
        rows: the nodes of each partition by number, master first; None where it gave up.
    """

    seconds: float
    rows: list[list[int]] | None


def executable() -> str | None:
    """Return the path of vbmap, or None."""
    return shutil.which(os.environ.get("MAPCORE_VBMAP", "vbmap"))


def make(
    sizes: Sequence[int], partitions: int, slaves: int, peers: int, *, most_seconds: float
) -> Made:
    """Run vbmap once for zones of these sizes; its default engine, and a fixed seed."""
    path = executable()
    if path is None:
        raise FileNotFoundError("found no vbmap, expected it on the path or in MAPCORE_VBMAP")
    command = [
        path,
        f"--tag-histogram={','.join(map(str, sizes))}",
        f"--num-vbuckets={partitions}",
        f"--num-replicas={slaves}",
        f"--num-slaves={peers}",
        "--output-format=json",
        "--seed=1",
    ]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, timeout=most_seconds, check=False)
    except subprocess.TimeoutExpired:
        return Made(time.perf_counter() - start, None)
    seconds = time.perf_counter() - start
    return Made(seconds, json.loads(done.stdout) if done.returncode == 0 else None)

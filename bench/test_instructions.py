from __future__ import annotations

import shutil

import pytest

from tools.instructions import instructions


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_a_lookup_takes_fewer_instructions_than_the_checksum_alone() -> None:
    counted = instructions(count=500)
    assert 0 < counted["`router[key]`"] < counted["`zlib.crc32(key)`"]

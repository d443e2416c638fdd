"""The tools find what they look for."""

from __future__ import annotations

import random
import zlib

import pytest

from mapcore import wire
from tools import fuzz_wire


def test_damaged_messages_end_in_a_map_or_one_of_two_errors() -> None:
    ends = fuzz_wire.fuzz(3000, seed=7)
    assert ends.total() == 3000
    readers = {end.split(":")[0] for end in ends}
    assert len(readers) == 5
    # Damage goes deep enough that some is not noticed, and shallow enough that most is.
    read = sum(times for end, times in ends.items() if end.endswith(": read"))
    assert 0 < read < 1500


def test_a_reader_that_ends_in_another_error_stops_the_fuzzer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(message: bytes) -> None:
        raise IndexError(len(message))

    monkeypatch.setattr(wire, "load", broken)
    with pytest.raises(IndexError):
        fuzz_wire.fuzz(1000, seed=7)
    assert capsys.readouterr().err.startswith("load of 6d636170")


def test_damaged_messages_have_a_right_checksum() -> None:
    chance = random.Random(1)
    sound = wire.snapshot(fuzz_wire.random_map(chance, 1))
    message = fuzz_wire.damaged(sound, chance)
    assert message != sound
    assert zlib.crc32(message[:-4]) == int.from_bytes(message[-4:], "little")

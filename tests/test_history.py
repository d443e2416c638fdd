from __future__ import annotations

import pytest

from mapcore.errors import MapError, VersionWindowError
from mapcore.history import History, VersionWindow
from mapcore.maps import PartitionMap, Version
from mapcore.states import Placement, state_code


def made(node: str, version: tuple[int, int]) -> PartitionMap:
    master = state_code(Placement.MASTER)
    return PartitionMap.from_copies([[(node, master)]], "abc", version=version)


def test_old_maps_are_held_and_come_back_as_the_next_target() -> None:
    history = History()
    for revision, node in enumerate("abc", start=1):
        history.add(made(node, (1, revision)))
    again = history.rolled_back((1, 1))
    assert again == made("a", (1, 1))
    assert again.version == Version(1, 4)
    history.add(again)
    assert [held.version.revision for held in history] == [1, 2, 3, 4]


def test_the_oldest_maps_go_first() -> None:
    history = History(2)
    assert history.latest is None
    for revision in (1, 2, 3):
        history.add(made("a", (1, revision)))
    assert len(history) == 2
    with pytest.raises(MapError, match=r"no map of version 1\.1, expected one of 1\.2, 1\.3"):
        history.at((1, 1))


def test_versions_only_grow() -> None:
    history = History()
    history.add(made("a", (2, 1)))
    for version in ((2, 1), (1, 9)):
        with pytest.raises(MapError, match=r"expected one above 2\.1"):
            history.add(made("b", version))
    with pytest.raises(MapError, match="expected at least 1"):
        History(0)


def test_what_lies_outside_the_window_is_refused() -> None:
    window = VersionWindow(Version(2, 5), Version(3, 0))
    for inside in (Version(2, 5), Version(2, 99), Version(3, 0)):
        window.check(inside)
    for outside in (Version(2, 4), Version(3, 1), Version(1, 99)):
        with pytest.raises(VersionWindowError, match=r"expected one from 2\.5 to 3\.0"):
            window.check(outside)
    assert Version(9, 9) in VersionWindow(Version(2, 5))
    with pytest.raises(VersionWindowError, match=r"from 2\.5 on"):
        VersionWindow(Version(2, 5)).check(Version(2, 4), "message")

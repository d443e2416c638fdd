"""Maps held for later: history, rollback, and the window of versions that a process works with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mapcore.errors import MapError, VersionWindowError
from mapcore.maps import PartitionMap, Version

__all__ = ["History", "VersionWindow"]


@dataclass(frozen=True, slots=True)
class VersionWindow:
    """The versions that a process can work with: `least` to `most`, both included; None for no end.

    During a rolling upgrade each process has its own; what it is fed from outside is refused, and
    changes nothing.
    """

    least: Version = Version()  # noqa: RUF009 - immutable
    most: Version | None = None

    def __contains__(self, version: object) -> bool:
        return (
            isinstance(version, tuple)
            and self.least <= version
            and (self.most is None or version <= self.most)
        )

    def check(self, version: Version, what: str = "map") -> None:
        """Raise a `VersionWindowError` if `version` lies outside."""
        if version not in self:
            upto = "on" if self.most is None else f"to {self.most}"
            raise VersionWindowError(
                f"{what}: found version {version}, expected one from {self.least} {upto}"
            )


class History:
    """The target maps of the past, in the order they were asked for; the oldest go first."""

    def __init__(self, length: int = 16) -> None:
        """Hold at most `length` maps."""
        if length < 1:
            raise MapError(f"found length {length}, expected at least 1")
        self._length = length
        self._maps: list[PartitionMap] = []

    def __len__(self) -> int:
        return len(self._maps)

    def __iter__(self) -> Iterator[PartitionMap]:
        return iter(self._maps)

    @property
    def latest(self) -> PartitionMap | None:
        """The map that was asked for last."""
        return self._maps[-1] if self._maps else None

    def add(self, held: PartitionMap) -> None:
        """Add a map.

        Raises:
            MapError: its version is not above that of the latest.
        """
        latest = self.latest
        if latest is not None and held.version <= latest.version:
            raise MapError(f"found version {held.version}, expected one above {latest.version}")
        self._maps = [*self._maps, held][-self._length :]

    def at(self, version: Version | tuple[int, int]) -> PartitionMap:
        """Return the map of a version.

        Raises:
            MapError: it is not held.
        """
        for held in self._maps:
            if held.version == tuple(version):
                return held
        known = ", ".join(str(held.version) for held in self._maps) or "none"
        raise MapError(f"found no map of version {Version(*version)}, expected one of {known}")

    def rolled_back(self, version: Version | tuple[int, int]) -> PartitionMap:
        """Return the map of a version as the next target: the same copies, the next revision.

        Raises:
            MapError: it is not held.
        """
        held, latest = self.at(version), self.latest
        assert latest is not None
        epoch, revision = latest.version
        return held.replace(version=Version(epoch, revision + 1))

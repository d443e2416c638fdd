"""How stale a router is: what it heard of newer maps, and what it did about it."""

from __future__ import annotations

from threading import Lock

from mapcore.maps import Version

__all__ = ["Staleness"]


class Staleness:
    """Counts and times of one router; the clock is the caller's, in seconds.

    A router is stale from when it hears of a version above its own (`heard`, or an answer of
    `mapcore.routing.exchange`) to when it reaches one.

    Attributes:
        newest: the highest version heard of.
        since: when the router became stale; None while it is not, as far as it knows.
        update_count: how often it went over to a newer map.
        refused_count: how often it was given something that it could not go over to.
        misdirected_count: how often a node answered that a request came to the wrong one.
        retried_count: how often a request was sent again after that.
    """

    __slots__ = (
        "_lock",
        "_reached",
        "_total",
        "misdirected_count",
        "newest",
        "refused_count",
        "retried_count",
        "since",
        "update_count",
    )

    def __init__(self, version: Version) -> None:
        self._lock = Lock()
        self._reached = version
        self._total = 0.0
        self.newest = version
        self.since: float | None = None
        self.update_count = 0
        self.refused_count = 0
        self.misdirected_count = 0
        self.retried_count = 0

    @property
    def is_stale(self) -> bool:
        """Whether a newer version is known of than the one in use."""
        return self.newest > self._reached

    def seconds(self, now: float) -> float:
        """Return for how long the router has been stale until now; 0 while it is not."""
        with self._lock:
            return 0.0 if self.since is None else max(0.0, now - self.since)

    def total_seconds(self, now: float) -> float:
        """Return for how long it has been stale in all, until now."""
        return self._total + self.seconds(now)

    def heard(self, version: Version, now: float) -> None:
        """Note that there is a map of this version."""
        with self._lock:
            self.newest = max(self.newest, version)
            if self.since is None and self.newest > self._reached:
                self.since = now

    def reached(self, version: Version, now: float | None, is_changed: bool) -> None:
        """Note that the router uses a map of this version; without a time, none is counted."""
        with self._lock:
            self.update_count += is_changed
            self._reached = max(self._reached, version)
            self.newest = max(self.newest, version)
            if self.since is not None and self._reached >= self.newest:
                self._total += 0.0 if now is None else max(0.0, now - self.since)
                self.since = None

    def refused(self) -> None:
        """Note an update that could not be made."""
        with self._lock:
            self.refused_count += 1

    def misdirected(self) -> None:
        """Note an answer that a request came to the wrong node."""
        with self._lock:
            self.misdirected_count += 1

    def retried(self) -> None:
        """Note a request that is sent again."""
        with self._lock:
            self.retried_count += 1

    def __repr__(self) -> str:
        state = f"stale since {self.since}" if self.is_stale else "not stale"
        return (
            f"<Staleness: {state}, {self.update_count} updates, {self.refused_count} refused, "
            f"{self.misdirected_count} misdirected, {self.retried_count} retried>"
        )

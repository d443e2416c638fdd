"""The throttles: what limits how much work goes on at once.

Each is a row of `THROTTLES`; its field stands under `config` in the document. `Limits` holds the
values for one cluster. To add one: a field in `mapcore.cluster.Config`, a row here, and, where
steps are admitted (`mapcore.actualizing.starting.admission`), the resource that a step takes up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mapcore.cluster import Config, config_field

__all__ = ["THROTTLES", "Limits", "Throttle"]


@dataclass(frozen=True, slots=True)
class Throttle:
    """One limit.

    Attributes:
        name: what it is called in explanations.
        attribute: its name in `Config` and `Limits`.
        unit: of what.
        limits: what it limits, as the end of a sentence.
    """

    name: str
    attribute: str
    unit: str
    limits: str

    @property
    def field(self) -> str:
        """The name of its field in documents, under `config`."""
        return config_field(self.attribute)

    @property
    def default(self) -> Any:
        """Its value where the document does not say; None for no limit."""
        return getattr(Limits.from_config(Config()), self.attribute)


THROTTLES: Final = (
    Throttle(
        "full scans",
        "max_full_scans_per_volume_type",
        "scans",
        "full scans at once of one volume, by the type of volume; a stream scans its source",
    ),
    Throttle("streams in", "max_streams_into_node", "streams", "streams at once into one node"),
    Throttle(
        "streams out", "max_streams_out_of_node", "streams", "streams at once out of one node"
    ),
    Throttle(
        "streams of a node",
        "max_streams_per_node",
        "streams",
        "streams at once into and out of one node, taken together",
    ),
    Throttle(
        "streams between zones",
        "max_streams_between_zones",
        "streams",
        "streams at once from one zone to another, for each two zones and direction",
    ),
    Throttle("backfills", "max_backfills", "streams", "streams at once in the whole cluster"),
    Throttle("steps", "max_steps", "steps", "steps of any kind at once in the whole cluster"),
    Throttle(
        "changes of a partition",
        "max_changes_per_partition",
        "steps",
        "steps at once in one partition",
    ),
    Throttle(
        "bytes per second of a node",
        "max_bytes_per_second_per_node",
        "bytes/s",
        "what all streams of a node move together, in each direction",
    ),
    Throttle(
        "bytes per second of a stream",
        "max_bytes_per_second_per_stream",
        "bytes/s",
        "what one stream moves",
    ),
)
"""All throttles."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The values of all throttles; None is no limit."""

    max_full_scans_per_volume_type: Mapping[str, int]
    max_streams_into_node: int | None
    max_streams_out_of_node: int | None
    max_streams_per_node: int | None
    max_streams_between_zones: int | None
    max_backfills: int | None
    max_steps: int | None
    max_changes_per_partition: int | None
    max_bytes_per_second_per_node: int | None
    max_bytes_per_second_per_stream: int | None

    @classmethod
    def from_config(cls, config: Config) -> Limits:
        """Take the values from a config; types of volumes that it does not name keep theirs."""
        values = {name: getattr(config, name) for name in cls.__struct_fields__}
        scans = "max_full_scans_per_volume_type"
        values[scans] = {**DEFAULT_FULL_SCANS, **values[scans]}
        return cls(**values)

    def full_scans(self, volume_type: str) -> int | None:
        """Return how many full scans a volume of this type takes at once."""
        return self.max_full_scans_per_volume_type.get(volume_type)

    @property
    def stream_bytes_per_second(self) -> int | None:
        """The rate that a stream may not exceed, or None.

        A node's rate is shared out evenly over the streams that it may have at once in one
        direction, so that they keep to it however many there are. A node with a rate but no limit
        on its streams takes one at a time in each direction.
        """
        rates = []
        if self.max_bytes_per_second_per_stream is not None:
            rates.append(self.max_bytes_per_second_per_stream)
        if self.max_bytes_per_second_per_node is not None:
            slots = max(self.streams_in or 1, self.streams_out or 1)
            rates.append(max(1, self.max_bytes_per_second_per_node // slots))
        return min(rates, default=None)

    @property
    def streams_in(self) -> int | None:
        """How many streams a node may take in at once, all throttles on it together."""
        return self._streams(self.max_streams_into_node)

    @property
    def streams_out(self) -> int | None:
        """How many streams a node may give at once, all throttles on it together."""
        return self._streams(self.max_streams_out_of_node)

    def _streams(self, own: int | None) -> int | None:
        bounds = [bound for bound in (own, self.max_streams_per_node) if bound is not None]
        if bounds:
            return min(bounds)
        return 1 if self.max_bytes_per_second_per_node is not None else None


DEFAULT_FULL_SCANS: Final = {"ssd": 10, "hdd": 1}

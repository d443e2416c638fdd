"""The other fields of `config` that say how a cluster is brought to its target.

Limits on how much goes on at once are throttles (`mapcore.actualizing.throttles`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mapcore.cluster import Config, config_field

__all__ = ["OPTIONS", "Option"]


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        attribute: its name in `Config`.
        unit: of what, or which values there are.
        meaning: what it says.
    """

    attribute: str
    unit: str
    meaning: str

    @property
    def field(self) -> str:
        """The name of its field in documents, under `config`."""
        return config_field(self.attribute)

    @property
    def default(self) -> Any:
        """Its value where the document does not say."""
        return getattr(Config(), self.attribute)


OPTIONS: Final = (
    Option(
        "source_choice",
        "`spread` or `nearest`",
        "fill a copy from the copy whose node has the least to do, or from the nearest one",
    ),
    Option(
        "warms_up",
        "true or false",
        "whether a copy warms before it is filled, and cools and stops before it is collected",
    ),
    Option("dead_grace_seconds", "seconds", "how long a dead copy is kept before it is collected"),
    Option(
        "stuck_after_seconds",
        "seconds",
        "a step that moves no data counts as stuck after it; a stream of known size has it on top",
    ),
    Option(
        "stuck_stream_after_seconds",
        "seconds",
        "a stream of unknown size counts as stuck after it",
    ),
    Option(
        "slowest_bytes_per_second",
        "bytes/s",
        "a stream of known size counts as stuck when it is slower",
    ),
    Option(
        "max_automatic_failovers",
        "nodes",
        "how many nodes are failed over automatically before an operator has looked",
    ),
    Option(
        "failover_needs_majority",
        "true or false",
        "whether more than half of the nodes must be reachable for an automatic failover",
    ),
    Option(
        "max_lost_updates",
        "updates",
        "a node is not failed over where more updates of a partition, or nobody knows how many, "
        "would be lost; null for any",
    ),
)
"""All options."""

"""The fewest peers that a cluster's nodes can have in any balanced map: the bound, by names."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from mapcore.cluster import Cluster
from mapcore.errors import PlanError
from mapcore.planning.fanout.facts import Reading
from mapcore.planning.fanout.lower_bounds import FewestPeers, fewest_peers, loads_in_question
from mapcore.planning.planner import plan

__all__ = ["smallest_max_peers"]


def smallest_max_peers(
    cluster: Cluster,
    *,
    map: str | None = None,  # noqa: A002 - what it is called in documents
    after: Reading = "failover",
) -> FewestPeers:
    """Return below which `maxPeers` no map with balanced copies and masters can go.

    Counts copies, spread and balance as a plan without `maxPeers` does, by the shares of the nodes.
    A plan with a lower limit gives balance up for it; most of all that of masters, where the limit
    holds as planned.

    Args:
        cluster: nodes and settings.
        map: the map; the only one, where there is one.
        after: which nodes are peers: `plan` or `failover`, as in the settings.

    Raises:
        PlanError: nothing can be planned, or several maps and none named.
        ValueError: `after` is neither `plan` nor `failover`.
    """
    if after not in ("plan", "failover"):
        raise ValueError(f"found after={after!r}, expected plan or failover")
    if map is None and len(cluster.maps) > 1:
        raise PlanError(f"found {len(cluster.maps)} maps, expected the name of one")
    free = {
        name: replace(entry, settings=msgspec.structs.replace(entry.settings, max_peers=None))
        for name, entry in cluster.maps.items()
    }
    planned = plan(cluster.with_maps(free), map=next(iter(free)) if map is None else map)
    problem, roles = planned.work.placement_problem, planned.work.roles_problem
    if problem is None:
        raise PlanError("found no copies to place, expected some")
    shares = (roles.lower, roles.upper)
    return fewest_peers(loads_in_question(problem, planned.loads_after(), shares), after)

"""Two maps in a row: a client sends a key to a proxy, and the proxy sends it to a node."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mapcore.keys import Key
from mapcore.maps import PartitionMap
from mapcore.routing.batches import Keys
from mapcore.routing.choice import Among, By
from mapcore.routing.groups import Groups
from mapcore.routing.router import Missing, Router

if TYPE_CHECKING:
    from mapcore.wire import Buffer, Delta

__all__ = ["Route", "TieredRouter"]


class Route(NamedTuple):
    """The way of a key: the proxy that a client sends it to, and the node that the proxy does."""

    proxy: str
    node: str


class TieredRouter:
    """Answers which proxy a client sends a key to, and which node a proxy does.

    The client map says which proxies serve each partition: masters alone, any of which will do
    (R = W = 1). The proxy map is that of the data. Each is used by a `Router` of its own, which may
    be used directly: a client needs no more than `Router(client_map)`.

    The two maps need not be of the same time: a proxy has the whole map of the data, so that
    whatever proxy a client chooses can serve the key.

    Args:
        client_map: of one client, as `TierPlan.client_map` makes it.
        proxy_map: partitions to nodes.
        locations: where proxies and nodes stand, by name, as in `z1/r1/s3`.
        here: where the router stands, likewise.
        random: for choices by chance, as in `Router`.

    Attributes:
        to_proxies: the router of a client.
        to_nodes: the router of a proxy.
    """

    __slots__ = ("to_nodes", "to_proxies")

    def __init__(
        self,
        client_map: PartitionMap,
        proxy_map: PartitionMap,
        *,
        locations: Mapping[str, str] | None = None,
        here: str = "",
        random: Callable[[int], int] | None = None,
    ) -> None:
        self.to_proxies = Router(client_map, locations=locations, here=here, random=random)
        self.to_nodes = Router(proxy_map, locations=locations, here=here, random=random)

    def update_clients(
        self, source: PartitionMap | Delta | Buffer, now: float | None = None
    ) -> bool:
        """Go over to a newer client map, whole or by a delta; as `Router.update`."""
        return self.to_proxies.update(source, now)

    def update_proxies(
        self, source: PartitionMap | Delta | Buffer, now: float | None = None
    ) -> bool:
        """Go over to a newer proxy map, whole or by a delta; as `Router.update`."""
        return self.to_nodes.update(source, now)

    def proxy(self, key: Key, *, by: By = "round-robin", avoid: Collection[str] = ()) -> str:
        """Return the proxy that the client sends the key to.

        Args:
            key: the key.
            by: which of those that serve it, as in `Router.pick`; in turn unless told.
            avoid: names of proxies to pass over, such as those that failed a moment ago.

        Raises:
            KeyNotCovered: no partition covers the key.
            NoMaster: no proxy serves its partition.
            NoCopy: all that do are avoided.
        """
        return self.to_proxies.pick(key, by=by, avoid=avoid)

    def node(self, key: Key) -> str:
        """Return the node that a proxy sends the key to: its master's.

        Raises:
            KeyNotCovered: no partition covers the key.
            NoMaster: its partition has no master that is online.
        """
        return self.to_nodes[key]

    def route(self, key: Key, *, by: By = "round-robin", avoid: Collection[str] = ()) -> Route:
        """Return the whole way of the key; arguments and errors are those of `proxy` and `node`."""
        return Route(self.proxy(key, by=by, avoid=avoid), self.node(key))

    def proxies(
        self,
        keys: Keys,
        out: NDArray[np.int32] | None = None,
        *,
        by: By = "round-robin",
        avoid: Collection[str] = (),
        missing: Missing = "raise",
    ) -> NDArray[np.int32]:
        """Return the number of each key's proxy, in `to_proxies.names`; as `Router.nodes`."""
        return self.to_proxies.nodes(keys, out, by=by, avoid=avoid, missing=missing)

    def nodes(
        self,
        keys: Keys,
        out: NDArray[np.int32] | None = None,
        *,
        among: Among = "masters",
        by: By = "order",
        avoid: Collection[str] = (),
        missing: Missing = "raise",
    ) -> NDArray[np.int32]:
        """Return the number of each key's node, in `to_nodes.names`; as `Router.nodes`."""
        return self.to_nodes.nodes(keys, out, among=among, by=by, avoid=avoid, missing=missing)

    def group_by_proxy(self, keys: Keys, **choice: Any) -> Groups:
        """Return the positions of a client's keys by proxy; arguments are those of `proxies`.

        One of a partition's proxies is chosen in turn unless told, key by key: give
        `by="nearest"` for the fewest requests.
        """
        return self.to_proxies.group(keys, **{"by": "round-robin", **choice})

    def group_by_node(self, keys: Keys, **choice: Any) -> Groups:
        """Return the positions of a proxy's keys by node; arguments are those of `nodes`."""
        return self.to_nodes.group(keys, **choice)

    def __repr__(self) -> str:
        return (
            f"<TieredRouter: {len(self.to_proxies.names)} proxies, version "
            f"{self.to_proxies.version}; {len(self.to_nodes.names)} nodes, version "
            f"{self.to_nodes.version}>"
        )

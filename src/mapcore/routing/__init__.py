"""Routing: from a key to the nodes that serve it, on the hot path of proxies and smart clients.

A map is laid out once as flat tables (`tables`): the master of each partition, its other copies
that are online, and for ranges a search structure over their starts. A `Router` (`router`) reads
them, one key at a time or many (`batches`), and swaps them whole when a newer map comes: a lookup
works on the tables that it found at its start, so that it sees one map, and no reader ever waits.

    router = Router(map)
    router[b"user:1"]            # the name of the master's node
    router.copies(b"user:1")     # of all nodes that could serve it, masters first
    router.nodes(keys)           # int32 node numbers of many keys
    for name, positions in router.group(keys):
        ...                      # one request a node
    router.update(newer_map)     # or a delta to it (`patches`)

`exchange` is what a node answers to a request that came to it by an older map, and what a client
makes of that. It is imported by name, so that a router alone loads no wire format.
"""

from mapcore.routing.batches import PackedKeys
from mapcore.routing.groups import Groups
from mapcore.routing.router import Router

__all__ = ["Groups", "PackedKeys", "Router"]

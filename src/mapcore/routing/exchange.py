"""Being wrong well: what a node and a client say to each other about maps.

A client sends each request with the version of its map. A node that serves the key by its own map
answers it, whatever the versions. A node that does not says so, with what brings the client's map
up to its own; the client goes over to that and sends the request once more.

Nothing here opens a socket or reads a clock. On the node, `judge` is called with what came in; on
the client, `learn` with what came back, or `call` does the whole exchange by a function that sends.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from threading import Lock
from typing import Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from mapcore.errors import Misdirected, VersionWindowError
from mapcore.history import History
from mapcore.keys import Key
from mapcore.maps import Version
from mapcore.routing.choice import Among
from mapcore.routing.router import Router
from mapcore.wire import delta, snapshot

__all__ = ["SERVE", "Answer", "Behind", "Newer", "NewerMaps", "Served", "call", "judge", "learn"]

Value = TypeVar("Value")


class _Serve(Enum):
    SERVE = "serve"


SERVE: Final = _Serve.SERVE
Serve: TypeAlias = Literal[_Serve.SERVE]


class Newer(NamedTuple):
    """The request came to the wrong node, by an older map than the node's.

    Attributes:
        version: of the node's map.
        message: the delta to it from the version of the request; a snapshot where that is unknown.
    """

    version: Version
    message: bytes


class Behind(NamedTuple):
    """The node does not serve the key by its map, which is no newer than the client's.

    A newer one may be on its way to the node; or the client sent a request that its own map does
    not send to this node.

    Attributes:
        version: of the node's map.
    """

    version: Version


class Served(NamedTuple, Generic[Value]):
    """The request was served; `value` is its result."""

    value: Value


Answer: TypeAlias = Served[Value] | Newer | Behind


class NewerMaps:
    """What a node sends to clients with older maps: made once for each version, and kept.

    Args:
        history: the maps that the node has had, the latest one included.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._lock = Lock()
        self._latest: Version | None = None
        self._messages: dict[Version | None, bytes] = {}

    def since(self, version: Version) -> Newer | None:
        """Return what leads from a version to the latest map; None if that is no newer."""
        latest = self._history.latest
        if latest is None or latest.version <= version:
            return None
        base = next((held for held in self._history if held.version == version), None)
        known = None if base is None else version
        with self._lock:
            if self._latest != latest.version:
                self._latest, self._messages = latest.version, {}
            if known not in self._messages:
                self._messages[known] = snapshot(latest) if base is None else delta(base, latest)
            return Newer(latest.version, self._messages[known])


def judge(
    node: str,
    router: Router,
    newer_maps: NewerMaps,
    key: Key,
    version: Version,
    *,
    among: Among = "masters",
) -> Serve | Newer | Behind:
    """Return whether a node is to serve a request, or what to answer instead.

    Args:
        node: the node's name.
        router: of the node's own map.
        newer_maps: made of the node's history.
        key: of the request.
        version: of the client's map, as it came with the request.
        among: which copies may serve it: `masters`, `slaves` or all `copies`, as in `Router.pick`.
    """
    if router.serves(node, key, among=among):
        return SERVE
    return newer_maps.since(version) or Behind(router.version)


def learn(router: Router, answer: Newer | Behind, asked: Version, now: float) -> bool:
    """Go over to the map of an answer; return whether the router has another than before.

    Args:
        router: the client's.
        answer: what came back.
        asked: the version of the router's map when the request was sent.
        now: the time, for `Router.staleness`.

    Raises:
        VersionWindowError: the router cannot go over to that map.
        WireError: the answer is damaged.
    """
    router.staleness.misdirected()
    router.staleness.heard(answer.version, now)
    if isinstance(answer, Newer) and router.version < answer.version:
        try:
            router.update(answer.message, now)
        except VersionWindowError:
            # Another thread may have learnt in the meantime: then the delta is from another base.
            if router.version == asked:
                raise
    return router.version != asked


def call(
    router: Router,
    key: Key,
    send: Callable[[str, Version], Answer[Value]],
    now: Callable[[], float],
    *,
    choose: Callable[[Router, Key], str] = Router.__getitem__,
) -> Value:
    """Send a request to the node of a key, and once more if that turns out to be the wrong one.

    Args:
        router: the client's.
        key: of the request.
        send: sends the request to the node of this name, with this version, and returns the answer.
        now: the clock, for `Router.staleness`.
        choose: the node to send to; the master unless given. For instance
            `lambda router, key: router.pick(key, among="copies", by="nearest")`.

    Raises:
        Misdirected: the second node does not serve the key either.
        KeyNotCovered, NoMaster, NoCopy: there is no node to send to.
        VersionWindowError, WireError: as `learn`.
    """
    for is_retry in (False, True):
        if is_retry:
            router.staleness.retried()
        asked, node = router.version, choose(router, key)
        answer = send(node, asked)
        if isinstance(answer, Served):
            value: Value = answer.value
            return value
        learn(router, answer, asked, now())
        node_version = answer.version
    raise Misdirected(node, str(asked), str(node_version))

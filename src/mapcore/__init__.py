"""mapcore decides which node of a cluster holds which partition, and tells where every key lives.

    cluster = mapcore.load("cluster.json")
    plan = mapcore.plan(cluster, add={"n9": "z1"}, remove=["n3"])
    router = mapcore.Router(plan.target)
    router.node(b"user:1")

Names are loaded when they are first used: a process that only routes never imports the planner.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mapcore.actualizing.failover import failover as failover
    from mapcore.actualizing.live import LiveMap as LiveMap
    from mapcore.actualizing.next_steps import next_steps as next_steps
    from mapcore.actualizing.scheduling.schedule import Schedule as Schedule
    from mapcore.actualizing.scheduling.schedule import schedule as schedule
    from mapcore.actualizing.steps import Step as Step
    from mapcore.actualizing.verifying.verdicts import Verification as Verification
    from mapcore.actualizing.verifying.walk import verify as verify
    from mapcore.cluster import Cluster as Cluster
    from mapcore.cluster import Health as Health
    from mapcore.cluster import Node as Node
    from mapcore.cluster import Settings as Settings
    from mapcore.differences import MapDiff as MapDiff
    from mapcore.differences import diff as diff
    from mapcore.documents import dumps as dumps
    from mapcore.documents import load as load
    from mapcore.documents import loads as loads
    from mapcore.documents import problems as problems
    from mapcore.documents import save as save
    from mapcore.errors import DocumentError as DocumentError
    from mapcore.errors import KeyNotCovered as KeyNotCovered
    from mapcore.errors import MapcoreError as MapcoreError
    from mapcore.errors import Misdirected as Misdirected
    from mapcore.errors import NoCopy as NoCopy
    from mapcore.errors import NoMaster as NoMaster
    from mapcore.errors import WireError as WireError
    from mapcore.health import ClusterHealth as ClusterHealth
    from mapcore.health import cluster_health as cluster_health
    from mapcore.health import map_health as map_health
    from mapcore.history import History as History
    from mapcore.history import VersionWindow as VersionWindow
    from mapcore.keys import HashKeys as HashKeys
    from mapcore.keys import KeyRange as KeyRange
    from mapcore.keys import RangeKeys as RangeKeys
    from mapcore.maps import NodeIndex as NodeIndex
    from mapcore.maps import PartitionMap as PartitionMap
    from mapcore.maps import Version as Version
    from mapcore.planning.fanout.comparing import LimitsCompared as LimitsCompared
    from mapcore.planning.fanout.comparing import compare_max_peers as compare_max_peers
    from mapcore.planning.fanout.counts import FanoutCounts as FanoutCounts
    from mapcore.planning.fanout.counts import fanout_counts as fanout_counts
    from mapcore.planning.fanout.graph import FanoutGraph as FanoutGraph
    from mapcore.planning.fanout.graph import fanout_graph as fanout_graph
    from mapcore.planning.fanout.lower_bounds import FewestPeers as FewestPeers
    from mapcore.planning.fanout.measuring import Fanout as Fanout
    from mapcore.planning.fanout.measuring import fanout as fanout
    from mapcore.planning.fanout.smallest import smallest_max_peers as smallest_max_peers
    from mapcore.planning.partitioning.ranges import merge as merge
    from mapcore.planning.partitioning.ranges import plan_ranges as plan_ranges
    from mapcore.planning.partitioning.ranges import split as split
    from mapcore.planning.partitioning.resizing import resized as resized
    from mapcore.planning.planner import plan as plan
    from mapcore.planning.plans import Plan as Plan
    from mapcore.planning.policies.policy import Policy as Policy
    from mapcore.planning.policies.policy import policy as policy
    from mapcore.planning.several_maps.plan import ClusterPlan as ClusterPlan
    from mapcore.planning.tiers.planner import plan_tiers as plan_tiers
    from mapcore.planning.tiers.plans import TierPlan as TierPlan
    from mapcore.routing import PackedKeys as PackedKeys
    from mapcore.routing import Router as Router
    from mapcore.routing.tiers import TieredRouter as TieredRouter
    from mapcore.states import LITERAL as LITERAL
    from mapcore.states import PAIRED as PAIRED
    from mapcore.states import RUNNING as RUNNING
    from mapcore.states import SAFE as SAFE
    from mapcore.states import Placement as Placement
    from mapcore.states import Running as Running
    from mapcore.states import next_hop as next_hop
    from mapcore.states import state_code as state_code
    from mapcore.transitions import TransitionReport as TransitionReport
    from mapcore.transitions import validate_transitions as validate_transitions

_HOMES = {
    "Cluster": "cluster",
    "ClusterPlan": "planning.several_maps.plan",
    "ClusterHealth": "health",
    "DocumentError": "errors",
    "Fanout": "planning.fanout.measuring",
    "FanoutCounts": "planning.fanout.counts",
    "FanoutGraph": "planning.fanout.graph",
    "FewestPeers": "planning.fanout.lower_bounds",
    "HashKeys": "keys",
    "Health": "cluster",
    "KeyNotCovered": "errors",
    "KeyRange": "keys",
    "LITERAL": "states",
    "LimitsCompared": "planning.fanout.comparing",
    "LiveMap": "actualizing.live",
    "History": "history",
    "MapDiff": "differences",
    "MapcoreError": "errors",
    "Misdirected": "errors",
    "NoCopy": "errors",
    "NoMaster": "errors",
    "Node": "cluster",
    "NodeIndex": "maps",
    "PAIRED": "states",
    "PackedKeys": "routing",
    "PartitionMap": "maps",
    "Placement": "states",
    "Policy": "planning.policies.policy",
    "Plan": "planning.plans",
    "RUNNING": "states",
    "RangeKeys": "keys",
    "Router": "routing",
    "Running": "states",
    "SAFE": "states",
    "Settings": "cluster",
    "Schedule": "actualizing.scheduling.schedule",
    "Step": "actualizing.steps",
    "Verification": "actualizing.verifying.verdicts",
    "Version": "maps",
    "VersionWindow": "history",
    "TierPlan": "planning.tiers.plans",
    "TieredRouter": "routing.tiers",
    "TransitionReport": "transitions",
    "WireError": "errors",
    "cluster_health": "health",
    "diff": "differences",
    "dumps": "documents",
    "load": "documents",
    "loads": "documents",
    "map_health": "health",
    "failover": "actualizing.failover",
    "fanout": "planning.fanout.measuring",
    "compare_max_peers": "planning.fanout.comparing",
    "fanout_counts": "planning.fanout.counts",
    "fanout_graph": "planning.fanout.graph",
    "smallest_max_peers": "planning.fanout.smallest",
    "merge": "planning.partitioning.ranges",
    "next_hop": "states",
    "next_steps": "actualizing.next_steps",
    "schedule": "actualizing.scheduling.schedule",
    "verify": "actualizing.verifying.walk",
    "plan": "planning.planner",
    "plan_tiers": "planning.tiers.planner",
    "plan_ranges": "planning.partitioning.ranges",
    "policy": "planning.policies.policy",
    "problems": "documents",
    "resized": "planning.partitioning.resizing",
    "save": "documents",
    "split": "planning.partitioning.ranges",
    "state_code": "states",
    "validate_transitions": "transitions",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'mapcore' has no attribute {name!r}")
    value = getattr(import_module(f"mapcore.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(_HOMES))

"""Actualizing: from the current map to the target map, step by step.

The layer is pure: it takes maps, what is under way and the time as arguments, and returns values.
What each partition could do is *proposed* from the two maps (`proposals`); what throttles, sources
and urgency let start is *admitted* (`starting`) and *built* into steps (`building`).
Steps change the *live* map by compare-and-swap. `next_steps` is all of that in one call:

    live = LiveMap(cluster.current)
    while live.snapshot() != target:
        live.follow(target)
        steps = next_steps(live, target, nodes=cluster.nodes, config=cluster.config, now=now)
        for step in steps.cancel:
            live.fail(step.id, now)
        for step in steps:
            live.start(step, now)           # and hand it to its nodes
        ...                                 # wait for news: live.complete(...), live.fail(...)

Beside it: `failover` (which lost nodes lose their masters), `repartition` (ranges that are split
and merged), `derived` (indexes, other clusters and backups, which follow a source), `ledger` (what
happened, and why something waits).
"""

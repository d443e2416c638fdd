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

Rooms: `starting` decides which of the changes that are possible start now, `scheduling` plans a
whole change with a bound on its length, `verifying` proves any schedule moment by moment,
`deriving` has copies that follow a source (indexes, other clusters, backups). Beside them:
`failover` (which lost nodes lose their masters), `repartition` (ranges that are split and merged),
`rehearsal` (a run with time simulated), `ledger` (what happened, and why something waits).
"""

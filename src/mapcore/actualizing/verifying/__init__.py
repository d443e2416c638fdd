"""Whether a schedule is safe at every moment, whoever made it.

    proof = mapcore.verify(current, target, schedule.to_json_lines(), config, nodes=cluster.nodes)
    print(proof.report())

The steps are walked one by one (`walk`) over maps that start as the current ones (`rows`), in the
order of their rounds or seconds (`timetable`). At each the walk sees that the tables allow it, that
it finds what it expects, that what it waits for is done and that every throttle has room; after
each, every promise is looked at, one class each:

| module | what it holds a step to |
| --- | --- |
| copies | one master, enough copies in sync, a master as long as a copy in sync lives |
| places | spread over levels and rules of where slaves stand: as they were or shall be |
| peers | `maxPeers`: nodes that exchange data although neither map has them do so |
| peaks | no node leads more than at its peak |
| conditions | sources and targets of streams run, `warmsUp`, `deadGraceSeconds` |

A step that changes the number of hash partitions comes when nothing else of its map runs, and joins
only partitions that are alike. At the end the maps must be the targets. Nothing here knows how
schedules are made.
"""

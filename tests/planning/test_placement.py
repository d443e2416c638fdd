import numpy as np

from mapcore.planning.placement import PlacementProblem, place


def problem(partitions: int, nodes: int, copies: int, zones: int) -> PlacementProblem:
    share = partitions * copies / nodes
    return PlacementProblem(
        current=np.full((partitions, 0), -1, np.int32),
        copy_counts=np.full(partitions, copies, np.int32),
        eligible=np.ones(nodes, np.bool_),
        lower=np.full(nodes, int(np.floor(share)), np.int64),
        upper=np.full(nodes, int(np.ceil(share)), np.int64),
        levels=(np.arange(nodes, dtype=np.int32) % zones)[None, :],
    )


def test_a_fresh_map_has_every_copy_on_a_node_of_its_own_zone() -> None:
    placement = place(problem(partitions=12, nodes=8, copies=2, zones=4))
    assert placement.missing == 0
    assert placement.moves == 24
    assert placement.spread_excess == (0,)
    assert np.all(np.diff(np.sort(placement.nodes, axis=1), axis=1) > 0)

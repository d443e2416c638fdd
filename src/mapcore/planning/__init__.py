"""From the map as it is to the map as it should be, with proof.

    changed = apply_changes(cluster, map_name, changes)     # which nodes there are, in which mode
    start = start_of(changed)                               # who holds and leads what now
    problem = placement_problem(changed, start, asked)      # counts, shares, levels as arrays
    placement = place(problem)                              # which nodes hold a copy
    roles = assign_roles(roles_problem(..., placement))     # which copy is master
    target = target_map(placement, roles)

Everything up to the two engines and after them is arrays made from the map's compact index; names
and reasons are looked up when somebody asks for them.

The rooms: `placing` has the engines and what limits them, `peers` those that keep to few peers,
`certificates` checks what they return, `reporting` says it in words and pictures, `several_maps`
plans a cluster's maps together, `policies` lets a caller score copies, `partitioning` changes the
number of partitions, `tiers` connects routers, `fanout` counts who talks to whom. The modules
beside them are the way from a cluster to its plan.
"""

"""Fan-out and fan-in: with how few others each node exchanges data.

`measuring` counts what a map has; `graph` says which node may replicate to which (RI in vbmap,
Couchbase's generator of such maps).
"""

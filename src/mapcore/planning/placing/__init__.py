"""Which nodes hold a copy of each partition, and which copy is its master: engines, limits."""

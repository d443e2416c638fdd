"""All maps of a cluster planned together: each balanced, and the sum of them."""

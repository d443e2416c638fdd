"""Benchmarks: each row with its peer in the same run."""

"""Slow, obviously right twins of the kernels, for comparison."""

"""Policies of your own: Python functions that score copies, compiled by Numba."""

"""Actualizing: from the current map to the target map, step by step.

The layer is pure: it takes maps, what is under way and the time as arguments, and returns values.
"""

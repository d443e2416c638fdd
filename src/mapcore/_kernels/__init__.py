"""Compiled loops: typed, without the GIL, on plain arrays; they know nothing of mapcore's types."""

"""The tests; they mirror src/mapcore."""

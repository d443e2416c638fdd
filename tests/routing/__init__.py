"""The tests of the router."""

"""The tests of the planner."""

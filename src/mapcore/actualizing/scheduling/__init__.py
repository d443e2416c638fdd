"""A whole change of maps as rounds or a time line, with a bound on its length."""

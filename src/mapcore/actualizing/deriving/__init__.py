"""Copies that are derived from other copies: indexes, back-indexes, other clusters, backups."""

"""Tests of mapcore.documents."""

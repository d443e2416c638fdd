"""The `mapcore` command: one module for each verb.

`command.py` has the group of verbs and decides how errors end; `inputs.py` reads documents and
chooses maps; `rendering.py` writes text and tables for people, and JSON for programs.
"""

from __future__ import annotations

from mapcore.cli.command import main

__all__ = ["main"]

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner, Result

from mapcore.cli.command import cli

Run: TypeAlias = Callable[..., Result]
Write: TypeAlias = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """Return a function that runs the command inside this process, with its output in pipes."""

    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=stdin, prog_name="mapcore")

    return call


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a document and returns its path."""

    def call(document: Any, name: str = "cluster.json") -> str:
        path = tmp_path / name
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return str(path)

    return call

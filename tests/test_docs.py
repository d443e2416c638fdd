"""What the documentation shows is what happens."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import pytest

from tools import reference

ROOT = Path(__file__).resolve().parent.parent
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
BLOCK = re.compile(r"^```(console|python)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
EXIT_STATUS = re.compile(r"  # exits with (\d+)$")
ANYTHING = "..."


@dataclass
class Command:
    """One command of a console block, and the output that stands below it."""

    line: str
    shown: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        found = EXIT_STATUS.search(self.line)
        return int(found[1]) if found else 0


def commands(block: str) -> Iterator[Command]:
    """Split a block at its prompts; a line that ends in a backslash goes on in the next."""
    current: Command | None = None
    for line in block.splitlines():
        if line.startswith("$ "):
            if current:
                yield current
            current = Command(line[2:])
        elif current and not current.shown and current.line.endswith("\\"):
            current.line += "\n" + line
        else:
            assert current is not None, f"output before a command: {line}"
            current.shown.append(line)
    if current:
        yield current


def matches(shown: list[str], printed: list[str]) -> bool:
    """Whether lines are as shown; `...` stands for any text in a line, or for any lines."""
    if not shown:
        return not printed
    if shown[0].strip() == ANYTHING:
        return any(matches(shown[1:], printed[skipped:]) for skipped in range(len(printed) + 1))
    if not printed:
        return False
    pattern = ".*".join(map(re.escape, shown[0].rstrip().split(ANYTHING)))
    return bool(re.fullmatch(pattern, printed[0].rstrip())) and matches(shown[1:], printed[1:])


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_command_of_a_guide_prints_what_it_shows(guide: Path, tmp_path: Path) -> None:
    if "mapcore[policy]" in guide.read_text():
        pytest.importorskip("numba")
    for example in (ROOT / "examples").glob("*.json"):
        shutil.copy(example, tmp_path)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    found = BLOCK.findall(guide.read_text())
    assert found
    for language, group in groupby(found, key=lambda item: item[0]):
        blocks = [block for _, block in group]
        if language == "python":
            # Blocks that follow one another are one program.
            program = "\n".join(blocks)
            subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
            continue
        block = "".join(blocks)
        for command in commands(block):
            done = subprocess.run(
                ["bash", "-c", command.line],
                cwd=tmp_path,
                env=os.environ | {"PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            assert done.returncode == command.exit_status, command.line + "\n" + done.stdout
            printed = done.stdout.splitlines()
            assert matches(command.shown, printed), (
                f"$ {command.line}\n{done.stdout}\n-- shown --\n" + "\n".join(command.shown)
            )


def test_the_reference_of_the_command_is_its_help() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run python tools/reference.py"


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target

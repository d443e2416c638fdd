"""The tree stays as it is promised: short modules, stubs beside kernels, nothing left over."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    path
    for folder in ("src", "tests", "bench", "tools")
    for ending in ("*.py", "*.pyx", "*.pyi", "*.hpp", "*.h", "*.cpp", "*.c")
    for path in (ROOT / folder).rglob(ending)
)
MOST_LINES = 600


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_is_short_enough_to_read_in_one_go(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    "kernel", sorted((ROOT / "src/mapcore/_kernels").glob("*.pyx")), ids=relative
)
def test_a_kernel_has_a_stub(kernel: Path) -> None:
    assert kernel.with_suffix(".pyi").exists()


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_is_left_to_do_later(path: Path) -> None:
    marker = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
    assert not marker.search(path.read_text())


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_private_functions_are_used(path: Path) -> None:
    text = path.read_text()
    defined = re.findall(r"^def (_[a-z]\w*)", text, flags=re.MULTILINE)
    assert [name for name in defined if len(re.findall(rf"\b{name}\b", text)) < 2] == []

"""Run the benchmarks and write docs/performance.md's tables from what they measured.

    python tools/performance.py            # whole sizes, some minutes
    python tools/performance.py --json F   # from a result of pytest-benchmark

What stands between the markers in docs/performance.md is replaced; the text around them stays.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- begin measured -->", "<!-- end measured -->"
PACKAGES = ("numpy", "msgspec", "ortools", "uhashring", "jump-consistent-hash")


def run_benchmarks() -> dict[str, Any]:
    """Run all of bench/ and return what pytest-benchmark recorded."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        subprocess.run(
            [sys.executable, "-m", "pytest", "bench", "-q", f"--benchmark-json={result}"],
            cwd=ROOT,
            check=True,
        )
        loaded: dict[str, Any] = json.loads(result.read_text())
        return loaded


def duration(seconds: float) -> str:
    """Return seconds as readable text."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def render(result: dict[str, Any]) -> str:
    """Return the tables, one a benchmark file, as Markdown."""
    cpu = result["machine_info"].get("cpu", {})
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} absent")
    lines = [
        f"Machine: {cpu.get('brand_raw', platform.processor())}, {cpu.get('count')} logical "
        f"processors, {platform.system()} {platform.machine()}. Python "
        f"{platform.python_version()}, {', '.join(versions)}.",
        "",
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in result["benchmarks"]:
        if "row" in item["extra_info"]:
            groups.setdefault(item["fullname"].split("::")[0], []).append(item["extra_info"])
    for file, rows in groups.items():
        lines += [
            f"### {file}",
            "",
            "| what | ours | peer | | ratio | target | |",
            "| --- | ---: | --- | ---: | ---: | ---: | --- |",
        ]
        for row in rows:
            target, ratio = row["target"], row["ratio"]
            verdict = "" if target is None else ("reached" if ratio <= target else "missed")
            lines.append(
                f"| {row['row']} | {duration(row['ours_seconds'])} | {row['peer']} | "
                f"{duration(row['peer_seconds'])} | {ratio:.3g} | "
                f"{'' if target is None else f'≤ {target:g}'} | "
                f"{'; '.join(part for part in (verdict, row['note']) if part)} |"
            )
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", type=Path, help="a result of pytest-benchmark to render")
    arguments = parser.parse_args()
    result = json.loads(arguments.json.read_text()) if arguments.json else run_benchmarks()
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{render(result)}\n{END}{after}")


if __name__ == "__main__":
    main()

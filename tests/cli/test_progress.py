from __future__ import annotations

import os
import pty
import subprocess
import sys

SLOW = """
import time
from mapcore.cli import progress
progress.PATIENCE_SECONDS = {patience}
with progress.progress("thinking"):
    time.sleep(0.6)
print("done")
"""


def standard_error_of(patience: float, *, on_terminal: bool) -> str:
    """Return what 0.6 seconds of work write to standard error."""
    ours, theirs = pty.openpty() if on_terminal else os.pipe()
    subprocess.run(
        [sys.executable, "-c", SLOW.format(patience=patience)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm"},
        check=True,
    )
    os.close(theirs)
    try:
        return os.read(ours, 65_536).decode()
    except OSError:
        return ""
    finally:
        os.close(ours)


def test_slow_work_is_shown_on_a_terminal() -> None:
    assert "thinking" in standard_error_of(0.1, on_terminal=True)


def test_quick_work_is_not_shown() -> None:
    assert standard_error_of(60.0, on_terminal=True) == ""


def test_nothing_is_shown_in_a_pipe() -> None:
    assert standard_error_of(0.1, on_terminal=False) == ""

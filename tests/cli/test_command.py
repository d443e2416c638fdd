from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Run, Write
from tests.cli.documents import COUCHBASE, one_map, two_maps

PROGRAM = [sys.executable, "-c", "from mapcore.cli import main; main()"]


def start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def on_terminal(arguments: Sequence[str], **environment: str) -> str:
    """Return what the command prints to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdout=theirs,
        stderr=theirs,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"} | environment,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    done.wait()
    return shown.decode()


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version").stdout == f"mapcore {version('mapcore')}\n"


def test_help_names_every_verb(run: Run) -> None:
    shown = run("--help").stdout
    for verb in ("diff", "validate", "show", "completion"):
        assert re.search(rf"^  {verb} ", shown, flags=re.MULTILINE), verb


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shwo"], "No such command 'shwo'"),
        (["show"], "Missing argument 'DOC'"),
        (["show", "--nodes", COUCHBASE], "No such option"),
        (["diff"], "Missing argument 'A'"),
        (["completion", "csh"], "'csh' is not one of"),
    ],
)
def test_wrong_use_exits_with_2_and_says_what_is_wrong(
    run: Run, arguments: list[str], message: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Usage: mapcore" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("verb", [["show"], ["diff"]])
def test_a_wrong_document_is_one_line_on_standard_error(
    run: Run, write: Write, verb: list[str]
) -> None:
    document = one_map()
    document["map"]["partitions"]["1"]["master"] = ["x"]
    path = write(document)
    result = run(*verb, path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(
        rf'mapcore: {re.escape(path)}: map\.partitions\."1"\.master\[0\]: found .*, expected .*\n',
        result.stderr,
    )


def test_a_file_that_cannot_be_read_is_one_line_on_standard_error(run: Run, tmp_path: Path) -> None:
    missing = str(tmp_path / "none.json")
    for path, reason in ((missing, "No such file or directory"), (str(tmp_path), "Is a directory")):
        result = run("show", path)
        assert (result.exit_code, result.stderr) == (2, f"mapcore: {path}: {reason}\n")


def test_a_document_comes_from_standard_input_for_a_dash(run: Run, write: Write) -> None:
    with open(write(one_map())) as file:
        text = file.read()
    assert run("show", "-", stdin=text).stdout == run("show", write(one_map())).stdout
    result = run("show", "-", stdin="{")
    assert result.exit_code == 2
    assert result.stderr.startswith("mapcore: <stdin>: ")


def test_several_maps_need_a_name(run: Run, write: Write) -> None:
    path = write(two_maps())
    result = run("lookup", path, "key")
    assert result.exit_code == 2
    assert f"mapcore: {path}: found 2 maps (users, logs), expected one" in result.stderr
    result = run("diff", path, "--map", "people")
    assert result.exit_code == 2
    assert "found no map called 'people'" in result.stderr


def test_a_pipe_gets_no_colour_and_a_terminal_does() -> None:
    piped = subprocess.run([*PROGRAM, "show", COUCHBASE], capture_output=True, text=True)
    assert (piped.returncode, piped.stderr) == (0, "")
    assert "\x1b" not in piped.stdout
    assert "\nkv-49  group-5   green   active" in piped.stdout
    shown = on_terminal(["show", COUCHBASE])
    assert "\x1b[32mgreen" in shown
    assert "and 10 more" in shown


def test_no_color_keeps_colour_off_a_terminal() -> None:
    shown = on_terminal(["show", COUCHBASE], NO_COLOR="1")
    assert "kv-39" in shown
    assert not re.search(r"\x1b\[3\dm", shown)


def test_a_reader_that_goes_away_ends_the_run_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as output:
        arguments = [*PROGRAM, "show", COUCHBASE, "--node", "kv-00"]
        done = subprocess.run(arguments, stdout=output, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_interrupt_ends_the_run_quietly_with_130() -> None:
    process = start(["show", "-"])
    assert process.stdin is not None
    process.stdin.write("{")
    process.stdin.flush()
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert "Traceback" not in errors


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_the_script_of_a_shell(run: Run, shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert f"_MAPCORE_COMPLETE={shell}_complete" in result.stdout


def completed(words: str, word_count: int) -> list[str]:
    done = subprocess.run(
        PROGRAM,
        env=os.environ
        | {
            "_MAPCORE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(word_count),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_verbs_options_and_names_of_nodes_and_maps_complete(write: Write) -> None:
    path = write(two_maps())
    assert completed("mapcore va", 1) == ["validate"]
    assert "--partition" in completed("mapcore show --", 2)
    assert completed(f"mapcore show {COUCHBASE} --node kv-4", 4) == [
        f"kv-4{digit}" for digit in range(10)
    ]
    assert completed(f"mapcore show {path} --map ", 4) == ["users", "logs"]
    assert completed("mapcore show none.json --map ", 4) == []

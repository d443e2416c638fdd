"""Write docs/reference/command.md from the help of the command.

    python tools/reference.py

A test holds the page equal to what this writes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from mapcore.cli.command import cli

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "command.md"
PREFACE = """\
# The command

<!-- Written by tools/reference.py from the help of the command: change it there. -->

On a terminal, output is laid out in colour, long tables are cut, and what takes longer than a
second shows that it is at work (on standard error). In a pipe, output is plain text: whole, in
columns two spaces apart, never in colour. `NO_COLOR` keeps colour off a terminal too. With `--json`
a verb prints one JSON document, `lookup` a line for each key; the names of its fields stay.

| exit status | |
| --- | --- |
| 0 | done |
| 1 | found wanting, as the verb says |
| 2 | wrong use, a document that cannot be read, or a change that cannot be planned |
| 130 | interrupted |
| 141 | the reader of the pipe has gone |

A wrong document is one line on standard error: `mapcore: FILE: path: found ..., expected ...`.
Each verb prints its help with `--help`, and `mapcore --version` the version.
"""


def page() -> str:
    """Return the page: a section for each verb."""
    context = click.Context(cli)
    sections = [PREFACE]
    for name in cli.list_commands(context):
        verb = cli.get_command(context, name)
        assert verb is not None
        sections.append("\n".join(_section(name, verb)))
    return "\n".join(sections)


def _written(default: Any) -> str:
    """Return the default of an option as text: numbers with commas, several in a row."""
    values = default if isinstance(default, tuple) else (default,)
    return ", ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in values)


def _section(name: str, verb: click.Command) -> Iterator[str]:
    arguments = [p for p in verb.params if isinstance(p, click.Argument)]
    options = [p for p in verb.params if isinstance(p, click.Option)]
    usage = " ".join(["mapcore", name, *(str(argument.metavar) for argument in arguments)])
    yield f"## {name}\n"
    yield f"`{usage}`\n"
    yield inspect.cleandoc(verb.help or "").replace("\b\n", "") + "\n"
    if options:
        yield "| option | |"
        yield "| --- | --- |"
        for option in options:
            spelled = ", ".join(sorted(option.opts, key=len))
            value = f" {option.metavar}" if option.metavar else ""
            default = f" [{_written(option.default)}]" if option.show_default else ""
            yield f"| `{spelled}{value}` | {option.help}{default} |"
        yield ""


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())

"""The group of all verbs, and how a run ends.

Exit status: 0 done, 1 found wanting, 2 wrong use or a document that cannot be read, 130
interrupted, 141 when the reader of a pipe has gone.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any, Final, NoReturn

import click

from mapcore.errors import MapcoreError

__all__ = ["cli", "main"]

WRONG_USE: Final = 2
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141

_VERBS: Final = (
    "plan",
    "steps",
    "verify",
    "rehearse",
    "split",
    "merge",
    "tiers",
    "diff",
    "validate",
    "show",
    "fanout",
    "lookup",
    "demo",
    "completion",
)


class ReaderGone(Exception):  # noqa: N818 - the condition is the name
    """The reader of a pipe has gone; click would end such a run with 1."""


class VerbGroup(click.Group):
    """Verbs that are imported when they are used, and errors that end in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of the help."""
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a verb from the module that has its name."""
        if cmd_name not in _VERBS:
            return None
        module = import_module(f"mapcore.cli.{cmd_name}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a verb up to its last byte of output."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            raise ReaderGone from None
        return status

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run the verb that the arguments name, and exit."""
        kwargs["standalone_mode"] = False
        try:
            status = super().main(*args, **kwargs)
        except ReaderGone:
            # Whatever is still buffered must not raise again when the interpreter ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(BROKEN_PIPE)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(INTERRUPTED)
        except click.ClickException as error:
            error.show()
            sys.exit(WRONG_USE)
        except (MapcoreError, OSError) as error:
            print(f"mapcore: {describe_error(error)}", file=sys.stderr)
            sys.exit(WRONG_USE)
        sys.exit(status if isinstance(status, int) else 0)


def describe_error(error: Exception) -> str:
    """Return an error as one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split("\n"))


@click.group(
    cls=VerbGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="mapcore", message="%(prog)s %(version)s")
def cli() -> None:
    """Plan, compare, check and look things up in the partition maps of a cluster.

    DOC is a cluster document (JSON), or - for standard input.

    Exit status: 0 done, 1 found wanting, 2 wrong use or a document that cannot be read.
    """


def main() -> NoReturn:
    """Run the command; the entry point of the `mapcore` program."""
    cli.main(prog_name="mapcore")

"""`--throttle FIELD=N`: other limits than the document's, to see what they would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import click
import msgspec
from click.shell_completion import CompletionItem

from mapcore.actualizing.throttles import THROTTLES
from mapcore.cluster import Cluster, Config

__all__ = ["throttle_option", "with_throttles"]

Command = TypeVar("Command", bound=Callable[..., Any])

_NO_LIMIT: Final = "none"
_ATTRIBUTES: Final = {
    row.field: row.attribute for row in THROTTLES if not isinstance(row.default, dict)
}


class _Throttle(click.ParamType[tuple[str, int | None]]):
    """The attribute of a throttle in `Config`, and its value."""

    name = "throttle"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int | None]:
        """Read FIELD=N."""
        field, _, text = value.partition("=")
        if field not in _ATTRIBUTES:
            self.fail(f"found {field!r}, expected one of {', '.join(_ATTRIBUTES)}.")
        if text != _NO_LIMIT and not (text.isascii() and text.isdecimal()):
            self.fail(f"found {value!r}, expected {field}=N, or {field}={_NO_LIMIT} for no limit.")
        return _ATTRIBUTES[field], None if text == _NO_LIMIT else int(text)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Complete the field."""
        return [CompletionItem(f) for f in _ATTRIBUTES if f.startswith(incomplete)]


def throttle_option(command: Command) -> Command:
    """Add `--throttle FIELD=N`."""
    return click.option(
        "--throttle",
        "throttles",
        metavar="FIELD=N",
        type=_Throttle(),
        multiple=True,
        help="A limit instead of that in config, such as maxBackfills=4; none for no limit.",
    )(command)


def with_throttles(cluster: Cluster, given: Sequence[tuple[str, int | None]]) -> Config:
    """Return the config of a cluster with some throttles changed."""
    return msgspec.structs.replace(cluster.config, **dict(given))

"""Documents, maps and names that verbs are given; completion of the latter."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final, Literal, NoReturn, TypeVar

import click
from click.shell_completion import CompletionItem

import mapcore
from mapcore.cli.progress import progress
from mapcore.cluster import Cluster, ClusterMap
from mapcore.errors import DocumentError, MapcoreError, MapError
from mapcore.maps import PartitionMap

__all__ = [
    "STDIN",
    "Form",
    "choose_form",
    "choose_map",
    "document_argument",
    "fail",
    "form_options",
    "json_option",
    "map_option",
    "name_completion",
    "paths_argument",
    "read_cluster",
]

Form = Literal["current", "target"]
Command = TypeVar("Command", bound=Callable[..., Any])

STDIN: Final = "-"
STDIN_SOURCE: Final = "<stdin>"


def fail(doc: str, message: str) -> NoReturn:
    """Raise an error about a document as a whole, to end the run with one line."""
    raise MapcoreError(f"{STDIN_SOURCE if doc == STDIN else doc}: {message}")


def read_cluster(doc: str) -> Cluster:
    """Load the document at a path, or from standard input for `-`.

    Raises:
        DocumentError: it is not a cluster document.
        OSError: it cannot be read.
    """
    with progress(f"reading {doc}"):
        if doc == STDIN:
            return mapcore.loads(sys.stdin.buffer.read(), source=STDIN_SOURCE)
        return mapcore.load(doc)


def choose_map(cluster: Cluster, doc: str, name: str | None) -> tuple[str, ClusterMap]:
    """Return the name and entry of the map that `--map` names, or of the only one."""
    try:
        entry = cluster.map(name)
    except MapError as error:
        fail(doc, f"{error} (--map)")
    return name or next(iter(cluster.maps)), entry


def choose_form(
    entry: ClusterMap, doc: str, *preferred: Form, only: bool = False
) -> tuple[Form, PartitionMap]:
    """Return the first form of a map that is there, in the order preferred.

    Args:
        entry: the map.
        doc: the document, for the error.
        *preferred: forms, first the one that is wanted most.
        only: whether nothing but the first will do.
    """
    forms: dict[Form, PartitionMap | None] = {"current": entry.current, "target": entry.target}
    for form in preferred[:1] if only else preferred:
        held = forms[form]
        if held is not None:
            return form, held
    present = ", ".join(form for form, held in forms.items() if held is not None) or "none"
    fail(doc, f"found {present}, expected a {preferred[0]} map")


def _loaded_for_completion(ctx: click.Context) -> Cluster | None:
    # While an option waits for its value, click has not yet made parameters of the arguments.
    given = [ctx.params.get("doc"), ctx.params.get("a"), *ctx.args]
    doc = next((value for value in given if isinstance(value, str)), STDIN)
    if doc == STDIN:
        return None
    try:
        return mapcore.load(doc)
    except (OSError, DocumentError):
        return None


def name_completion(
    kind: Literal["node", "map"],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return a function that completes names of nodes or maps from the document given so far."""

    def complete(
        ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        cluster = _loaded_for_completion(ctx)
        if cluster is None:
            return []
        names = cluster.node_index.names if kind == "node" else tuple(cluster.maps)
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def _complete_path(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


def document_argument(name: str = "doc", **attributes: Any) -> Callable[[Command], Command]:
    """Return the decorator for an argument that names a document."""
    attributes.setdefault("metavar", name.upper())
    return click.argument(name, shell_complete=_complete_path, **attributes)


def paths_argument(command: Command) -> Command:
    """Add the argument `DOC...`."""
    return click.argument(
        "docs", metavar="DOC...", nargs=-1, required=True, shell_complete=_complete_path
    )(command)


def map_option(command: Command) -> Command:
    """Add `--map NAME`."""
    return click.option(
        "--map",
        "map_name",
        metavar="NAME",
        shell_complete=name_completion("map"),
        help="The map, where the document has several.",
    )(command)


def form_options(command: Command) -> Command:
    """Add `--current` and `--target`."""
    for form in ("target", "current"):
        command = click.option(f"--{form}", "form", flag_value=form, help=f"Take the {form} map.")(
            command
        )
    return command


def json_option(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)

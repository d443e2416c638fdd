"""Documents: the JSON that describes a cluster, to the model and back.

`docs/reference/documents.md` says what may stand in one. Reading goes through these modules:

- `plain` cuts the large parts, nodes and partitions, out of a strict document as bytes;
- `parsing` makes a tree of the rest, and of everything if the document is not strict;
- `reading` makes the cluster, with `settings` (settings, config, nodes), `partitions`, `maps` and
  `targets`; each reader takes a value and its place (`places`), and is built of `shapes`;
- parts that are plain become arrays at once (`plain` again), others by way of a tree.

An error of the fast way is never shown: the document is read once more, whole, as a tree, and the
first thing that is wrong there is the one error, with its path.

`writing` is the way back, with `partition_text` for what there is most of; `files` puts the text
on disk. `findings` lists what is odd, though not wrong.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from mapcore.cluster import Cluster
from mapcore.documents.files import write_atomically
from mapcore.documents.findings import Problem, problems
from mapcore.documents.parsing import parse
from mapcore.documents.plain import split
from mapcore.documents.reading import read_cluster
from mapcore.documents.writing import Layout, write_cluster
from mapcore.errors import DocumentError

__all__ = ["Problem", "dumps", "load", "loads", "problems", "save"]


def load(path: str | os.PathLike[str]) -> Cluster:
    """Return the cluster that the document at `path` describes.

    Raises:
        DocumentError: the document is wrong; nothing of it is loaded.
        OSError: the file cannot be read.
    """
    return loads(Path(path).read_bytes(), source=os.fspath(path))


def loads(data: bytes | str, source: str | None = None) -> Cluster:
    """Return the cluster that a document describes.

    Args:
        data: JSON in UTF-8; comments and trailing commas may stand in it.
        source: what errors call the document.

    Raises:
        DocumentError: the document is wrong; nothing of it is loaded.
    """
    try:
        return _read(_bytes_of(data))
    except DocumentError as error:
        raise DocumentError(error.path, error.found, error.expected, source) from None


def _read(data: bytes) -> Cluster:
    parted = split(data)
    if parted is not None:
        rest, parts = parted
        with suppress(DocumentError):
            return read_cluster(parse(rest), parts)
    # Errors come from here alone: lines and columns count from the start of the whole document.
    return read_cluster(parse(data))


def _bytes_of(data: bytes | str) -> bytes:
    if not isinstance(data, str):
        return bytes(data)
    try:
        return data.encode()
    except UnicodeEncodeError as error:
        raise DocumentError(
            "", f"a lone surrogate at character {error.start}", "text that UTF-8 can hold"
        ) from None


def dumps(cluster: Cluster, *, indent: int | None = 2) -> bytes:
    """Return a cluster's document as JSON in UTF-8.

    Args:
        cluster: what to write.
        indent: spaces a level, one node and one partition a line; None for one line in all.

    Raises:
        DocumentError: the cluster is one that no document may describe, such as a target map with
            more copies than the constraints ask for.
    """
    try:
        return (write_cluster(cluster, Layout(indent)) + "\n").encode()
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, DocumentError):
            raise
        raise DocumentError("", f"a value that JSON cannot hold ({error})", "JSON values") from None


def save(cluster: Cluster, path: str | os.PathLike[str], *, indent: int | None = 2) -> None:
    """Write a cluster's document to a file, atomically and durably.

    Whatever happens, the file holds the old document or the new one. Permissions are kept.

    Raises:
        DocumentError: as `dumps`.
        OSError: the file cannot be written.
    """
    write_atomically(path, dumps(cluster, indent=indent))

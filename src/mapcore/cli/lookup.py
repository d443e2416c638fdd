"""`mapcore lookup`: the partition, masters and slaves of keys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import click

import mapcore
from mapcore.cli.inputs import (
    STDIN,
    Form,
    choose_form,
    choose_map,
    document_argument,
    form_options,
    json_option,
    map_option,
    read_cluster,
)
from mapcore.cli.rendering import Table, print_table
from mapcore.errors import KeyNotCovered
from mapcore.maps import PartitionMap
from mapcore.states import Placement

__all__ = ["lookup"]

NOT_COVERED: Final = 1
HEADER: Final = ("key", "partition", "masters", "slaves")


@click.command()
@document_argument()
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@map_option
@form_options
@json_option
@click.pass_context
def lookup(
    ctx: click.Context,
    doc: str,
    keys: tuple[str, ...],
    map_name: str | None,
    form: Form | None,
    as_json: bool,
) -> None:
    """Show the partition, masters and slaves of keys.

    KEY - reads keys from standard input, one a line. Looks in the current map, or in the target
    where there is no other. With --json prints a line for each key.

    Exit status: 1 if a range map does not cover a key.
    """
    if doc == STDIN and STDIN in keys:
        raise click.UsageError("document and keys cannot both be standard input.")
    cluster = read_cluster(doc)
    _, entry = choose_map(cluster, doc, map_name)
    _, held = choose_form(entry, doc, form or "current", "target", only=bool(form))
    answers = Answers(held)
    if as_json:
        _print_json_lines(answers, _key_bytes(keys))
    elif STDIN in keys or not sys.stdout.isatty():
        _print_lines(answers, _key_bytes(keys))
    else:
        rows = (_row(key, answers.of(key)) for key in _key_bytes(keys))
        print_table(Table(HEADER, rows))
    ctx.exit(0 if answers.is_all_covered else NOT_COVERED)


class Answer(NamedTuple):
    """Where a key lives; the same for all keys of a partition."""

    partition: str
    masters: tuple[str, ...]
    slaves: tuple[str, ...]


class Answers:
    """Answers for keys, worked out once a partition."""

    def __init__(self, held: PartitionMap) -> None:
        self._held = held
        self._router = mapcore.Router(held)
        self._known: dict[int, Answer] = {}
        self.is_all_covered = True

    def of(self, key: bytes) -> Answer | None:
        """Return where a key lives; None, which is remembered, if no partition covers it."""
        try:
            partition = self._router.partition(key)
        except KeyNotCovered:
            self.is_all_covered = False
            return None
        answer = self._known.get(partition)
        if answer is None:
            answer = self._known[partition] = self._answer(partition)
        return answer

    def _answer(self, partition: int) -> Answer:
        copies = self._held.copies(partition)
        masters, slaves = (
            tuple(copy.node for copy in copies if copy.placement.devolved is role)
            for role in (Placement.MASTER, Placement.SLAVE)
        )
        return Answer(self._held.keys.name(partition), masters, slaves)


def _key_bytes(arguments: Iterable[str]) -> Iterator[bytes]:
    for argument in arguments:
        if argument == STDIN:
            for line in sys.stdin.buffer:
                yield line.removesuffix(b"\n")
        else:
            yield os.fsencode(argument)


def _row(key: bytes, answer: Answer | None) -> tuple[str, ...]:
    text = key.decode(errors="backslashreplace")
    if answer is None:
        return text, "not covered", "-", "-"
    return text, answer.partition, _joined(answer.masters), _joined(answer.slaves)


def _joined(names: tuple[str, ...]) -> str:
    return ",".join(names) or "-"


def _print_lines(answers: Answers, keys: Iterable[bytes]) -> None:
    """Print a line a key with tabs between its columns, as soon as the key is read."""
    sys.stdout.write("\t".join(HEADER) + "\n")
    for key in keys:
        sys.stdout.write("\t".join(_row(key, answers.of(key))) + "\n")


def _print_json_lines(answers: Answers, keys: Iterable[bytes]) -> None:
    for key in keys:
        answer = answers.of(key)
        line: dict[str, Any] = {"key": key.decode(errors="backslashreplace")}
        if not _is_text(key):
            line["keyHex"] = key.hex()
        line["partition"] = None if answer is None else answer.partition
        line["masters"] = [] if answer is None else answer.masters
        line["slaves"] = [] if answer is None else answer.slaves
        sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")


def _is_text(key: bytes) -> bool:
    try:
        key.decode()
    except UnicodeDecodeError:
        return False
    return True

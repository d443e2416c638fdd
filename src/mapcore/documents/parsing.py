"""Text to a tree of plain values: objects are dicts, lists are lists.

Takes JSON with comments and trailing commas, as people edit by hand. An object that names a member
twice becomes a `Repeated`, so that whoever knows the place of that object can say so. Anything that
is not JSON is an error that gives line and column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn

import rapidjson

from mapcore.documents.places import describe
from mapcore.errors import DocumentError

__all__ = ["Repeated", "parse"]

_BYTE_ORDER_MARKS: Final = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_ENCODING: Final = "UTF-8 without a byte order mark"


class Repeated(dict[str, Any]):
    """An object in which a name stands twice; `name` is the first such."""

    name: str


class _Decoder(rapidjson.Decoder):
    def start_object(self) -> list[tuple[str, Any]]:
        return []

    def end_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        tree = dict(pairs)
        if len(tree) == len(pairs):
            return tree
        repeated = Repeated(tree)
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                repeated.name = name
                break
            seen.add(name)
        return repeated


_decode: Final[Callable[[bytes], Any]] = _Decoder(
    parse_mode=rapidjson.PM_COMMENTS | rapidjson.PM_TRAILING_COMMAS
)


def parse(data: bytes) -> Any:
    """Return the tree that `data` spells.

    Raises:
        DocumentError: it is not JSON in UTF-8, or nested too deeply. The path is the line and the
            column, both from 1; columns count characters.
    """
    if data.startswith(_BYTE_ORDER_MARKS):
        _fail_at(data, 0, "a byte order mark", _ENCODING)
    try:
        if b"\0" in data:
            data.decode()
            _fail_at(data, data.index(b"\0"), "a NUL character", "JSON")
        return _decode(data)
    except UnicodeDecodeError as error:
        _fail_at(data, error.start, f"the byte 0x{data[error.start]:02x}", _ENCODING)
    except RecursionError:
        raise DocumentError(
            "", "objects or lists nested more than 1,000 deep", "a document of moderate depth"
        ) from None
    except rapidjson.JSONDecodeError as error:
        _fail_at(data, *_position_and_reason(data, str(error)))


def _position_and_reason(data: bytes, message: str) -> tuple[int, str, str]:
    """Read "Parse error at offset 12: Missing a comma or '}' after an object member."."""
    before, _, reason = message.partition(": ")
    digits = before.rpartition(" ")[2]
    offset = min(int(digits), len(data)) if digits.isdecimal() else 0
    rest = data[offset : offset + 200].decode(errors="replace")
    first_line = rest.partition("\n")[0] or rest[:1]
    found = describe(first_line) if rest.strip() else "the end of the document"
    return offset, found, f"JSON ({reason.rstrip('.').lower()})"


def _fail_at(data: bytes, offset: int, found: str, expected: str) -> NoReturn:
    before = data[:offset].decode(errors="replace")
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    raise DocumentError(f"line {line}, column {column}", found, expected) from None

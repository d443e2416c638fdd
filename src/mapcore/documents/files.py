"""Writing a file so that a crash leaves the old one or the new one, never a part of either."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["write_atomically"]

_NAME_CHARACTERS_KEPT = 100


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Replace the file at `path` by one that holds `data`, durably, keeping its permissions.

    The data goes to a temporary file in the same directory, which then takes the name. A symbolic
    link stays; what it points to is replaced. Until this returns, a reader sees the old file or
    the whole new one.

    Raises:
        OSError: the file could not be written; the old one is untouched, the temporary one gone.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".{target.name[:_NAME_CHARACTERS_KEPT]}.{secrets.token_hex(8)}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(handle, "wb") as file:
            if target.exists():
                os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink()
        raise
    _sync_directory(target.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Why the system or SQLite did not let us read or write, in one sentence."""

from __future__ import annotations

import errno
import os
import pwd
import sqlite3
from pathlib import Path

_DENIED = {errno.EACCES, errno.EPERM}
_WORDS = {
    sqlite3.SQLITE_BUSY: "another process has it locked",
    sqlite3.SQLITE_LOCKED: "another process has it locked",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore it from a back-up",
    sqlite3.SQLITE_NOTADB: "the file is not a SQLite database; restore it from a back-up",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written",
}
_CLOSED = {sqlite3.SQLITE_READONLY: "it cannot be written", sqlite3.SQLITE_CANTOPEN: "it cannot be opened"}
"""What SQLite says for want of permission, or on a disk that is mounted to be read only."""


def sentence(error: OSError) -> str:
    """Name the path, what is wrong, and for a lack of permission who asked and whose it is."""
    if error.strerror is None:
        return str(error) or type(error).__name__
    path = error.filename2 or error.filename
    what = (
        f"{os.fsdecode(path)}: {error.strerror}" if path is not None and not isinstance(path, int) else error.strerror
    )
    if error.errno in _DENIED and path is not None and not isinstance(path, int):
        return f"{what}{whose(Path(os.fsdecode(path)))}"
    return what


def sqlite_sentence(error: sqlite3.Error, path: Path) -> str:
    """Say why SQLite cannot use a file; its own text is not quoted, as it may hold values."""
    code = getattr(error, "sqlite_errorcode", None)
    kind = None if code is None else code & 0xFF  # the rest says more precisely what
    if kind in _CLOSED:
        why = ", as the file system is mounted read-only" if _is_read_only(path) else whose(path)
        return f"{path}: {_CLOSED[kind]}{why}"
    return f"{path}: {_WORDS.get(kind or 0, type(error).__name__)}"


def _is_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def whose(path: Path) -> str:
    """Say who runs the command and to whom a path belongs, or the nearest folder above it that exists."""
    return f" (this is user {_name(os.geteuid())}; {_owned(path)})"


def _owned(path: Path) -> str:
    for one in (path, *path.absolute().parents):
        try:
            return f"{one} belongs to {_name(one.stat().st_uid)}"
        except OSError:
            continue
    return "its owner cannot be seen"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
